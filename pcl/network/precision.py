"""Precision: how much each unit's prediction error counts, learned from the errors themselves.

A layer's precision is None (identity), an array of the activity's shape (diagonal) or a matrix [H, H] over
the units of a dense layer (full). It is the inverse of the expected outer product of the errors, and acts as
a gain on the error units (Feldman and Friston, 2010, doi:10.3389/fnhum.2010.00215). Its rule is local to the
layer: every unit (diagonal) or pair of units of one layer (full) sees its own errors only.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from pcl import linalg
from pcl.errors import UsageError, one_of

Precision = Any  # None, an array of the activity's shape, or [H, H]
KINDS = ("identity", "diagonal", "full")


def is_full(precision: Array, e: Float[Array, "B ..."]) -> bool:
    """Whether `precision` is a matrix over the units of the error `e`, and not one number a unit."""
    return precision.ndim == 2 and e.ndim == 2


def weigh(precision: Precision, e: Float[Array, "B ..."]) -> Float[Array, "B ..."]:
    """The error with its gain, Pi e."""
    if precision is None:
        return e
    return e @ precision if is_full(precision, e) else precision * e


def log_determinant(precision: Precision, e: Float[Array, "B ..."], observed: Any = None) -> Float[Array, "..."]:
    """log |Pi| for errors like `e` (scalar), or of its observed (1, not 0) diagonal for each sample [B]."""
    if precision is None:
        return jnp.zeros((), e.dtype)
    if is_full(precision, e):
        return 2 * jnp.log(jnp.diagonal(linalg.cholesky(precision))).sum()
    if observed is None:
        return jnp.log(precision).sum()
    return jnp.sum(jnp.broadcast_to(observed, e.shape) * jnp.log(precision), tuple(range(1, e.ndim)))


def unit_variance(kind: str, shape: tuple[int, ...]) -> Array | None:
    """The (co)variance that belongs to identity precision, of the given kind, for activities of `shape`.

    For images the kind "full" gives a diagonal variance.

    Raises:
      UsageError: an unknown kind.
    """
    if one_of("precision", kind, KINDS) == "identity":
        return None
    return jnp.eye(shape[0]) if kind == "full" and len(shape) == 1 else jnp.ones(shape)


def learn_variance(
    variance: Array | None, e: Float[Array, "B ..."], weight_B: Float[Array, " B"], rate: ArrayLike, floor: ArrayLike
) -> Array | None:
    """One step of dPi^{-1} = rate (sum_b w_b e e^T + floor I - Pi^{-1}), for weights that sum to one (or all zero).

    With a rate in [0, 1] the result is a convex combination of positive definite matrices, so that no
    eigenvalue falls below the smaller of `floor` and the smallest at the start.

    Raises:
      UsageError: a variance that does not fit the errors `e`.
    """
    if variance is None:
        return None
    check_shape(variance, e.shape[1:], "the errors")
    if is_full(variance, e):
        seen = jnp.einsum("b,bi,bj->ij", weight_B, e, e) + floor * jnp.eye(e.shape[1])
    else:
        seen = jnp.tensordot(weight_B, e**2, 1) + floor
    return variance + rate * (weight_B.sum() > 0) * (seen - variance)


def inverse(variance: Array | None) -> Precision:
    """The precision of a variance: the inverse of a matrix; else (activities are vectors or images) the reciprocal."""
    if variance is None:
        return None
    if variance.ndim != 2:
        return 1 / variance
    return linalg.cholesky_solve(linalg.cholesky(variance), jnp.eye(len(variance)))


def covariance_matrix(precision: Precision, like: Float[Array, "B ..."]) -> Float[Array, "D D"]:
    """Pi^-1 as a matrix over the units of a layer with activities like `like`."""
    if precision is None:
        return jnp.eye(math.prod(like.shape[1:]), dtype=like.dtype)
    return linalg.inverse(precision) if is_full(precision, like) else jnp.diag(1 / precision.reshape(-1))


def largest_gain(precisions: Sequence[Precision]) -> Array | float:
    """A bound of the largest eigenvalue of all layers' precisions: the largest entry, or absolute row sum of a matrix.

    The curvature of the energy is at most this factor times that at identity precision. A step of the activities that
    is stable at identity precision is therefore stable when divided by it.
    """
    largest: Array | float = 1.0 if any(pi is None for pi in precisions) else 0.0
    for pi in precisions:
        if pi is not None:
            largest = jnp.maximum(largest, (jnp.abs(pi).sum(0) if pi.ndim == 2 else pi).max())
    return largest


def check_shape(precision: Precision, shape: tuple[int, ...], name: str) -> None:
    """Refuses a precision that does not fit activities of `shape`.

    Raises:
      UsageError: otherwise; the message says what would be right.
    """
    allowed = (shape, (shape[0], shape[0])) if len(shape) == 1 else (shape,)
    if precision is not None and precision.shape not in allowed:
        right = " or ".join(map(str, allowed))
        raise UsageError(f"precision of {name} has shape {precision.shape}; its activity needs {right}")


def check_precision(precision: Precision, shape: tuple[int, ...], name: str) -> None:
    """Refuses a precision of the wrong shape, or, where its values are known, one that is not positive definite.

    Raises:
      UsageError: otherwise; the message says what would be right.
    """
    check_shape(precision, shape, name)
    if precision is None or isinstance(precision, jax.core.Tracer):
        return
    values = np.asarray(precision, np.float64)
    if precision.shape == shape:
        positive = bool((np.isfinite(values) & (values > 0)).all())
    else:
        positive = bool(np.isfinite(values).all() and np.allclose(values, values.T, rtol=1e-4, atol=1e-6))
        positive = positive and bool(np.linalg.eigvalsh(values).min() > 0)
    if not positive:
        raise UsageError(
            f"precision of {name} is not positive definite; give a symmetric matrix with positive eigenvalues"
        )
