"""The multivariate Student t."""

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
