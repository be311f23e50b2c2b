"""Checks of shapes for metrics, and means that leave out NaN. Imports no JAX."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcl.errors import UsageError

Vector = NDArray[np.floating]


def vectors(**named: ArrayLike) -> list[Vector]:
    """The arguments as 1-d float64 arrays of one length, in the order given.

    Raises:
      UsageError: an argument is empty or not 1-d, or the lengths differ.
    """
    arrays = [np.asarray(value, float) for value in named.values()]
    if any(a.ndim != 1 or not a.size for a in arrays) or len({a.size for a in arrays}) > 1:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in zip(named, arrays, strict=True))
        raise UsageError(f"{shapes}: must be 1-d, not empty and of one length")
    return arrays


def share_of_one(name: str, value: float) -> None:
    """Accept 0 < value <= 1.

    Raises:
      UsageError: the value lies outside.
    """
    if not 0 < value <= 1:
        raise UsageError(f"{name}={value}: must be above 0 and at most 1")


def known_mean(values: ArrayLike, axis: int | None = None) -> Any:
    """Mean over `axis` (None: all) of the values that are not NaN; NaN where there are none."""
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis), known.sum(axis))


def ratio(total: ArrayLike | float, count: ArrayLike | float) -> Any:
    """`total / count`, NaN where nothing was counted."""
    total, count = np.broadcast_arrays(np.asarray(total, float), np.asarray(count, float))
    return np.divide(total, count, where=count > 0, out=np.full(total.shape, np.nan))[()]
