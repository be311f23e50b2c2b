"""Calibration of confidence, and the relation of surprise to errors. Imports no JAX."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pcl.evaluation.checks import Vector, known_mean, vectors


def surprise_error_correlation(surprise: ArrayLike, taught: ArrayLike, hits: ArrayLike, seen: ArrayLike) -> float:
    """Spearman's rank correlation, over bins of the log, of mean surprise with prequential error, in -1 .. 1.

    All are [N] sums over the samples of a bin: of surprise over the `taught` ones, of right predictions over
    the `seen` ones. Bins without either, or whose surprise is not finite, are left out. NaN for fewer than three bins,
    and where surprise or error never changes. Spearman (1904), doi:10.2307/1412159.

    Raises:
      UsageError: the four are not equally long.
    """
    surprise, taught, hits, seen = vectors(surprise=surprise, taught=taught, hits=hits, seen=seen)
    known = (taught > 0) & (seen > 0) & np.isfinite(surprise)
    mean, error = surprise[known] / taught[known], 1 - hits[known] / seen[known]
    if known.sum() < 3 or np.ptp(mean) == 0 or np.ptp(error) == 0:
        return np.nan
    from scipy.stats import spearmanr  # a second to import, which every command would wait for

    return float(spearmanr(mean, error).statistic)


def told_by_surprise(record: Mapping[str, Any]) -> dict[str, float]:
    """`surprise_error_correlation` of a run; empty for a learner that logs no surprise."""
    if record.get("surprise") is None:
        return {}
    logs = (record[name] for name in ("surprise", "taught", "hits", "seen"))
    return {"surprise_error_correlation": surprise_error_correlation(*logs)}


def tenths_by_surprise(surprise: ArrayLike, cost: ArrayLike, taught: ArrayLike) -> tuple[Vector, Vector]:
    """Mean surprise and mean cost of tenths of a log [10], the tenth of its bins with the least surprise first.

    All are [N] sums over the samples of a bin that were learned from, `taught` of them: of surprise and of cost. Bins
    without any are left out. NaN for a tenth without a bin.

    Raises:
      UsageError: the three are not equally long.
    """
    surprise, cost, taught = vectors(surprise=surprise, cost=cost, taught=taught)
    means = np.stack([surprise, cost])[:, taught > 0] / taught[taught > 0]
    ranked = means[:, np.argsort(means[0], kind="stable")]
    edges = np.arange(11) * ranked.shape[1] // 10
    least, most = np.transpose([known_mean(ranked[:, a:b], 1) for a, b in itertools.pairwise(edges)])
    return least, most


def expected_calibration_error(confidence: ArrayLike, hits: ArrayLike, count: ArrayLike) -> float:
    """ECE: mean over samples of the gap between confidence and accuracy in the sample's bin, in 0 .. 1.

    All are [M], one entry per bin of confidence (the largest predicted probability): sums over its samples of
    that confidence and of right predictions, and their number. Bins without samples count nothing; NaN if
    all are empty. Guo et al. (2017), arXiv:1706.04599, section 2.

    Raises:
      UsageError: the three are not equally long.
    """
    confidence, hits, count = vectors(confidence=confidence, hits=hits, count=count)
    return float(np.abs(hits - confidence).sum() / count.sum()) if count.sum() else np.nan
