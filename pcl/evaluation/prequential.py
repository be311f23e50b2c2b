"""Prequential accuracy: each sample is predicted before it is learned from. Imports no JAX.

`hits` and `seen` are [N]: samples predicted correctly and samples that arrived, summed over each bin of the
log, in stream order. Source of the three estimators: Gama, Sebastiao and Rodrigues (2013),
doi:10.1007/s10994-012-5320-9. All raise UsageError where shapes disagree.
"""

import numpy as np
from numpy.typing import ArrayLike

from pcl.errors import UsageError
from pcl.evaluation.checks import Vector, ratio, share_of_one, vectors


def prequential_accuracy(hits: ArrayLike, seen: ArrayLike) -> float:
    """Share of all samples predicted correctly; NaN where none arrived.

    Examples:
      >>> prequential_accuracy(hits=[3, 4], seen=[5, 5])
      0.7
    """
    hits, seen = vectors(hits=hits, seen=seen)
    return float(ratio(hits.sum(), seen.sum()))


def windowed_accuracy(hits: ArrayLike, seen: ArrayLike, window: int) -> Vector:
    """[N]: at the end of each bin, accuracy over the latest `window` samples; NaN before any arrived.

    Bins are not cut: it is the fewest latest bins that hold at least `window` samples, or all so far.
    """
    hits, seen = vectors(hits=hits, seen=seen)
    if window < 1:
        raise UsageError(f"window={window}: must be at least 1 sample")
    hit_total, total = (np.concatenate(([0], np.cumsum(part))) for part in (hits, seen))
    start = np.maximum(np.searchsorted(total, total[1:] - window, side="right") - 1, 0)
    return ratio(hit_total[1:] - hit_total[start], total[1:] - total[start])


def fading_accuracy(hits: ArrayLike, seen: ArrayLike, factor: float) -> Vector:
    """[N]: at the end of each bin, accuracy in which every later sample multiplies the weight of earlier ones by
    `factor`.

    With S and N the faded sums of hits and of samples, one sample turns S into hit + factor S and N into
    1 + factor N; the accuracy is S / N. Inside a bin the hits are taken as evenly spread, which is exact for
    bins of one sample. NaN before any sample arrived.
    """
    hits, seen = vectors(hits=hits, seen=seen)
    share_of_one("factor", factor)
    faded, values = np.zeros(2), np.full(len(seen), np.nan)
    for i, (hit, count) in enumerate(zip(hits, seen, strict=True)):
        if count:
            weight = count if factor == 1 else (1 - factor**count) / (1 - factor)
            faded = factor**count * faded + weight * np.array([hit / count, 1])
        if faded[1]:
            values[i] = faded[0] / faded[1]
    return values


def samples_at(steps: ArrayLike, seen: ArrayLike, log_every: int, total_steps: int) -> Vector:
    """Samples that had arrived after each of `steps`, exact at the ends of bins and linear between them.

    `log_every` is the number of steps per bin; the last bin may be shorter, as `total_steps` tells.
    """
    (seen,) = vectors(seen=seen)
    steps = np.asarray(steps, float)
    return np.interp(steps, _edges(len(seen), log_every, total_steps), np.concatenate(([0], np.cumsum(seen))))


def task_prequential_accuracy(
    hits: ArrayLike, seen: ArrayLike, log_every: int, total_steps: int, ends: ArrayLike
) -> Vector:
    """[T]: prequential accuracy on each task, the online accuracy of studies of loss of plasticity.

    NaN where nothing arrived meanwhile. `ends` [T] are steps, increasing. A bin that two tasks share is divided in
    proportion to its steps.
    Dohare et al. (2024), doi:10.1038/s41586-024-07711-7.
    """
    hits, seen = vectors(hits=hits, seen=seen)
    at_ends = [samples_at(np.concatenate(([0], ends)), part, log_every, total_steps) for part in (hits, seen)]
    return ratio(np.diff(at_ends[0]), np.diff(at_ends[1]))


def _edges(bins: int, log_every: int, total_steps: int) -> Vector:
    """[N + 1] steps at which bins begin and end."""
    if not (bins - 1) * log_every < total_steps <= bins * log_every:
        raise UsageError(f"{bins} bins of {log_every} steps cannot hold {total_steps} steps")
    return np.minimum(np.arange(bins + 1.0) * log_every, total_steps)
