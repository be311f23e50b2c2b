"""Metrics of streams of contexts: contexts found, samples needed to find them, and steps of inference.

All are of one record. NaN where the stream or the learner does not define them. Imports no JAX.
"""

import json
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pcl.evaluation.checks import Vector, ratio
from pcl.evaluation.reactions import shifts
from pcl.evaluation.summary import Record, revisit_accuracy
from pcl.registry import declared

HITS_IN_A_ROW = 5  # right answers in a row that count as recovery


def true_contexts(record: Record) -> NDArray[np.integer]:
    """The context of each bin of the log: that of the visit which its first step belongs to."""
    first = np.arange(len(record["seen"])) * record["log_every"]
    visit = np.searchsorted(np.asarray(record["visit_start"]), first, side="right") - 1
    return np.asarray(record["visit_task"])[visit]


def true_posterior(record: Record) -> Vector | None:
    """Belief in the true context, bin by bin; None for a learner without a belief.

    The learner's contexts have numbers of its own: they are matched with the true ones, one to one, so that belief
    and truth agree most. The belief in a true context without a match is 0.
    """
    if record.get("belief") is None:
        return None
    belief_NS, truth_N = np.asarray(record["belief"]), true_contexts(record)
    agreement_TS = np.stack([belief_NS[truth_N == task].sum(0) for task in range(int(truth_N.max()) + 1)])
    from scipy.optimize import linear_sum_assignment  # half a second to import, which every command would wait for

    matched = dict(zip(*linear_sum_assignment(-agreement_TS), strict=True))
    return np.asarray(
        [row[matched[task]] if task in matched else 0.0 for task, row in zip(truth_N, belief_NS, strict=True)]
    )


def contexts_found(record: Record) -> float:
    """Contexts at the end of the stream; NaN for a learner without any."""
    return float(record["contexts"][-1]) if record.get("contexts") else np.nan


def has_contexts(record: Record) -> bool:
    """Whether the stream is one of contexts."""
    kind = json.loads(record["config"])["stream"]["kind"]
    return bool(declared("pcl.streams", "contexts").get(kind, False))


def rightly_found(record: Record) -> float:
    """100 if as many contexts are found as the stream has (one, unless it is a stream of contexts), else 0."""
    there = len(set(record["visit_task"])) if has_contexts(record) else 1
    return 100.0 * (record["contexts"][-1] == there) if record.get("contexts") else np.nan


def refusals(record: Record) -> float:
    """Times that a new context was wanted and there was no free slot."""
    return float(np.sum(record["refused"])) if record.get("refused") else np.nan


def beside_oracle(records: Sequence[Record], oracle: str) -> Callable[[Record], dict[str, float]]:
    """Accuracy when contexts come back, compared with the learner `oracle`, which is told them, for `summarise`.

    `oracle_acc` is the oracle's on the same stream and seed, `revisit_share_of_oracle` the share of it that a run
    reaches (both in %), `revisit_acc_behind_first` and `oracle_acc_behind_first` leave the first step of an episode
    out. Nothing for a run without revisits or without an oracle.
    """
    runs = {(run["stream"], run["seed"]): run for run in records if run["learner"] == oracle}

    def beside(record: Record) -> dict[str, float]:
        told = runs.get((record["stream"], record["seed"]))
        if told is None or told["revisit_accuracy"] is None or record["revisit_accuracy"] is None:
            return {}
        return {
            "oracle_acc": revisit_accuracy(told),
            "revisit_share_of_oracle": 100 * float(ratio(revisit_accuracy(record), revisit_accuracy(told))),
            "revisit_acc_behind_first": revisit_accuracy(record, 1),
            "oracle_acc_behind_first": revisit_accuracy(told, 1),
        }

    return beside


def samples_on_first_visit(record: Record) -> float:
    """Samples of a context met for the first time before a bin of the log (5 samples on digits, 10 on MNIST) of hits.

    Median over contexts but the one that the stream begins with, the whole visit if never; NaN where contexts fade.
    """
    if json.loads(record["config"])["stream"].get("fade"):
        return np.nan
    right = np.asarray(record["hits"]) == np.asarray(record["seen"])
    starts, width, needed = [*record["visit_start"], record["steps"]], record["log_every"], []
    for context in set(record["visit_task"]) - {record["visit_task"][0]}:
        visit = record["visit_task"].index(context)
        first, behind = (-(-start // width) for start in starts[visit : visit + 2])
        bins = np.flatnonzero(right[first:behind])
        needed.append(width * bins[0] if len(bins) else starts[visit + 1] - starts[visit])
    return float(np.median(needed)) if needed else np.nan


def samples_to_recover(record: Record) -> float:
    """Samples of a returning context until `HITS_IN_A_ROW` correct predictions in a row; median; all if never."""
    hits = np.asarray(record["revisit_accuracy"]) == 1  # one sample a step
    needed = []
    for episode in hits:
        runs = [i for i in range(len(episode) - HITS_IN_A_ROW + 1) if episode[i : i + HITS_IN_A_ROW].all()]
        needed.append(runs[0] if runs else len(episode))
    return float(np.median(needed))


def settling(record: Record) -> dict[str, float]:
    """Inference steps per sample, away from shifts and in bins without errors, and their correlation with surprise.

    `mean_k_quiet` is over the bins of the log outside the quarter of a visit that follows each shift and the start of
    the stream, hard samples included; `mean_k_predicted` over the bins in which every sample was a hit;
    `spearman_k_surprise` over all bins, of steps and surprise per sample. Bins without a sample that was learned from
    are left out.
    """
    if record.get("inference_steps") is None:
        return {}
    steps, taught, hits, seen = (np.asarray(record[name]) for name in ("inference_steps", "taught", "hits", "seen"))
    some, numbers = taught > 0, {}
    if found := shifts(record):
        quiet = np.ones(len(steps), bool)
        for start in (0, *found.bins):
            quiet[start : start + found.quarter] = False
        numbers["mean_k_quiet"] = float(ratio(steps[quiet].sum(), taught[quiet].sum()))
    right = (hits == seen) & some
    numbers["mean_k_predicted"] = float(ratio(steps[right].sum(), taught[right].sum()))
    if record.get("surprise") is not None:
        known = some & np.isfinite(surprise := np.asarray(record["surprise"]))
        if known.any() and np.ptp(k := steps[known] / taught[known]) > 0:
            from scipy.stats import spearmanr  # a second to import, which every command would wait for

            numbers["spearman_k_surprise"] = float(spearmanr(k, surprise[known] / taught[known]).statistic)
    return numbers
