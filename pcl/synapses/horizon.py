"""The largest number of samples in sums that grow with the stream.

A count in float32 ends at 2^24, where adding 1 changes nothing; small terms are lost to rounding long before. Up to
`MOST` samples, sums weight all samples equally. Beyond it older samples fade, and estimates from sums (means,
covariances, shares) follow the last million. Counts by ones are integers, which end at 2^31 samples, as streams do.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

MOST = 2.0**20  # samples of a latent, of votes on a label, of transitions from a label
OF_ALL = 2.0**23  # and of all latents of a bank together


def share_kept(size_L: Float[Array, " L"]) -> Float[Array, " L"]:
    """Factor for the sums of each latent of a bank that brings its number of samples below the limits."""
    return jnp.minimum(min(MOST, OF_ALL / len(size_L)) / jnp.maximum(size_L, 1.0), 1.0)


def left(count: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Factor for each sum before more samples are added: a half once it has `MOST` samples, else 1."""
    return jnp.where(count >= MOST, 0.5, 1.0)
