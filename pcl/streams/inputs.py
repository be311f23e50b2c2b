"""Standardisation with statistics that the stream could have had: of all pixels that have arrived by now.

One mean and one standard deviation for all pixels, updated with every sample and never looking ahead.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float


class Moments(NamedTuple):
    """Mean and standard deviation at one step, or of each step where arrays lead with the step axis."""

    mean: Float[Array, "..."]
    std: Float[Array, "..."]


class PixelMoments(NamedTuple):
    """Mean and mean square over the pixels of each sample."""

    mean: Float[Array, "..."]
    square: Float[Array, "..."]


def pixel_moments(x: np.ndarray | Array, scale: float) -> PixelMoments:
    """The moments of every sample of `x` [N, ...], scaled."""
    pixels = x.reshape(len(x), -1) * np.float32(scale)
    return PixelMoments(jnp.asarray(pixels.mean(1)), jnp.asarray((pixels**2).mean(1)))


def running_moments(of: PixelMoments, valid: Bool[Array, "steps B"]) -> Moments:
    """The moments of all valid samples up to and including each step, from those `of` each row [steps, B]."""
    seen = jnp.cumsum(valid.sum(1))
    mean = jnp.cumsum((of.mean * valid).sum(1)) / seen
    square = jnp.cumsum((of.square * valid).sum(1)) / seen
    return Moments(mean, jnp.sqrt(jnp.maximum(square - mean**2, 1e-6)))


def standardise(x: Array, scale: float, moments: Moments) -> Float[Array, "..."]:
    """Inputs of a source, scaled and standardised by the moments of one step."""
    return (x * jnp.float32(scale) - moments.mean) / moments.std
