"""The multivariate Student t, and the covariance of a code of which nothing is known yet."""

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln
from jaxtyping import Float

PRIOR_SAMPLES = 20.0  # what the isotropic prior covariance counts for
WITHIN = 0.5  # its variance: half of the code's, the other half lies between classes


def student(square: Array, logdet: Array, widening: Array | float, freedom: Array, inputs: int) -> Float[Array, "..."]:
    """Log density of a multivariate Student t whose covariance is `widening` Sigma, at squared distance `square`."""
    scale = widening * (freedom - 2) / freedom  # Sigma is a covariance, a t is given by its shape
    normaliser = gammaln((freedom + inputs) / 2) - gammaln(freedom / 2) - inputs / 2 * jnp.log(freedom * jnp.pi * scale)
    return normaliser - logdet / 2 - (freedom + inputs) / 2 * jnp.log1p(square / (freedom * scale))
