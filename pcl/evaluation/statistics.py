"""Intervals over seeds, and comparisons of learners on the same streams. Imports no JAX.

All resampling draws from a generator with a fixed seed: the same values give the same interval.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import bootstrap, permutation_test, trim_mean

from pcl.errors import UsageError
from pcl.evaluation.checks import Vector

RESAMPLES = 9999


class Comparison(NamedTuple):
    """Mean of `a - b` over pairs, its bootstrap interval, and the two-sided p of no difference."""

    difference: float
    low: float
    high: float
    p: float


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean and percentile-bootstrap interval over seeds.

    (mean, nan, nan) for fewer than two values, or where one is not finite.
    Efron (1979), doi:10.1214/aos/1176344552; 9,999 resamples.
    """
    values = np.asarray(values, float)
    return float(np.mean(values)), *_interval((values,), np.mean, confidence)


def mean_band(values: ArrayLike, confidence: float = 0.95) -> tuple[Vector, Vector, Vector]:
    """`mean_interval` of every column of `values` [seeds, N]: three arrays [N], all from the same resamples.

    Raises:
      UsageError: `values` is not 2-d.
    """
    values = np.asarray(values, float)
    if values.ndim != 2 or not values.size:
        raise UsageError(f"values {values.shape}: must be [seeds, N]")
    n, mean = len(values), values.mean(0)
    low, high = np.full((2, len(mean)), np.nan)
    known = np.isfinite(values).all(0)
    if n > 1 and known.any():
        drawn = np.random.default_rng(0).integers(0, n, (RESAMPLES, n))
        times = np.zeros((RESAMPLES, n))
        np.add.at(times, (np.arange(RESAMPLES)[:, None], drawn), 1)
        tails = (1 - confidence) / 2, (1 + confidence) / 2
        low[known], high[known] = np.quantile(times @ values[:, known] / n, tails, axis=0)
    return mean, low, high


def interquartile_mean(scores: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean of the middle half of all `scores` [seeds, streams], with its stratified-bootstrap interval.

    A quarter of the scores (rounded down) is cut at either end of seeds and streams taken together; seeds are
    resampled within each stream. Streams must be on one scale. (mean, nan, nan) for fewer than two seeds.
    Agarwal et al. (2021), arXiv:2108.13264, section 4.

    Raises:
      UsageError: `scores` is not 2-d.
    """
    scores = np.asarray(scores, float)
    if scores.ndim != 2 or not scores.size:
        raise UsageError(f"scores {scores.shape}: must be [seeds, streams]")

    def middle(*streams: np.ndarray, axis: int) -> np.ndarray | np.floating:
        return trim_mean(np.concatenate(streams, axis), 0.25, axis)

    return float(trim_mean(scores, 0.25, None)), *_interval(tuple(scores.T), middle, confidence)


def paired_permutation_test(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Comparison:
    """Whether learner a differs from learner b, from their scores on the same streams, [n] each, in one order.

    If it does not, the two scores of a pair could be exchanged: p is the share of the 2^n exchanges whose
    mean difference is at least as far from 0 as the one observed, over all of them for up to 13 pairs (8,192),
    else over 9,999 random ones and the one observed. The least p possible is 2^(1 - n): five pairs cannot
    reach 0.05, six can. Fisher (1935), The Design of Experiments, chapter III.

    Raises:
      UsageError: a and b are not 1-d of one length with at least two pairs.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise UsageError(f"scores {a.shape} and {b.shape}: must be pairs, at least two")

    def difference(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray | np.floating:
        return np.mean(x - y, axis)

    test = permutation_test(
        (a, b),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    )
    return Comparison(*mean_interval(a - b, confidence), float(test.pvalue))


def _interval(
    samples: Sequence[np.ndarray], statistic: Callable[..., np.ndarray | np.floating], confidence: float
) -> tuple[float, float]:
    """Percentile-bootstrap interval; each sample is resampled by itself."""
    if min(map(len, samples)) < 2 or not np.isfinite(samples).all():
        return np.nan, np.nan
    interval = bootstrap(
        samples,
        statistic,
        n_resamples=RESAMPLES,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)
