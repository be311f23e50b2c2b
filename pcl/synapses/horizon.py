"""How many samples sums stand for that grow with the stream.

A count in float32 ends at 2^24, where one more changes nothing, and long before that small terms are rounded to none.
Sums are of all samples up to `MOST`, in whatever order these came; beyond it older samples fade, and what is read from
sums (means, covariances, shares) goes on to follow the last million. What is counted one by one is an integer, which
ends at 2^31 samples, where streams do.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

MOST = 2.0**20  # samples of a latent, of votes on a label, of transitions from a label
OF_ALL = 2.0**23  # and of all latents of a bank together


def share_kept(size_L: Float[Array, " L"]) -> Float[Array, " L"]:
    """Share of the sums of each latent of a bank that leaves no more samples than sums may stand for."""
    return jnp.minimum(min(MOST, OF_ALL / len(size_L)) / jnp.maximum(size_L, 1.0), 1.0)


def left(count: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Share of each sum that is left as more samples come: a half once it is of `MOST`, else all."""
    return jnp.where(count >= MOST, 0.5, 1.0)
