"""How runs react to the shifts of their stream: aligned curves, dips, alarms. Imports no JAX."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pcl.evaluation.checks import Vector
from pcl.evaluation.shifts import match_alarms, mean_reaction, shift_reaction, surprise_alarms
from pcl.evaluation.summary import Record
from pcl.figures.curves import Curve, Runs, ragged

FEWEST_BINS = 4  # between two shifts, below which the log is too coarse to show a reaction


class Shifts(NamedTuple):
    """Bins in which the visits after the first begin, and a quarter of the shortest visit, in bins.

    The quarter is the window before a shift that accuracy is compared with, and the time after it in which an alarm
    counts as founded.
    """

    bins: NDArray[np.integer]
    quarter: int


def shifts(record: Record) -> Shifts | None:
    """The shifts of a stream; None where there are none, or the log is too coarse for them."""
    bins = np.asarray(record["visit_start"]) // record["log_every"]
    shortest = np.diff(bins, append=len(record["seen"])).min()
    return Shifts(bins[1:], int(shortest) // 4) if len(bins) > 1 and shortest >= FEWEST_BINS else None


def alarms(record: Record) -> NDArray[np.integer] | None:
    """Bins at which surprise was found to have risen; None for a learner without surprise."""
    if record["surprise"] is None:
        return None
    return surprise_alarms(_mean(np.asarray(record["surprise"]), np.asarray(record["taught"])))


def reaction(record: Record) -> dict[str, float]:
    """Numbers of one run: dip in %, samples to recover, alarms; what its stream or learner lacks is left out."""
    found, raised = shifts(record), alarms(record)
    numbers: dict[str, float] = {}
    if found:
        mean = mean_reaction(shift_reaction(record["hits"], record["seen"], found.bins, found.quarter))
        numbers |= {"dip": 100 * mean.dip, "recovery_samples": mean.recovery, "recovered": 100 * mean.recovered}
    if raised is not None:
        numbers["alarms"] = float(len(raised))
    if found and raised is not None:
        matched = match_alarms(raised, found.bins, found.quarter)
        noticed = np.isfinite(matched.delay)
        numbers |= {"false_alarms": float(matched.false.sum()), "noticed": 100 * float(noticed.mean())}
        if noticed.any():
            numbers["alarm_delay"] = float(matched.delay[noticed].mean() * record["log_every"])
    return numbers


def aligned(runs: Runs, of: str, per: str, name: str, scale: float = 1.0) -> list[Curve]:
    """The logged sum `of` per sample of `per` around a shift, over all shifts of a run, by steps since the shift."""
    found = [shifts(run) for run in runs]
    if runs[0][of] is None or None in found:
        return []
    bins = [shift for shift in found if shift]
    before, after = min(shift.quarter for shift in bins), min(_shortest(run) for run in runs)
    lag = np.arange(-before, after)
    values = [scale * _around(run, of, per, shift.bins[:, None] + lag) for run, shift in zip(runs, bins, strict=True)]
    # Padding at the ends of tasks leaves some runs without a sample at some lags.
    by_lag = [dict(zip(lag[known], value[known], strict=True)) for value in values for known in [np.isfinite(value)]]
    curve = ragged(name, by_lag)
    return [curve._replace(x=curve.x * runs[0]["log_every"])]


def _shortest(record: Record) -> int:
    """Bins in the shortest visit after the first."""
    bins = np.asarray(record["visit_start"]) // record["log_every"]
    return int(np.diff(bins, append=len(record["seen"]))[1:].min())


def _around(record: Record, of: str, per: str, places: NDArray[np.integer]) -> Vector:
    total, count = (np.asarray(record[name])[places].sum(0) for name in (of, per))
    return _mean(total, count)


def _mean(total: Vector, count: Vector) -> Vector:
    """`total / count`, NaN where nothing was counted."""
    return np.divide(total, count, where=count > 0, out=np.full(np.shape(total), np.nan))
