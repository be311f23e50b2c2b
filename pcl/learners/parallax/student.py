"""The multivariate Student t, the covariance of a code of which nothing is known yet, and how a scatter grows."""

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln
from jaxtyping import Float


def student(
    square: Array, logdet: Array, widening: Array | float, freedom: Array, inputs: Array | int
) -> Float[Array, "..."]:
    """Log density of a multivariate Student t whose covariance is `widening` Sigma, at squared distance `square`."""
    scale = widening * (freedom - 2) / freedom  # Sigma is a covariance, a t is given by its shape
    normaliser = gammaln((freedom + inputs) / 2) - gammaln(freedom / 2) - inputs / 2 * jnp.log(freedom * jnp.pi * scale)
    return normaliser - logdet / 2 - (freedom + inputs) / 2 * jnp.log1p(square / (freedom * scale))


def rank_one(
    deviation: Float[Array, " D"], spread: Float[Array, " D"]
) -> tuple[Float[Array, "D D"], Float[Array, "D D"], Float[Array, ""]]:
    """What one deviation d adds to a scatter, takes from its inverse P, and adds to its log determinant.

    `spread` is P d: (P^-1 + d d^T)^-1 = P - P d (P d)^T / (1 + d^T P d) (Sherman and Morrison (1950)).
    """
    grown = 1 + deviation @ spread
    return jnp.outer(deviation, deviation), jnp.outer(spread, spread) / grown, jnp.log(grown)
