"""Coordinates in which the covariance within latents is the identity, and the shrinkage of means in them.

See `shared`, which finds them, for the letters.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl import linalg
from pcl.learners.parallax import numbers


def coordinates(
    size_L: Float[Array, " L"], mean_LD: Float[Array, "L D"], scatter_DD: Float[Array, "D D"]
) -> dict[str, Array]:
    """Centre, turn, b and log |W| by the sums: B is the covariance of class means beyond their sampling error."""
    latents, inputs = mean_LD.shape
    samples = jnp.maximum(size_L - 1, 0).sum() + numbers.PRIOR_SAMPLES
    total = jnp.trace(scatter_DD) + numbers.PRIOR_SAMPLES * numbers.WITHIN * inputs
    # The prior has the mean variance in every direction; and no eigenvalue is below the rounding of the largest.
    ridge = numbers.PRIOR_SAMPLES * total / samples / inputs + jnp.finfo(mean_LD.dtype).eps * total
    factor_DD = linalg.cholesky((scatter_DD + ridge * jnp.eye(inputs)) / samples)
    whiten_DD = linalg.triangular_solve(factor_DD, jnp.eye(inputs))
    seen_L = (size_L > 0).astype(mean_LD.dtype)
    count = jnp.maximum(seen_L.sum(), 1)
    centre_D = seen_L @ mean_LD / count
    apart_LD = seen_L[:, None] * (mean_LD - centre_D) @ whiten_DD.T
    # Eigenvectors of the means' scatter, within the space that so many means can span, and any others of the rest.
    few = min(latents, inputs)
    basis_DD = linalg.whole_basis(apart_LD.T) if latents < inputs else jnp.eye(inputs)
    within_LR = apart_LD @ basis_DD[:, :few]
    found_R, axes_RR = linalg.eigh(within_LR.T @ within_LR)
    by_chance = (count - 1) * jnp.sum(seen_L / jnp.maximum(size_L, 1)) / count
    between_D = jnp.pad(jnp.maximum(found_R - by_chance, 0.0), (0, inputs - few)) + numbers.IMAGINED
    axes_DD = jnp.concatenate([basis_DD[:, :few] @ axes_RR, basis_DD[:, few:]], axis=1)
    return {
        "centre": centre_D,
        "turn": axes_DD.T @ whiten_DD,
        "between": between_D / (count - 1 + numbers.IMAGINED),
        "logdet": 2 * jnp.sum(jnp.log(jnp.diagonal(factor_DD))),
    }


def directions(sums: Float[Array, " 2"]) -> Float[Array, ""]:
    """Effective number of independent directions of deviations."""
    return sums[0] / sums[1]


def alike(
    sums: Float[Array, " 2"], off_D: Float[Array, " D"], latest_D: Float[Array, " D"], mass: Float[Array, ""]
) -> Float[Array, " 2"]:
    """The sums for `directions` after one more deviation, by its cosine with the one before.

    Isotropic deviations in d directions have a squared cosine of 1 / d on average. For a class that W is estimated
    from, d is most of D; for a class hardly met it is some tens, because its deviations are correlated.
    """
    lengths = jnp.sum(off_D**2) * jnp.sum(latest_D**2)
    counts = (mass > 0) & (lengths > 0)
    cosine = (off_D @ latest_D) ** 2 / jnp.maximum(lengths, jnp.finfo(off_D.dtype).tiny)
    return jnp.where(counts, numbers.FADE * sums + jnp.stack([jnp.ones(()), cosine]), sums)


def well_known(renewed_L: Float[Array, " L"]) -> Bool[Array, " L"]:
    """Latents with enough samples when the coordinates were found (`numbers.FEW`, `numbers.OF_MEAN`).

    Coordinates found without a class do not model its mean, so that all of its samples look strange.
    """
    total, met = renewed_L.sum(), jnp.maximum((renewed_L > 0).sum(), 1)
    return renewed_L >= jnp.maximum(total * jnp.minimum(numbers.FEW, numbers.OF_MEAN / met), 1)


def predictive(between_D: Float[Array, " D"], size: Float[Array, "..."]) -> tuple[Array, Array]:
    """s and v: shrinkage of a mean of `size` samples, and the variance of the next sample around it."""
    ratio = jnp.maximum(size, 1e-6) * between_D
    return ratio / (1 + ratio), 1 + between_D / (1 + ratio)


def placed(u: Float[Array, "... D"], between_D: Float[Array, " D"], size: Float[Array, "..."]) -> dict[str, Array]:
    """The terms of a vote that depend on latents, for such means and sizes."""
    s, v = predictive(between_D, size)
    linear = s * u / v
    return {
        "precision": 1 / v,
        "linear": linear,
        "constant": jnp.sum(linear * s * u, axis=-1),
        "widening": jnp.sum(jnp.log(v), axis=-1),
    }


def product(stack: Float[Array, "S N D"], slot: Int[Array, ""], x: Float[Array, "D ..."]) -> Float[Array, "N ..."]:
    """The matrix in `slot` times a vector, or several in columns, without a copy of the matrix."""
    _, number, inputs = stack.shape
    rows = min(number, numbers.PIECE)

    def piece(i: Int[Array, ""], out: Array) -> Array:
        start = jnp.minimum(i * rows, number - rows)
        part = jax.lax.dynamic_slice(stack, (slot, start, 0), (1, rows, inputs))[0]
        return jax.lax.dynamic_update_slice_in_dim(out, part @ x, start, axis=0)

    return jax.lax.fori_loop(0, -(-number // rows), piece, jnp.zeros((number, *x.shape[1:]), x.dtype))
