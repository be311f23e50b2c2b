"""Curves around the shifts of a stream, mean over all of them. Imports no JAX."""

import numpy as np
from numpy.typing import NDArray

from pcl.evaluation.checks import Vector, ratio
from pcl.evaluation.reactions import shifts
from pcl.evaluation.summary import Record
from pcl.figures.curves import Curve, Runs, ragged


def aligned(runs: Runs, of: str, per: str, name: str, scale: float = 1.0) -> list[Curve]:
    """The logged sum `of` per sample of `per` around a shift, over all shifts of a run, by steps since the shift."""
    found = [shifts(run) for run in runs]
    if any(run.get(of) is None for run in runs) or None in found:
        return []
    bins = [shift for shift in found if shift]
    before, after = min(shift.quarter for shift in bins), min(_shortest(run) for run in runs)
    lag = np.arange(-before, after)
    values = [scale * _around(run, of, per, shift.bins[:, None] + lag) for run, shift in zip(runs, bins, strict=True)]
    # Padding at the ends of tasks leaves some runs without a sample at some lags.
    by_lag = [dict(zip(lag[known], value[known], strict=True)) for value in values for known in [np.isfinite(value)]]
    curve = ragged(name, by_lag)
    return [curve._replace(x=curve.x * runs[0]["log_every"])] if any(by_lag) else []


def _shortest(record: Record) -> int:
    """Bins in the shortest visit after the first."""
    bins = np.asarray(record["visit_start"]) // record["log_every"]
    return int(np.diff(bins, append=len(record["seen"]))[1:].min())


def _around(record: Record, of: str, per: str, places: NDArray[np.integer]) -> Vector:
    total, count = (np.asarray(record[name])[places].sum(0) for name in (of, per))
    return ratio(total, count)
