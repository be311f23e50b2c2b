"""Inverses of covariances: one from its scatter, and one carried along as the scatter grows by a sample."""

import math

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from pcl import linalg


def rank_one(
    deviation: Float[Array, " D"], spread: Float[Array, " D"]
) -> tuple[Float[Array, "D D"], Float[Array, "D D"], Float[Array, ""]]:
    """Changes by one deviation d: added to a scatter, taken from its inverse P, added to its log determinant.

    `spread` is P d: (P^-1 + d d^T)^-1 = P - P d (P d)^T / (1 + d^T P d) (Sherman and Morrison (1950)).
    """
    grown = 1 + deviation @ spread
    return jnp.outer(deviation, deviation), jnp.outer(spread, spread) / grown, jnp.log(grown)


def inverted(positive_DD: Float[Array, "D D"]) -> tuple[Float[Array, "D D"], Float[Array, ""]]:
    """Inverse and log determinant; jittered by the rounding of the largest entry."""
    inputs = len(positive_DD)
    jitter = 4 * inputs * jnp.finfo(positive_DD.dtype).eps * jnp.max(jnp.diagonal(positive_DD))
    factor = linalg.cholesky(0.5 * (positive_DD + positive_DD.T) + jitter * jnp.eye(inputs))
    root = _lower_inverse(factor)
    return root.T @ root, 2 * jnp.sum(jnp.log(jnp.diagonal(factor)))


def _lower_inverse(lower_DD: Float[Array, "D D"]) -> Float[Array, "D D"]:
    """Inverse of a lower triangle: its diagonal blocks are inverted, and joined in pairs until one block is left.

    By products alone: XLA's triangular solve on CPU takes a hundred times as long as the factorisation does.
    """
    inputs = len(lower_DD)
    size, padding = 1, 2 ** math.ceil(math.log2(inputs)) - inputs
    lower_DD = jnp.pad(lower_DD, (0, padding)) + jnp.diag(jnp.pad(jnp.zeros(inputs), (0, padding), constant_values=1))
    blocks = 1 / jnp.diagonal(lower_DD)[:, None, None]
    while size < len(lower_DD):
        index = jnp.arange(len(lower_DD) // (2 * size))
        pairs = lower_DD.reshape(len(index), 2 * size, len(index), 2 * size)[index, :, index]
        upper, corner, under = blocks[0::2], pairs[:, size:, :size], blocks[1::2]
        filled = jnp.concatenate([-under @ corner @ upper, under], axis=2)
        blocks = jnp.concatenate([jnp.pad(upper, ((0, 0), (0, 0), (0, size))), filled], axis=1)
        size *= 2
    return blocks[0, :inputs, :inputs]
