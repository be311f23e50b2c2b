"""Reactions of a run to the shifts of its stream: dips, recoveries and alarms of one record. Imports no JAX."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pcl.evaluation.checks import ratio
from pcl.evaluation.shifts import match_alarms, mean_reaction, shift_reaction, surprise_alarms
from pcl.evaluation.summary import Record

FEWEST_BINS = 4  # between two shifts: with fewer, the log is too coarse to show a reaction


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
    """Bins at which surprise raised an alarm; None for a learner without surprise."""
    if record.get("surprise") is None:
        return None
    return surprise_alarms(ratio(record["surprise"], record["taught"]))


def reaction(record: Record) -> dict[str, float]:
    """Numbers of one run: dip in %, samples to recover, alarms; those not defined for the run are left out."""
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
