"""What a learner that infers contexts made of its stream: from records with a belief. Imports no JAX."""

import json

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pcl.evaluation.checks import Vector
from pcl.evaluation.summary import Record

OF_CONTEXTS = ("contexts", "class_contexts")  # kinds of streams


def true_contexts(record: Record) -> NDArray[np.integer]:
    """The context of each bin of the log: that of the visit which its first step belongs to."""
    first = np.arange(len(record["seen"])) * record["log_every"]
    visit = np.searchsorted(np.asarray(record["visit_start"]), first, side="right") - 1
    return np.asarray(record["visit_task"])[visit]


def true_posterior(record: Record) -> Vector | None:
    """Belief in the context that is there, bin by bin; None for a learner without a belief.

    The learner's contexts have numbers of its own: they are matched with the true ones, one to one, so that belief
    and truth agree most. A context that found none to match is never believed in.
    """
    if record["belief"] is None:
        return None
    belief_NS, truth_N = np.asarray(record["belief"]), true_contexts(record)
    agreement_TS = np.stack([belief_NS[truth_N == task].sum(0) for task in range(int(truth_N.max()) + 1)])
    matched = dict(zip(*linear_sum_assignment(-agreement_TS), strict=True))
    return np.asarray(
        [row[matched[task]] if task in matched else 0.0 for task, row in zip(truth_N, belief_NS, strict=True)]
    )


def contexts_found(record: Record) -> float:
    """Contexts at the end of the stream; NaN for a learner without any."""
    return np.nan if record["contexts"] is None else float(record["contexts"][-1])


def rightly_found(record: Record) -> float:
    """100 where there are as many as the stream has (one, unless it is a stream of contexts), else 0."""
    of_contexts = json.loads(record["config"])["stream"]["kind"] in OF_CONTEXTS
    there = len(set(record["visit_task"])) if of_contexts else 1
    return np.nan if record["contexts"] is None else 100.0 * (record["contexts"][-1] == there)


def refusals(record: Record) -> float:
    """Times that a context was asked for and there was no room."""
    return np.nan if record["refused"] is None else float(np.sum(record["refused"]))
