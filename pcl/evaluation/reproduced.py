"""Reproduced rows of tables beside the published ones, and a verdict on each. Imports no JAX.

Runs are compared with those of the same seeds: the published mean, moved by the mean difference of these, must lie in
the published interval. With all seeds that is the new mean itself; with one seed of ten, the other nine vary nothing.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pcl.evaluation.catalogue import described
from pcl.evaluation.summary import Row

EQUAL, WITHIN, OUTSIDE = "equal to the bit", "within the interval", "outside"
NO_INTERVAL = "differs, without an interval"  # fewer than two published seeds, or one that is never reached
NOT_RUN = "not run at this scale"
VERDICTS = (EQUAL, WITHIN, OUTSIDE, NO_INTERVAL, NOT_RUN)
Key = tuple[str, str, str, str, str]  # experiment, stream, learner, variant, metric


class Reproduced(NamedTuple):
    """A published number with its 95 % interval (accuracies in per cent), and its reproduction.

    same_mean: the published mean over the `n` seeds that were run again; new_mean: the new one. NaN where none was.
    """

    experiment: str
    stream: str
    learner: str
    variant: str
    metric: str
    mean: float
    low: float
    high: float
    seeds: int
    same_mean: float
    new_mean: float
    n: int
    verdict: str


def of_the_machine(metric: str) -> bool:
    """Whether a metric is a time, which depends on the machine."""
    return described(metric).unit == "ms"


def reproduced(published: Iterable[Row], same: Iterable[Row], new: Iterable[Row]) -> list[Reproduced]:
    """One row for each published row, in their order, without times.

    Args:
      published: rows of all published runs.
      same: published rows over the seeds that were run again.
      new: rows of the runs that were made again.
    """
    of_same, of_new = ({_key(row): row for row in rows} for rows in (same, new))
    found = []
    for row in {_key(row): row for row in published if not of_the_machine(row.metric)}.values():
        before, after = of_same.get(_key(row)), of_new.get(_key(row))
        means = (before.mean if before and after else math.nan, after.mean if after else math.nan)
        about = *means, after.seeds if after else 0, verdict(row, before, after)
        found.append(Reproduced(*_key(row), row.mean, row.low, row.high, row.seeds, *about))
    return found


def verdict(published: Row, same: Row | None, new: Row | None) -> str:
    """One of `VERDICTS`; intervals are closed, and compared to the six digits that tables hold."""
    if new is None:
        return NOT_RUN
    if same is not None and _numbers(same) == _numbers(new):
        return EQUAL
    moved = new.mean if same is None else published.mean + (new.mean - same.mean)
    if not math.isfinite(published.low):
        return NO_INTERVAL
    return WITHIN if _digits(published.low) <= _digits(moved) <= _digits(published.high) else OUTSIDE


def summary(rows: Sequence[Reproduced]) -> str:
    """How many rows have each verdict, in a sentence."""
    counts = Counter(row.verdict for row in rows)
    said = ", ".join(f"{counts[name]:,} {name}" for name in VERDICTS if counts[name])
    return f"{len(rows):,} published numbers: {said or 'none'}."


def _key(row: Row) -> Key:
    return row.experiment, row.stream, row.learner, row.variant, row.metric


def _numbers(row: Row) -> tuple[str, ...]:
    """As texts, in which NaN equals itself."""
    return tuple(map(repr, (row.mean, row.low, row.high, row.seeds)))


def _digits(value: float) -> float:
    return float(f"{value:.6g}")
