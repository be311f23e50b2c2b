"""Sufficient statistics of a sensor, and their mergers and splits.

They are sums over samples, which do not depend on their order. A merger is exact: counts and precisions add, and
scatters add with the scatter between the means. So is its reverse (`parted`), up to rounding. The evidence that two
sensors are one,

    log p(samples of both | one sensor) - log p(samples of both | two sensors)

is a closed form of them. Source: Murphy (2012), Machine Learning, section 4.6 (normal and Student densities).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int, Shaped

from pcl import linalg
from pcl.learners.parallax import numbers
from pcl.learners.parallax.sensors.tails import degrees_of_freedom
from pcl.learners.parallax.student import student


class Weights(NamedTuple):
    """Gaussian posterior of synapses, whose prior has mean 0 and this precision."""

    mean: Float[Array, "H L"]
    covariance: Float[Array, "H H"]
    prior: ArrayLike


class Sums(NamedTuple):
    """Sufficient statistics of one sensor; one scatter per latent, or one for all."""

    size: Float[Array, " L"]
    mean: Float[Array, "L D"]
    scatter: Float[Array, "L D D"] | Float[Array, "D D"]
    recent: Float[Array, "L D"]  # means over the last samples of each latent
    square: Float[Array, " 3"]  # sums of 1, q, q^2 of the squared distances q of samples, over D
    log_square: Float[Array, " 3"]  # fading sums of 1, log q, (log q)^2
    alike: Float[Array, " 2"] | None = None  # these two where a covariance is shared (`shared`)
    latest: Float[Array, " D"] | None = None
    weights: Weights | None = None

    @property
    def within(self) -> Float[Array, "D D"]:
        """Scatter of all latents around their means."""
        return self.scatter.sum(0) if self.scatter.ndim > 2 else self.scatter


def by_place(leaf_L: Shaped[Array, "L ..."], place: Int[Array, " L"]) -> Shaped[Array, "L ..."]:
    """An array over latents after their permutation."""
    return leaf_L.at[place].set(leaf_L)


def placed(sums: Sums, place: Int[Array, " L"]) -> Sums:
    """The sums of a sensor after a permutation of its latents."""
    of_each = sums.scatter.ndim > 2
    weights = sums.weights
    return sums._replace(
        size=by_place(sums.size, place),
        mean=by_place(sums.mean, place),
        scatter=by_place(sums.scatter, place) if of_each else sums.scatter,
        recent=by_place(sums.recent, place),
        weights=weights and weights._replace(mean=by_place(weights.mean.T, place).T),
    )


def joined(one: Sums, other: Sums) -> Sums:
    """The sums of the samples of both, whose latents are in the same places."""
    size_L = one.size + other.size
    part_L = other.size / jnp.maximum(size_L, 1e-30)
    off_LD = other.mean - one.mean
    apart_LD = jnp.sqrt(one.size * part_L)[:, None] * off_LD
    lately_L, other_lately_L = (jnp.minimum(sums.size, numbers.RECENT) for sums in (one, other))
    newer_L = other_lately_L / jnp.maximum(lately_L + other_lately_L, 1e-30)
    return one._replace(
        size=size_L,
        mean=one.mean + part_L[:, None] * off_LD,
        scatter=one.scatter + other.scatter + _between(one, apart_LD),
        recent=one.recent + newer_L[:, None] * (other.recent - one.recent),
        square=one.square + other.square,
        log_square=one.log_square + other.log_square,
        weights=one.weights and other.weights and joined_weights(one.weights, other.weights),
    )


def parted(whole: Sums, part: Sums) -> Sums:
    """The sums of a whole without those of its part; those of distances cannot be parted, and begin anew."""
    size_L = jnp.maximum(whole.size - part.size, 0.0)
    rest_LD = whole.mean + (part.size / jnp.maximum(size_L, 1e-30))[:, None] * (whole.mean - part.mean)
    rest_LD = jnp.where((size_L > 0.5)[:, None], rest_LD, 0.0)
    apart_LD = jnp.sqrt(part.size * size_L / jnp.maximum(whole.size, 1e-30))[:, None] * (rest_LD - part.mean)
    return Sums(
        size=size_L,
        mean=rest_LD,
        scatter=whole.scatter - part.scatter - _between(whole, apart_LD),
        recent=rest_LD,
        square=jnp.zeros(3),
        log_square=jnp.zeros(3),
        alike=None if whole.alike is None else jnp.ones_like(whole.alike),
        latest=None if whole.latest is None else jnp.zeros_like(whole.latest),
        weights=whole.weights and part.weights and parted_weights(whole.weights, part.weights),
    )


def _between(like: Sums, apart_LD: Float[Array, "L D"]) -> Float[Array, "..."]:
    """Scatter of deviations, of each latent or of all together: in the form of `like`."""
    return apart_LD[:, :, None] * apart_LD[:, None] if like.scatter.ndim > 2 else apart_LD.T @ apart_LD


def freedom(*some: Sums) -> Float[Array, ""]:
    """Degrees of freedom of the distances of samples of these sensors."""
    return degrees_of_freedom(jnp.sum(jnp.stack([one.square for one in some]), axis=0), some[0].mean.shape[1])


def sensors_alike(ours: Sums, theirs: Sums, freedom: Float[Array, ""]) -> Float[Array, ""]:
    """Evidence that two sensors, whose latents are in the same places, are one.

    It compares the means of latents that both have met, in units of one covariance that all latents share under both
    hypotheses. (With a covariance for each latent, two sensors still pass for one after hundreds of samples; with one
    for each sensor, the evidence depends on which classes were present.) Under two sensors the difference of the two
    means of a latent has the variance of its samples, or a tenth or a hundredth of it, with equal probability
    (`numbers.MEANS_APART`). Means of few samples have the tails of a t-density with `freedom`, as samples have; means
    of many are normal. The latent that differs most is left out: another sensor moves all latents, outliers lie in one.
    """
    inputs = ours.mean.shape[1]
    samples = jnp.maximum(ours.size - 1, 0).sum() + jnp.maximum(theirs.size - 1, 0).sum()
    prior_DD = numbers.PRIOR_SAMPLES * numbers.WITHIN * jnp.eye(inputs)
    sigma_DD = (ours.within + theirs.within + prior_DD) / (samples + numbers.PRIOR_SAMPLES)
    sigma_DD = sigma_DD + numbers.RIDGE * jnp.trace(sigma_DD) / inputs * jnp.eye(inputs)
    # The inverse of a covariance of few samples is too large by this (the mean of an inverse Wishart density).
    unbiased = jnp.maximum(samples - inputs - 1, 0) / jnp.maximum(samples, 1)
    weight_L = ours.size * theirs.size / jnp.maximum(ours.size + theirs.size, 1e-30)
    off_LD = ours.mean - theirs.mean
    square_L = unbiased * weight_L * jnp.sum(off_LD * linalg.solve(sigma_DD, off_LD.T).T, axis=1)
    freedom_L, same = 4 + (freedom - 4) * jnp.maximum(weight_L, 1.0), jnp.zeros(())  # excess kurtosis goes with 1 / n

    def apart(variance: float) -> Float[Array, ""]:
        one_L = student(square_L, same, 1.0, freedom_L, inputs)
        two_L = student(square_L, same, 1 + variance * weight_L, freedom_L, inputs)
        gain_L = jnp.where(weight_L > 0, two_L - one_L, 0.0)
        return gain_L.sum() - jnp.maximum(gain_L.max(), 0.0)

    two = jnp.stack([apart(variance) for variance in numbers.MEANS_APART])
    return math.log(len(two)) - jax.nn.logsumexp(two)


def joined_weights(one: Weights, other: Weights) -> Weights:
    """The posterior after the samples of both.

    Precisions, and precision-weighted means, add. Inverses of P are avoided, because rounding would lose its small
    variances: with A = P_a, B = P_b and the prior's precision r,

        P = (1/A + 1/B - r)^-1 = A M^-1 B,   M = A + B - r B A,   w = w_a + A M^-1 (w_b - w_a) + r P w_a
    """
    a_HH, b_HH = one.covariance, other.covariance
    # If latents moved, variances may exceed the prior's; then less of the prior is taken off, so that P stays positive.
    widest = jnp.maximum(linalg.eigenvalues(a_HH)[-1], linalg.eigenvalues(b_HH)[-1])
    prior = jnp.minimum(jnp.asarray(one.prior), 1 / widest)
    mixed_HH = a_HH + b_HH - prior * b_HH @ a_HH
    # Directions of M below the rounding of P are kept from exploding; there the first layer stays as it is.
    rounding = 4 * jnp.finfo(mixed_HH.dtype).eps * jnp.max(jnp.diagonal(mixed_HH))
    mixed_HH = mixed_HH + rounding * jnp.eye(len(mixed_HH))
    p_HH, gain_HL = _solved(a_HH, mixed_HH, b_HH, other.mean - one.mean)
    return Weights(one.mean + gain_HL + prior * p_HH @ one.mean, p_HH, one.prior)


def parted_weights(whole: Weights, part: Weights) -> Weights:
    """The posterior after the samples of a whole without those of its part.

    With N = P_whole and E = P_part: P = (1/N - 1/E + r)^-1 = E M^-1 N,   M = E - N + r N E,

        w = w_part + E M^-1 (w_whole - w_part) - r P w_part
    """
    n_HH, e_HH = whole.covariance, part.covariance
    prior = jnp.minimum(jnp.asarray(whole.prior), 1 / linalg.eigenvalues(e_HH)[-1])
    mixed_HH = e_HH - n_HH + prior * n_HH @ e_HH
    rounding = jnp.finfo(mixed_HH.dtype).eps * jnp.max(jnp.diagonal(e_HH))
    p_HH, gain_HL = _solved(e_HH, mixed_HH + rounding * jnp.eye(len(e_HH)), n_HH, whole.mean - part.mean)
    return Weights(part.mean + gain_HL - prior * p_HH @ part.mean, p_HH, whole.prior)


def fading(learn: Callable[..., Any], retention: float) -> Callable[..., Any]:
    """`learn` with constant forgetting: the sensor that learns a sample keeps the share `retention` of its sums."""

    def learn_and_fade(states: Any, slot: Int[Array, ""], message: Any) -> Any:
        learned, left = learn(states, slot, message), jnp.where(message.gate > 0, retention, 1.0)
        size, scatter = (leaf.at[slot].multiply(left) for leaf in (learned.size, learned.scatter))
        return learned._replace(size=size, scatter=scatter)

    return learn_and_fade if retention < 1 else learn


def _solved(a_HH: Array, mixed_HH: Array, b_HH: Array, change_HL: Array) -> tuple[Array, Array]:
    """P = A M^-1 B, and A M^-1 times a change of weights."""
    solved = a_HH @ linalg.solve(mixed_HH, jnp.concatenate([b_HH, change_HL], axis=1))
    p_HH, gain_HL = jnp.split(solved, [len(a_HH)], axis=1)
    return 0.5 * (p_HH + p_HH.T), gain_HL
