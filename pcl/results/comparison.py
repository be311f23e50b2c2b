"""Comparison of configurations: the best one, and paired differences. Imports no JAX."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pcl.errors import NoResults, UsageError, unknown
from pcl.evaluation.catalogue import described
from pcl.evaluation.statistics import mean_interval
from pcl.evaluation.summary import diverged, setting_text
from pcl.results.load import probed_on
from pcl.runner.versions import Row

Cell = tuple[str, str, str, str]  # experiment, stream, learner, variant
Runs = dict[Cell, list[Row]]


class Best(NamedTuple):
    """The best variant of a learner on a stream by validation samples; its metric with the 95 % interval over seeds."""

    experiment: str
    stream: str
    learner: str
    variant: str
    mean: float
    low: float
    high: float
    seeds: int
    diverged: int
    variants: int  # that were compared


class Difference(NamedTuple):
    """Runs a and b of the same seeds: their means, and the mean of a - b with its 95 % interval.

    apart: whether that interval leaves out 0.
    """

    of: str
    pairs: int
    a: float
    b: float
    difference: float
    low: float
    high: float

    @property
    def apart(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def cells(rows: Sequence[Row]) -> Runs:
    """Runs by experiment, stream, learner and variant."""
    found: Runs = {}
    for row in rows:
        cell = row["experiment"], row["stream"], row["learner"], setting_text(row["variant"])
        found.setdefault(cell, []).append(row)
    return found


def best(rows: Sequence[Row], metric: str) -> list[Best]:
    """The best variant of each learner on each stream, of runs that were probed on validation samples alone.

    More of the metric is better unless the catalogue says that less is. A run that diverged counts with its value.

    Raises:
      UsageError: no run has the metric, or all were probed on test samples, on which nothing may be chosen.
    """
    require(rows, metric)
    chosen = [row for row in rows if probed_on(row["config"]) == "validation"]
    remedy = "run them again with --set probe_on=validation"
    if not chosen:
        raise UsageError(f"all {len(rows)} runs were probed on test samples, on which nothing may be chosen: {remedy}")
    if len(chosen) < len(rows):
        print(f"left out: {len(rows) - len(chosen)} runs that were probed on test samples; {remedy}", file=sys.stderr)
    require(chosen, metric)
    found: dict[tuple[str, str, str], list[Best]] = {}
    for (experiment, stream, learner, variant), runs in cells(chosen).items():
        values = _values(runs, metric)
        if len(values):
            one = Best(experiment, stream, learner, variant, *mean_interval(values), len(runs), diverged(runs), 0)
            found.setdefault((experiment, stream, learner), []).append(one)
    sign = -1 if described(metric).less else 1
    return [max(some, key=lambda one: sign * one.mean)._replace(variants=len(some)) for some in found.values()]


def differ(of: str, a: Sequence[Row], b: Sequence[Row], metric: str) -> Difference:
    """The paired difference a - b of a metric, over the seeds that both have.

    Raises:
      UsageError: fewer than two seeds have the metric on both sides.
    """
    values = [{row["seed"]: row["metrics"].get(metric, np.nan) for row in side} for side in (a, b)]
    seeds = sorted(seed for seed in values[0].keys() & values[1] if not np.isnan(values[0][seed] + values[1][seed]))
    if len(seeds) < 2:
        raise NoResults(f"{of}: {len(seeds)} seeds have {metric} on both sides; a difference needs two")
    left, right = (np.asarray([side[seed] for seed in seeds]) for side in values)
    return Difference(of, len(seeds), float(left.mean()), float(right.mean()), *mean_interval(left - right))


def differences(a: Sequence[Row], b: Sequence[Row], metric: str) -> list[Difference]:
    """`differ` for every cell that both have with at least two seeds in common.

    Raises:
      UsageError: there is none.
    """
    require([*a, *b], metric)
    left, right, found = cells(a), cells(b), []
    for cell in left:
        if cell in right:
            try:
                found.append(differ(":".join(cell).rstrip(":"), left[cell], right[cell], metric))
            except NoResults as error:
                print(f"left out: {error}", file=sys.stderr)
    if not found:
        raise NoResults(f"no stream, learner and variant has {metric} on both sides with two seeds in common")
    return found


def require(rows: Sequence[Row], metric: str) -> None:
    """Fail unless some run has the metric.

    Raises:
      UsageError: none has.
    """
    known = {name for row in rows for name, value in row["metrics"].items() if not np.isnan(value)}
    if metric not in known:
        raise unknown("metric of these runs", metric, known)


def _values(runs: Sequence[Row], metric: str) -> list[float]:
    return [value for row in runs if not np.isnan(value := row["metrics"].get(metric, np.nan))]
