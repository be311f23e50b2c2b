"""Speed of learning, and savings in relearning. Imports no JAX.

A learning curve is `accuracy` [P] of one class, task or context at `samples` [P], the number of samples that had
arrived in the stream by then (increasing), from its first occurrence (or its return) to its end. It may be of probes or
of bins of the prequential log. All raise UsageError where shapes disagree.
"""

import numpy as np
from numpy.typing import ArrayLike

from pcl.evaluation.checks import share_of_one, vectors


def plateau(accuracy: ArrayLike) -> float:
    """The final level of a learning curve: the mean over the last quarter of its points (at least one point)."""
    (accuracy,) = vectors(accuracy=accuracy)
    return float(accuracy[-max(1, len(accuracy) // 4) :].mean())


def criterion(accuracy: ArrayLike, share: float = 0.9, chance: float = 0.0) -> float:
    """The accuracy that counts as learned: `share` of the way from `chance` to the curve's own plateau.

    inf where the plateau is not above chance: nothing was learned, so nothing can reach it.
    """
    share_of_one("share", share)
    top = plateau(accuracy)
    return chance + share * (top - chance) if top > chance else np.inf


def samples_to_learn(accuracy: ArrayLike, samples: ArrayLike, share: float = 0.9, chance: float = 0.0) -> float:
    """Samples from the start of the curve to its first point at the `criterion` of its own plateau.

    0 where the start is there already, inf where the curve has not left chance by its end. Points are not
    joined, so the answer is late by at most the distance between two.
    """
    return _samples_to(criterion(accuracy, share, chance), accuracy, samples)


def savings(
    first_accuracy: ArrayLike,
    first_samples: ArrayLike,
    again_accuracy: ArrayLike,
    again_samples: ArrayLike,
    share: float = 0.9,
    chance: float = 0.0,
) -> float:
    """Share of the samples of first learning that relearning saves: (first - again) / first.

    Both are counted to the same criterion, that of the first occurrence. 1: still known; 0: as slow as the
    first time; negative: slower, -inf where the level is not reached again. NaN where the first time cost no
    samples or never succeeded. Ebbinghaus (1885), Über das Gedächtnis; as a formula: doi:10.3758/s13423-022-02172-3,
    introduction.
    """
    level = criterion(first_accuracy, share, chance)
    first = _samples_to(level, first_accuracy, first_samples)
    again = _samples_to(level, again_accuracy, again_samples)
    return (first - again) / first if 0 < first < np.inf else np.nan


def _samples_to(level: float, accuracy: ArrayLike, samples: ArrayLike) -> float:
    accuracy, samples = vectors(accuracy=accuracy, samples=samples)
    reached = accuracy >= level
    return float(samples[np.argmax(reached)] - samples[0]) if reached.any() else np.inf
