"""Intervals over seeds. Imports no JAX."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import bootstrap


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean and percentile-bootstrap interval over seeds; (mean, nan, nan) for fewer than two values.

    Efron (1979), doi:10.1214/aos/1176344552; 9,999 resamples, a fixed generator.
    """
    values = np.asarray(values, float)
    if len(values) < 2:
        return float(np.mean(values)), np.nan, np.nan
    interval = bootstrap(
        (values,), np.mean, confidence_level=confidence, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    return float(values.mean()), float(interval.low), float(interval.high)
