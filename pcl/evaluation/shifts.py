"""Reactions to distribution shifts, change detection by surprise, and loss of plasticity. Imports no JAX.

`hits` and `seen` are [N]: samples predicted correctly before learning and samples that arrived, per bin of the
log. `shifts` [S] are bins, increasing: the first bin with samples from after each shift. All raise UsageError
where shapes disagree.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcl.errors import UsageError
from pcl.evaluation.checks import Vector, ratio, share_of_one, vectors


class Reaction(NamedTuple):
    """The reaction to each of S shifts, within the time from the shift to the next one or to the end."""

    before: Vector  # [S] accuracy over the window of bins before the shift
    dip: Vector  # [S] `before` minus the lowest accuracy of a bin in the stretch; negative if none is lower
    recovery: Vector  # [S] samples until accuracy recovers; 0 if it did not fall, inf if it does not recover
    stretch: Vector  # [S] samples in the stretch


class MeanReaction(NamedTuple):
    """Averages over shifts."""

    dip: float
    recovery: float  # samples; a shift without recovery counts with its whole stretch, so this is then a lower bound
    recovered: float  # share of shifts with recovery


class Alarms(NamedTuple):
    """How well alarms match S shifts."""

    false: NDArray[np.integer]  # [S + 1] unfounded alarms before the first shift and after each shift
    delay: Vector  # [S] bins from the shift to its first alarm, inf where it was missed


class Slope(NamedTuple):
    """Change of accuracy per 100 tasks with its interval."""

    per_100: float
    low: float
    high: float


def shift_reaction(hits: ArrayLike, seen: ArrayLike, shifts: ArrayLike, window: int, share: float = 0.9) -> Reaction:
    """Dip and recovery of prequential accuracy at each shift.

    The level before is the accuracy over the last `window` bins before the shift, fewer if another shift lies
    among them. Recovery ends with the first bin at or after the lowest one whose accuracy is at least `share`
    of that level. One bin is the resolution of both, and the lowest of many bins is low by chance alone: bins
    should hold tens of samples. Raises also where a shift has no bin on both sides of it.
    """
    hits, seen = vectors(hits=hits, seen=seen)
    share_of_one("share", share)
    shifts = np.asarray(shifts)
    starts, stops = np.concatenate(([0], shifts[:-1])), np.concatenate((shifts[1:], [len(seen)]))
    if window < 1 or not shifts.size or (starts >= shifts).any() or (shifts >= stops).any():
        raise UsageError(f"window={window}, shifts={shifts.tolist()}: need a window, and increasing bins in 1 .. N - 1")
    rows = []
    for start, shift, stop in zip(starts, shifts, stops, strict=True):
        reference = slice(max(start, shift - window), shift)
        before = float(ratio(hits[reference].sum(), seen[reference].sum()))
        arrived = np.cumsum(seen[shift:stop])
        met = seen[shift:stop] > 0  # bins in which nothing arrived are left out
        accuracy = np.where(met, hits[shift:stop] / np.where(met, seen[shift:stop], 1), np.inf)
        back = accuracy >= share * before
        lowest = int(np.argmin(accuracy))
        later = lowest + np.flatnonzero(back[lowest:] & met[lowest:])
        recovery = 0.0 if back.all() else float(arrived[later[0]]) if later.size else np.inf
        rows.append((before, before - accuracy[lowest], recovery, arrived[-1]))
    return Reaction(*np.transpose(rows))


def mean_reaction(reaction: Reaction) -> MeanReaction:
    """Averages over the shifts of a run."""
    back = np.isfinite(reaction.recovery)
    samples = np.where(back, reaction.recovery, reaction.stretch)
    return MeanReaction(float(reaction.dip.mean()), float(samples.mean()), float(back.mean()))


def match_alarms(alarms: ArrayLike, shifts: ArrayLike, tolerance: int) -> Alarms:
    """Sort alarms [A] (bins, in any order) into founded and false ones.

    An alarm is founded if a shift happened in its own bin or at most `tolerance` bins before it; an alarm
    ahead of a shift cannot have been caused by it and is false. After Gama et al. (2014),
    doi:10.1145/2523813, who judge detectors by false alarms, missed changes and delay.
    """
    alarms, shifts = np.sort(np.asarray(alarms, int)), np.asarray(shifts)
    if tolerance < 0 or shifts.ndim != 1 or (np.diff(shifts) <= 0).any():
        raise UsageError(f"tolerance={tolerance}, shifts={shifts.tolist()}: must be at least 0, and increasing bins")
    stretch = np.searchsorted(shifts, alarms, side="right")
    lag = alarms - np.concatenate(([-np.inf], shifts))[stretch]
    false = np.bincount(stretch[lag > tolerance], minlength=len(shifts) + 1)
    delay = np.full(len(shifts), np.inf)
    founded = lag <= tolerance
    np.minimum.at(delay, stretch[founded] - 1, lag[founded])
    return Alarms(false, delay)


def surprise_alarms(
    surprise: ArrayLike, drift: float = 0.5, threshold: float = 5.0, reference: int = 10
) -> NDArray[np.integer]:
    """Bins at which surprise has risen: detection of unannounced shifts by the learner's own surprise.

    `surprise` [N] is the mean surprise of each bin; bins where it is not finite (nothing had a label) are left out.
    Page-Hinkley test: a bin's deviation z from the mean of the `reference` bins before it, in their standard
    deviations, is added up less `drift`, from 0 and never below it; an alarm is raised where the sum exceeds
    `threshold`, and the test then starts again. Page (1954), doi:10.1093/biomet/41.1-2.100.

    The defaults are the textbook's for a rise by one standard deviation: half of it is allowed for, and at 5 a
    Gaussian series of known mean raises one false alarm in some 900 bins (Hawkins and Olwell (1998), Cumulative Sum
    Charts, chapter 3); mean and deviation are estimated here, which makes false alarms more frequent. The reference
    slides, so that a fall of surprise while a task is learned does not hide the next rise. Therefore a rise slower than
    the reference is not detected, nor any shift within `reference` bins after an alarm.

    Raises:
      UsageError: `drift` is below 0, `threshold` not above it, or `reference` below 2.
    """
    (surprise,) = vectors(surprise=surprise)
    if not (drift >= 0 and threshold > 0 and reference >= 2):
        raise UsageError(
            f"drift={drift}, threshold={threshold}, reference={reference}: must be at least 0, above 0, at least 2"
        )
    known = np.flatnonzero(np.isfinite(surprise))
    if len(known) <= reference:
        return np.asarray([], int)
    before = np.lib.stride_tricks.sliding_window_view(surprise[known], reference)[
        :-1
    ]  # row i: those before i + reference
    excesses, spreads = surprise[known[reference:]] - before.mean(1), before.std(1, ddof=1)
    alarms, total, begin = [], 0.0, 0
    for place in range(reference, len(known)):
        if place - begin < reference:
            continue
        excess, spread = excesses[place - reference], spreads[place - reference]
        # After a constant reference any rise is an infinite deviation.
        deviation = excess / spread if spread > 0 else np.inf * np.sign(excess) if excess else 0.0
        total = max(0.0, total + deviation - drift)
        if total > threshold:
            alarms.append(known[place])
            total, begin = 0.0, place + 1
    return np.asarray(alarms, int)


def plasticity_slope(online_accuracy: ArrayLike, confidence: float = 0.95) -> Slope:
    """Least-squares slope of per-task online accuracy [T] against the task's number, per 100 tasks.

    0 is a learner as plastic at its last task as at its first; below 0 it loses plasticity. The interval is
    Student's with T - 2 degrees of freedom (NaN below three tasks): it takes deviations from the line as
    independent, so compare learners by intervals of slopes over seeds. The measure that it summarises:
    Dohare et al. (2024), doi:10.1038/s41586-024-07711-7.
    """
    from scipy.stats import linregress, t  # a second to import, which every command would wait for

    (accuracy,) = vectors(online_accuracy=online_accuracy)
    n = len(accuracy)
    if n < 2:
        return Slope(np.nan, np.nan, np.nan)
    fit = linregress(np.arange(n), accuracy)
    half = t.ppf((1 + confidence) / 2, n - 2) * fit.stderr  # NaN for two tasks: no degree of freedom is left
    return Slope(*(float(100 * value) for value in (fit.slope, fit.slope - half, fit.slope + half)))
