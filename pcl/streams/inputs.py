"""Standardisation by running mean and standard deviation of all pixels that have arrived so far.

One mean and one standard deviation for all pixels, or of each feature where these have units of their own, updated
with every sample and never looking ahead.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Shaped

from pcl.errors import UsageError
from pcl.fields import static
from pcl.streams.sources.checks import finite

AT_ONCE = 4096  # samples whose moments are computed together


class Moments(NamedTuple):
    """Mean and standard deviation at one step, or of each step where arrays lead with the step axis."""

    mean: Float[Array, "..."]
    std: Float[Array, "..."]


def standardised_by() -> Any:
    """The setting of a stream that says by which moments it standardises inputs."""
    return static(
        "running",
        "running: inputs are standardised by the mean and standard deviation of all samples so far; none: inputs are"
        " left as they are (pixels in [0, 1])",
        choices=("running", "none"),
    )


def exact(x: np.ndarray, origin: ArrayLike = 0.0) -> np.ndarray:
    """Samples in a type for the device, at most float32; if that loses digits, `origin` is subtracted in float64
    before.

    Samples of a type of which float32 holds every value stay as they are. Others (integers of 32 bits and more, double
    precision) may be large beside their spread, as the time of day in milliseconds since 1970 is.
    """
    return x if np.can_cast(x.dtype, np.float32) else (x.astype(np.float64) - origin).astype(np.float32)


def first_finite(x: np.ndarray) -> np.ndarray:
    """The first sample of `x` [N, ...] that is finite, in float64; the first, if none is."""
    return np.asarray(x[finite(x).argmax()], np.float64)


def require_pixels(name: str, own_units: bool) -> None:
    """Refuse features of own units where all inputs share one mean: the largest unit would hide the others.

    Raises:
      UsageError: they have.
    """
    if own_units:
        raise UsageError(
            f"source={name}: its features have units of their own, and this stream standardises all inputs together;"
            " bring them to one unit and read them with standardise=pixels"
        )


class PixelMoments(NamedTuple):
    """Mean and mean square over the pixels of each sample."""

    mean: Float[Array, "..."]
    square: Float[Array, "..."]


def pixel_moments(x: np.ndarray | Array, scale: float) -> PixelMoments:
    """The moments of every sample of `x` [N, ...], scaled."""
    pixels = x.reshape(len(x), -1) * np.float32(scale)
    return PixelMoments(jnp.asarray(pixels.mean(1)), jnp.asarray((pixels**2).mean(1)))


def pixel_moments_of_many(x: np.ndarray, scale: float) -> PixelMoments:
    """`pixel_moments` of a part of the samples at a time, for arrays that would not fit into memory in float32."""
    parts = [pixel_moments(x[i : i + AT_ONCE], scale) for i in range(0, len(x), AT_ONCE)]
    return PixelMoments(*(jnp.concatenate(part) for part in zip(*parts, strict=True)))


def fed(x: np.ndarray) -> Callable[[Int[Array, " B"]], Shaped[Array, "B ..."]]:
    """A function that copies samples of `x`, by their indices, from the host to the device while a program runs.

    `x` stays where it is: in the host's memory or, if it is mapped there, in its file.
    """

    def look_up(sample: Any) -> np.ndarray:
        return np.ascontiguousarray(x[np.asarray(sample)])

    def take(sample: Int[Array, " B"]) -> Shaped[Array, "B ..."]:
        shape = jax.ShapeDtypeStruct((*sample.shape, *x.shape[1:]), x.dtype)
        return jax.pure_callback(look_up, shape, sample, vmap_method="expand_dims")

    return take


def running_moments(of: PixelMoments, valid: Bool[Array, "steps B"]) -> Moments:
    """The moments of all valid samples up to and including each step, from those `of` each row [steps, B].

    Samples whose squares are not finite are left out.
    """
    counts = valid & jnp.isfinite(of.square)
    seen = jnp.maximum(jnp.cumsum(counts.sum(1)), 1)
    mean = jnp.cumsum(jnp.where(counts, of.mean, 0).sum(1)) / seen
    square = jnp.cumsum(jnp.where(counts, of.square, 0).sum(1)) / seen
    return Moments(mean, jnp.sqrt(jnp.maximum(square - mean**2, 1e-6)))


def feature_moments(x: Float[Array, "steps B ..."], valid: Bool[Array, "steps B"]) -> Moments:
    """Mean and standard deviation of every feature over the valid samples up to and including each step.

    Sums are taken of differences from the first sample: of values that are large beside their spread (an air
    pressure) the difference of squares would lose every digit in float32. A standard deviation below a
    thousandth of the root mean square of these differences is rounding, and is raised to it.

    Samples of which a value is not finite, or its square is not, are left out.
    """
    rows = x.reshape(-1, *x.shape[2:])
    finite = valid & jnp.isfinite(jnp.sum(rows**2, axis=range(1, rows.ndim))).reshape(valid.shape)
    offset = rows[jnp.argmax(finite)]
    mask = finite.reshape(valid.shape + (1,) * (x.ndim - 2))
    seen = jnp.maximum(jnp.cumsum(mask.sum(1), axis=0), 1)
    difference = jnp.where(mask, x - offset, 0)
    mean = jnp.cumsum(difference.sum(1), axis=0) / seen
    square = jnp.cumsum((difference**2).sum(1), axis=0) / seen
    variance = jnp.maximum(square - mean**2, 1e-6 * square)
    return Moments(offset + mean, jnp.sqrt(jnp.where(square > 0, variance, 1)))


def no_moments(steps: int) -> Moments:
    """The moments of each step that leave inputs as they are."""
    return Moments(jnp.zeros(steps), jnp.ones(steps))


def standardise(x: Array, scale: float, moments: Moments) -> Float[Array, "..."]:
    """Inputs of a source, scaled and standardised by the moments of one step."""
    return (x * jnp.float32(scale) - moments.mean) / moments.std
