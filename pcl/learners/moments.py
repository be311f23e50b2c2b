"""Moving averages of inputs: mean and variance of each entry, in which older samples fade.

Sample number k moves the averages by the share 1 - d of its difference, d the smaller of `decay` and k / (k + 1), so
that the first samples weigh alike, and mean 0 and variance 1 before them as one more:

    mean <- mean + (1 - d) (x - mean),    var <- d (var + (1 - d) (x - mean)^2)

A sample is normalised by the averages after it, not by later ones. So an entry that changes for the
first time for long is no larger than sqrt(d / (1 - d)).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

LEAST_VARIANCE = 1e-8


class Moments(NamedTuple):
    """Mean and variance of each entry of an input, and the samples that they have seen."""

    mean: Float[Array, "..."]
    variance: Float[Array, "..."]
    seen: Float[Array, ""]


def prior(shape: tuple[int, ...]) -> Moments:
    """Moments before the first sample: mean 0 and variance 1."""
    return Moments(jnp.zeros(shape), jnp.ones(shape), jnp.zeros(()))


def moved(before: Moments, x: Float[Array, "B ..."], counts_B: Bool[Array, " B"], decay: ArrayLike) -> Moments:
    """The moments after the rows that count, one after the other."""
    number_B = before.seen + jnp.cumsum(counts_B)
    kept_B = jnp.where(counts_B, jnp.minimum(decay, number_B / (number_B + 1)), 1.0)
    later_B = jnp.append(jnp.cumprod(kept_B[:0:-1])[::-1], 1.0)  # share of each row that is left after the later rows
    share_B = jnp.where(counts_B, (1 - kept_B) * later_B, 0.0)
    difference = jnp.where(counts_B.reshape(-1, *(1,) * (x.ndim - 1)), x - before.mean, 0.0)
    shift = jnp.tensordot(share_B, difference, 1)
    variance = jnp.prod(kept_B) * before.variance + jnp.tensordot(share_B, difference**2, 1) - shift**2
    return Moments(before.mean + shift, jnp.maximum(variance, LEAST_VARIANCE), before.seen + counts_B.sum())


def normalised(before: Moments, x: Float[Array, "B ..."], decay: ArrayLike) -> Float[Array, "B ..."]:
    """Each row standardised by the moments after it, as if it were the next sample."""
    kept = jnp.minimum(decay, (before.seen + 1) / (before.seen + 2))
    difference = x - before.mean
    variance = kept * (before.variance + (1 - kept) * difference**2)
    return kept * difference / jnp.sqrt(jnp.maximum(variance, LEAST_VARIANCE))
