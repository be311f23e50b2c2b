"""What a context does to an image: a map of pixels, drawn once a context and applied to one image at a time.

Maps lead with the context axis; context 0 is the identity. Images are [P, channels], P pixels in rows.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.errors import UsageError

Shape = tuple[int, ...]


class Transform(NamedTuple):
    """How the maps of all contexts are drawn for images of one shape, and how one of them is applied."""

    draw: Callable[[PRNGKeyArray, int, Shape], Any]
    apply: Callable[[Any, Float[Array, "P channels"]], Float[Array, "P channels"]]


class Bilinear(NamedTuple):
    """Each pixel is a weighted sum of at most four others."""

    pixel: Int[Array, "... P 4"]
    weight: Float[Array, "... P 4"]


def n_pixels(shape: Shape) -> int:
    """Pixels of an image [D], [rows, columns] or [rows, columns, channels]."""
    return math.prod(shape[:2])


def side(shape: Shape) -> int:
    """Rows of a square image.

    Raises:
      UsageError: it is not square.
    """
    rows = math.isqrt(n_pixels(shape))
    if rows**2 != n_pixels(shape) or (len(shape) > 1 and shape[0] != rows):
        raise UsageError(f"transform=rotation: needs square images, these are {shape}; choose another transform")
    return rows


def permutations(key: PRNGKeyArray, contexts: int, size: int) -> Int[Array, "contexts size"]:
    """One permutation of `size` things a context, the first the identity."""
    drawn = jax.vmap(lambda key: jax.random.permutation(key, size))(jax.random.split(key, contexts))
    return drawn.at[0].set(jnp.arange(size))


def rotations(key: PRNGKeyArray, contexts: int, shape: Shape) -> Bilinear:
    """Counterclockwise by 0, 1/contexts, 2/contexts, … of half a turn, all but the first in random order.

    Half a turn, as in the rotated MNIST of Lopez-Paz and Ranzato (2017), arXiv:1706.08840, and not a full one,
    which would turn a 6 into a 9. What comes from outside the image is 0.
    """
    rows = side(shape)
    middle = (rows - 1) / 2
    order = jnp.append(0, 1 + jax.random.permutation(key, contexts - 1))
    angle = (order * (math.pi / contexts))[:, None]
    row, column = (jnp.arange(rows**2) // rows) - middle, (jnp.arange(rows**2) % rows) - middle
    from_row = jnp.cos(angle) * row + jnp.sin(angle) * column + middle
    from_column = jnp.cos(angle) * column - jnp.sin(angle) * row + middle
    pixels, weights = [], []
    for down in (0, 1):
        for right in (0, 1):
            r, c = jnp.floor(from_row) + down, jnp.floor(from_column) + right
            weight = (1 - abs(from_row - r)) * (1 - abs(from_column - c))
            inside = (r >= 0) & (r < rows) & (c >= 0) & (c < rows)
            pixels.append(jnp.where(inside, r * rows + c, 0).astype(jnp.int32))
            weights.append(jnp.where(inside, weight, 0))
    return Bilinear(jnp.stack(pixels, -1), jnp.stack(weights, -1))


def _rotate(by: Bilinear, x: Float[Array, "P channels"]) -> Float[Array, "P channels"]:
    # Four products and not one sum over an axis: no array four times the image's size is needed.
    return sum((by.weight[:, i, None] * x[by.pixel[:, i]] for i in range(4)), jnp.zeros_like(x))


def _invert(inverted: Bool[Array, ""], x: Float[Array, "P channels"]) -> Float[Array, "P channels"]:
    return jnp.where(inverted, 1 - x, x)


TRANSFORMS = {
    "permutation": Transform(
        lambda key, contexts, shape: permutations(key, contexts, n_pixels(shape)), lambda by, x: x[by]
    ),
    "rotation": Transform(rotations, _rotate),
    "inversion": Transform(lambda key, contexts, shape: jnp.arange(contexts) > 0, _invert),
    "labels": Transform(lambda key, contexts, shape: None, lambda by, x: x),
}
