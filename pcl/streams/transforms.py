"""Transformations of a context: a map of pixels, drawn once per context and applied to one image at a time, and a
permutation of the labels.

Maps lead with the context axis; context 0 is the identity, but for colours. Images are [P, channels], P pixels in rows.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.streams.sources.checks import finite

Shape = tuple[int, ...]
STUDIED = 2000  # images that principal axes are taken from
PRINCIPAL = 64  # of these axes


class Transform(NamedTuple):
    """How the maps of all contexts are drawn for images of one shape, and how one of them is applied.

    `study` computes statistics of `STUDIED` training images [N, ...] of a source, which are passed to `draw`.
    """

    draw: Callable[[PRNGKeyArray, int, Shape, Any], Any]
    apply: Callable[[Any, Float[Array, "P channels"]], Float[Array, "P channels"]]
    names: Callable[[PRNGKeyArray, int, int], Int[Array, "contexts C"]]
    study: Callable[[np.ndarray], Any] = lambda x: None


class Bilinear(NamedTuple):
    """Each pixel is a weighted sum of at most four others."""

    pixel: Int[Array, "... P 4"]
    weight: Float[Array, "... P 4"]


class Axes(NamedTuple):
    """Principal axes of a source's images: k coordinates of unit variance, and the way back from them."""

    mean: Float[Array, " I"]
    whiten: Float[Array, "I k"]
    colour: Float[Array, "I k"]


class Exchange(NamedTuple):
    """Each context adds `change` times the whitened coordinates of the image."""

    mean: Float[Array, "... I"]
    whiten: Float[Array, "... I k"]
    change: Float[Array, "... I k"]


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
        raise UsageError(f"transform=rotation: needs square images, not {shape}; choose another transform")
    return rows


def permutations(key: PRNGKeyArray, contexts: int, size: int) -> Int[Array, "contexts size"]:
    """One permutation of `size` entries per context; the first is the identity."""
    drawn = jax.vmap(lambda key: jax.random.permutation(key, size))(jax.random.split(key, contexts))
    return drawn.at[0].set(jnp.arange(size))


def rotations(key: PRNGKeyArray, contexts: int, shape: Shape) -> Bilinear:
    """Counterclockwise by 0, 1/contexts, 2/contexts, … of half a turn, all but the first in random order.

    Half a turn, as in the rotated MNIST of Lopez-Paz and Ranzato (2017), arXiv:1706.08840, and not a full one,
    which would turn a 6 into a 9. Pixels from outside the image are 0.
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


def _fade(colourless: Bool[Array, ""], x: Float[Array, "P channels"]) -> Float[Array, "P channels"]:
    return jnp.where(colourless, x.mean(1, keepdims=True), x)


def principal_axes(x: np.ndarray) -> Axes:
    """Principal axes of some images: at most `PRINCIPAL`, without those of negligible variance."""
    images = x[finite(x)].reshape(-1, x[0].size).astype(np.float64)
    mean = images.mean(0)
    _, spread, axes_kI = np.linalg.svd(images - mean, full_matrices=False)
    kept = spread[:PRINCIPAL] > 1e-3 * spread[0]
    axes_Ik = axes_kI[:PRINCIPAL][kept].T
    axes_Ik *= np.sign(axes_Ik[abs(axes_Ik).argmax(0), np.arange(axes_Ik.shape[1])])  # the same on every machine
    deviation = spread[:PRINCIPAL][kept] / np.sqrt(len(images))
    return Axes(*(jnp.asarray(a, jnp.float32) for a in (mean, axes_Ik / deviation, axes_Ik * deviation)))


def exchanges(key: PRNGKeyArray, contexts: int, shape: Shape, axes: Axes) -> Exchange:
    """Whitened principal coordinates are permuted; each takes over the variance of its new place.

    So the mean and covariance of the images do not depend on the context: a weak cue.
    """
    place = permutations(key, contexts, axes.colour.shape[1])
    change = jax.vmap(lambda place: axes.colour[:, place] - axes.colour)(place)
    return Exchange(jnp.stack([axes.mean] * contexts), jnp.stack([axes.whiten] * contexts), change)


def _exchange(by: Exchange, x: Float[Array, "P channels"]) -> Float[Array, "P channels"]:
    image = x.reshape(-1)
    return (image + by.change @ ((image - by.mean) @ by.whiten)).reshape(x.shape)


def _as_it_is(by: Any, x: Float[Array, "P channels"]) -> Float[Array, "P channels"]:
    return x


def _own_names(key: PRNGKeyArray, contexts: int, labels: int) -> Int[Array, "contexts C"]:
    return jnp.tile(jnp.arange(labels), (contexts, 1))


def _permute(key: PRNGKeyArray, contexts: int, shape: Shape, studied: Any) -> Int[Array, "contexts P"]:
    return permutations(key, contexts, n_pixels(shape))


def _grid(contexts: int) -> tuple[np.ndarray, np.ndarray]:
    """The permutation of pixels and that of labels of each context, by number: cells of a square, row by row."""
    return np.divmod(np.arange(contexts), math.isqrt(max(contexts - 1, 0)) + 1)


def _sensors_in_grid(key: PRNGKeyArray, contexts: int, shape: Shape, studied: Any) -> Int[Array, "contexts P"]:
    return permutations(key, contexts, n_pixels(shape))[_grid(contexts)[0]]


def _names_in_grid(key: PRNGKeyArray, contexts: int, labels: int) -> Int[Array, "contexts C"]:
    return permutations(key, contexts, labels)[_grid(contexts)[1]]


TRANSFORMS = {
    "permutation": Transform(_permute, lambda by, x: x[by], _own_names),
    "rotation": Transform(lambda key, contexts, shape, studied: rotations(key, contexts, shape), _rotate, _own_names),
    "inversion": Transform(lambda key, contexts, shape, studied: jnp.arange(contexts) > 0, _invert, _own_names),
    "colour": Transform(lambda key, contexts, shape, studied: jnp.arange(contexts) == 0, _fade, _own_names),
    "weak": Transform(exchanges, _exchange, _own_names, principal_axes),
    "labels": Transform(lambda key, contexts, shape, studied: None, _as_it_is, permutations),
    "both": Transform(_sensors_in_grid, lambda by, x: x[by], _names_in_grid),
}
