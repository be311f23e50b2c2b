"""Intervals over seeds, and comparisons of learners on the same streams. Imports no JAX.

All intervals are Student's t: with three to ten seeds a percentile bootstrap of 95 % covers 74 to 90 %. They cover what
they state for normal values at any number of seeds, and less for skewed ones (88 to 90 % for exponential values at 3 to
10 seeds). They are not clipped: one that leaves the range of its metric is a rough approximation there.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from pcl.errors import UsageError
from pcl.evaluation.checks import Vector, known_mean, ratio

RESAMPLES = 9999
METHOD = "95 % Student's t interval"  # of the mean, as captions name it


class Comparison(NamedTuple):
    """Mean of `a - b` over pairs, its interval, and the two-sided p of no difference."""

    difference: float
    low: float
    high: float
    p: float


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean and interval over seeds; a value that is NaN is left out.

    (mean, nan, nan) for fewer than two values, or where one is infinite. Student (1908), doi:10.1093/biomet/6.1.1.
    """
    mean, low, high = mean_band(np.reshape(np.asarray(values, float), (-1, 1)), confidence)
    return float(mean[0]), float(low[0]), float(high[0])


def mean_band(values: ArrayLike, confidence: float = 0.95) -> tuple[Vector, Vector, Vector]:
    """`mean_interval` of every column of `values` [seeds, N]: three arrays [N].

    Raises:
      UsageError: `values` is not 2-d.
    """
    values = np.asarray(values, float)
    if values.ndim != 2 or not values.size:
        raise UsageError(f"values {values.shape}: must be [seeds, N], not empty")
    known, mean = ~np.isnan(values), known_mean(values, 0)
    n = known.sum(0)
    with np.errstate(invalid="ignore"):  # infinity minus infinity is NaN
        square = np.where(known, values - mean, 0.0) ** 2
    return _around(mean, np.sqrt(ratio(ratio(square.sum(0), n - 1), n)), n, confidence)


def interquartile_mean(scores: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean of the middle half of all `scores` [seeds, streams], with its interval over seeds.

    A quarter of the scores (rounded down) is cut at either end of seeds and streams taken together. Streams must be on
    one scale. The interval is Student's t around the jackknife's standard error, a seed left out at a time: of 95 % it
    covers 94 to 95 % for normal scores on three streams or more, 89 to 95 % on one. (mean, nan, nan) for fewer than two
    seeds. Agarwal et al. (2021), arXiv:2108.13264, section 4; Tukey (1958), doi:10.1214/aoms/1177706647.

    Raises:
      UsageError: `scores` is not 2-d.
    """
    from scipy.stats import trim_mean  # a second to import, which every command would wait for

    scores = np.asarray(scores, float)
    if scores.ndim != 2 or not scores.size:
        raise UsageError(f"scores {scores.shape}: must be [seeds, streams]")
    n, mean = len(scores), float(trim_mean(scores, 0.25, None))
    if n < 2 or not np.isfinite(scores).all():
        return mean, np.nan, np.nan
    without = np.asarray([trim_mean(np.delete(scores, seed, 0), 0.25, None) for seed in range(n)])
    _, low, high = _around(mean, without.std() * np.sqrt(n - 1), n, confidence)
    return mean, float(low), float(high)


def paired_permutation_test(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Comparison:
    """Whether learner a differs from learner b, from their scores on the same streams, [n] each, in one order.

    If it does not, the two scores of a pair could be exchanged: p is the share of the 2^n exchanges whose
    mean difference is at least as far from 0 as the one observed, over all of them for up to 13 pairs (8,192),
    else over 9,999 random ones and the one observed. The least p possible is 2^(1 - n): five pairs cannot
    reach 0.05, six can. Fisher (1935), The Design of Experiments, chapter III.

    Raises:
      UsageError: a and b are not 1-d of one length with at least two pairs.
    """
    from scipy.stats import permutation_test  # a second to import, which every command would wait for

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


def _around(mean: Any, error: Any, n: Any, confidence: float) -> tuple[Any, Any, Any]:
    """The mean of n values and its interval, from its standard error."""
    half = stdtrit(np.maximum(n - 1, 1), (1 + confidence) / 2) * error
    return mean, mean - half, mean + half
