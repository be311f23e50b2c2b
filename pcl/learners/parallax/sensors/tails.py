"""Statistics of a sensor's distances: degrees of freedom, typicality, and the drift of latents.

The distance of each sample is remembered before the sample is learned. These distances are the scale of typicality,
and their kurtosis gives the degrees of freedom of the sensor's Student t.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from pcl.learners.parallax import numbers
from pcl.learners.parallax.student import student


def typical(
    log_square: Float[Array, " 3"], square: Float[Array, ""], inputs: int
) -> tuple[Float[Array, ""], Bool[Array, ""]]:
    """Standardised log distance of a code at this squared distance, and whether enough distances are remembered."""
    count, total, total_square = log_square
    mean = total / jnp.maximum(count, 1)
    variance = jnp.maximum(total_square / jnp.maximum(count, 1) - mean**2, 0) + numbers.LEAST_VARIANCE
    return (_log_distance(square, inputs) - mean) / jnp.sqrt(variance), count >= numbers.CALIBRATED


def degrees_of_freedom(square: Float[Array, " 3"], inputs: int) -> Float[Array, ""]:
    """Degrees of freedom of a Student t whose squared distances have the remembered kurtosis, once there are enough."""
    count, total, total_square = square
    ratio = total_square * count / jnp.maximum(total, 1e-6) ** 2 * (inputs / (inputs + 2))
    fitted = (4 * ratio - 2) / jnp.maximum(ratio - 1, 1e-3)
    fitted = jnp.clip(fitted, numbers.FREEDOM_LEAST, numbers.FREEDOM_MOST)
    return jnp.where(count > numbers.FREEDOM_FROM, fitted, numbers.FREEDOM)


def gated(mass: Float[Array, ""]) -> Callable[[Array], Array]:
    """A function of changes that makes those of a sample without mass add nothing, bit for bit."""
    return lambda change: jnp.where(mass > 0, change, -0.0)


def remember(
    square: Float[Array, " 3"],
    log_square: Float[Array, " 3"],
    met: Float[Array, ""],
    before: Float[Array, ""],
    mass: Float[Array, ""],
    inputs: int,
) -> tuple[Float[Array, " 3"], Float[Array, " 3"]]:
    """The sums of distances after one more, `met`, of a class that had `before` samples."""
    # Distances of young classes say more about the class than about the sample.
    remembered = jnp.where(before >= numbers.YOUNG, mass, 0.0)
    log_met, bounded = _log_distance(met, inputs), jnp.minimum(met / inputs, numbers.FARTHEST)
    faded, if_taught = jnp.where(remembered > 0, numbers.FADE, 1.0), gated(mass)
    return (
        square + if_taught(remembered * jnp.stack([jnp.ones(()), bounded, bounded**2])),
        faded * log_square + if_taught(remembered * jnp.stack([jnp.ones(()), log_met, log_met**2])),
    )


def nearer(
    recent_square: Array, lately: Array, square: Array, size: Array, freedom: Array, inputs: Array | int
) -> Float[Array, ""]:
    """Log likelihood ratio of one sample for its latent's recent mean against the overall mean, in nats, bounded."""
    zero = jnp.zeros(())
    near = student(recent_square, zero, 1 + 1 / jnp.maximum(lately, 1), freedom, inputs)
    far = student(square, zero, 1 + 1 / jnp.maximum(size, 1), freedom, inputs)
    return jnp.clip(near - far, -numbers.TELLS, numbers.TELLS)


def _log_distance(square: Float[Array, ""], inputs: int) -> Float[Array, ""]:
    return jnp.log(jnp.maximum(square / inputs, 1e-9))
