"""Student-t densities of latent classes, with a covariance of each class.

Kept for every latent k are count n, mean and scatter: sums over samples, which do not depend on their order. Of the
covariance

    Sigma_k = (scatter_k + D Sigma) / (n_k - 1 + D),   Sigma = (prior + sum_k scatter_k) / samples

the inverse of the numerator is updated by a rank-one step a sample. Sigma, towards which all are shrunk, changes with
every sample of every class. It is renewed, and the inverses with it, once new samples are a certain part of all, so
that the cost of a sample stays O(D^2). The predictive density of a class is a Student t, whose degrees of freedom
are fitted to the kurtosis of the distances of samples. A class never seen has the mean of the class means and the
covariance within plus between classes.

A latent may move. Beside the mean over all its samples a second one follows the last hundred or so. The log likelihood
ratio of the second to the first is summed, from 0 up (a CUSUM; the latent's drift). Once the sum reaches `allocation`,
the price of a new context, the latent goes on from its recent mean, with the number of samples in it. If no latent
moves, nothing is forgotten, and sums do not depend on the order.

If L covariances would need more than `numbers.LARGEST` numbers, all latents share one (`shared`).
Sources: Murphy (2012), Machine Learning, sections 4.2 and 4.6 (predictive densities and shrinkage of Gaussians);
Page (1954), doi:10.2307/2333009 (CUSUM), whose mean time to a false alarm at h nats is at least e^h samples, Lorden
(1971), doi:10.1214/aoms/1177693055.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.learners.parallax import numbers
from pcl.learners.parallax.sensors.interface import Flops, Message, Seen, Sensor, Vote, in_slot, of_slot
from pcl.learners.parallax.sensors.inverse import inverted, rank_one
from pcl.learners.parallax.sensors.sums import Sums, fading
from pcl.learners.parallax.sensors.tails import degrees_of_freedom, gated, nearer, remember, typical
from pcl.learners.parallax.student import student
from pcl.synapses.horizon import share_kept

KEPT = ("size", "mean", "scatter", "recent", "square", "log_square")
RENEWED = ("inverse", "logdet", "novel_mean", "novel_inverse", "novel_logdet", "renewed")


class Density(NamedTuple):
    """One sensor, or all of them (leaves lead with B)."""

    size: Float[Array, " L"]
    mean: Float[Array, "L D"]
    scatter: Float[Array, "L D D"]
    inverse: Float[Array, "L D D"]  # of scatter + D Sigma
    logdet: Float[Array, " L"]  # of scatter + D Sigma
    novel_mean: Float[Array, " D"]
    novel_inverse: Float[Array, "D D"]
    novel_logdet: Float[Array, ""]
    square: Float[Array, " 3"]  # sums of 1, q, q^2 of the squared distances q, over D
    log_square: Float[Array, " 3"]  # fading sums of 1, log q, (log q)^2
    renewed: Float[Array, ""]  # samples when Sigma was renewed
    recent: Float[Array, "L D"]  # means over the last samples of each latent
    drift: Float[Array, " L"]  # evidence for the recent mean against the overall one, in nats


def densities(latents: int, inputs: int, retention: float = 1.0) -> Sensor:
    """A sensor of L latent classes over a code of D inputs whose entries have about unit variance.

    `retention` is the share of its sums that is left after one more sample.
    """

    def init(key: PRNGKeyArray) -> Density:
        # The result of `renew` without samples: multiples of the identity.
        eye_DD, zero_LD = jnp.eye(inputs), jnp.zeros((latents, inputs))
        pooled = numbers.WITHIN * (1 + numbers.RIDGE)
        prior, anywhere = inputs * pooled, (1 + 2 * numbers.IMAGINED / (numbers.IMAGINED - 1)) * pooled
        return Density(
            size=jnp.zeros(latents),
            mean=zero_LD,
            scatter=jnp.zeros((latents, inputs, inputs)),
            inverse=jnp.tile(eye_DD / prior, (latents, 1, 1)),
            logdet=jnp.full(latents, inputs * math.log(prior)),
            novel_mean=jnp.zeros(inputs),
            novel_inverse=eye_DD / anywhere,
            novel_logdet=jnp.full((), inputs * math.log(anywhere)),
            square=jnp.zeros(3),
            log_square=jnp.zeros(3),
            renewed=jnp.zeros(()),
            recent=zero_LD,
            drift=jnp.zeros(latents),
        )

    def size(states: Density) -> Float[Array, "B L"]:
        return states.size

    def of_sums(sums: Sums) -> Density:
        kept = {name: getattr(sums, name) for name in KEPT}
        return renew(init(jax.random.key(0))._replace(**kept))

    vote_flops = 2 * latents * inputs**2 + 2 * inputs**2
    # A renewal takes some 3 D^3 a covariance (factor, inverse and their product), every hundredth sample.
    renewals = 3 * (latents + 1) * inputs**3 // numbers.RENEWED_MOST
    flops = Flops(vote_flops, 2 * vote_flops + 8 * inputs**2 + renewals)
    return Sensor(init, of_slot(vote), fading(in_slot(learn), retention), size, sums, of_sums, flops)


def vote(state: Density, seen: Seen) -> Vote:
    """Log densities of the code under every latent and under a class never seen, and how typical it is."""
    code, inputs = seen.code, len(seen.code)
    square_L = distances(state, code)
    freedom = degrees_of_freedom(state.square, inputs)
    seen_L = state.size > 0
    widening_L = 1 + 1 / jnp.maximum(state.size, 1)
    logdet_L = state.logdet - inputs * jnp.log(_samples(state))
    score_L = student(square_L, logdet_L, widening_L, freedom, inputs)
    score_L = jnp.where(seen_L, score_L, numbers.UNSEEN)
    off = code - state.novel_mean
    novel = student(off @ state.novel_inverse @ off, state.novel_logdet, 1.0, freedom, inputs)
    nearest = jnp.where(seen_L.any(), square_L[jnp.argmax(score_L)], 1.0)
    typicality, calibrated = typical(state.log_square, nearest, inputs)
    fresh_L = jnp.minimum(numbers.RECENT / state.size, 1.0)
    return Vote(
        posterior=jax.nn.softmax(numbers.TEMPER * score_L),
        score=score_L,
        novel=novel,
        typicality=typicality,
        calibrated=calibrated,
        speaks=jnp.ones_like(seen_L),
        drift=state.drift,
        fresh=fresh_L,
    )


def distances(state: Density, code: Float[Array, " D"]) -> Float[Array, " L"]:
    """Squared Mahalanobis distance of the code from every latent."""
    off_LD = code - state.mean
    spread_LD = jnp.einsum("ld,lde->le", off_LD, state.inverse)
    return _samples(state) * jnp.sum(off_LD * spread_LD, axis=1)


def learn(state: Density, message: Message) -> Density:
    """The densities after a sample of one latent; it moves to its recent mean if `keep` is below 1."""
    learned = _with_sample(state, message.seen.code, message.latent, message.gate)
    age, taught = learned.size.sum(), message.gate > 0
    moves = taught & (message.keep < 1)
    waits = jnp.clip(age / numbers.RENEWED_PART, 1, numbers.RENEWED_MOST)
    due = moves | (taught & (age - state.renewed >= waits))
    changing = ("size", "mean", "scatter", "drift", "square", *RENEWED)
    renewed = jax.lax.cond(
        due,
        lambda s: tuple(
            getattr(renew(_move(s, message.latent, jnp.where(moves, message.keep, 1.0))), name) for name in changing
        ),
        lambda s: tuple(getattr(s, name) for name in changing),
        learned,
    )
    return learned._replace(**dict(zip(changing, renewed, strict=True)))


def _with_sample(state: Density, code: Float[Array, " D"], k: Int[Array, ""], mass: Float[Array, ""]) -> Density:
    """Adds a sample to latent k: its mean by the delta rule, its scatter by a Hebbian step of the prediction error."""
    inputs, if_taught = len(code), gated(mass)
    before, off, samples = state.size[k], code - state.mean[k], _samples(state)[k]
    spread = state.inverse[k] @ off
    part = jnp.sqrt(mass * before / (before + mass + 1e-30))  # of the deviation that is new to the scatter
    outer_DD, shrink_DD, growth = rank_one(part * off, part * spread)
    met, size = samples * (off @ spread), state.size.at[k].add(mass)
    square, log_square = remember(state.square, state.log_square, met, before, mass, inputs)
    off_recent, lately = code - state.recent[k], jnp.minimum(before, numbers.RECENT)
    near = samples * (off_recent @ state.inverse[k] @ off_recent)
    drift = state.drift[k] + mass * nearer(near, lately, met, before, degrees_of_freedom(state.square, inputs), inputs)
    return state._replace(
        size=size,
        mean=state.mean.at[k].add(if_taught(off * mass / jnp.maximum(size[k], 1e-30))),
        scatter=state.scatter.at[k].add(if_taught(outer_DD)),
        inverse=state.inverse.at[k].add(if_taught(-shrink_DD)),
        logdet=state.logdet.at[k].add(if_taught(growth)),
        square=square,
        log_square=log_square,
        recent=state.recent.at[k].add(if_taught(off_recent * mass / (lately + 1))),
        drift=state.drift.at[k].set(jnp.where(before >= numbers.MOVES_FROM, jnp.maximum(drift, 0.0), state.drift[k])),
    )


def sums(state: Density) -> Sums:
    """Sufficient statistics of one sensor."""
    return Sums(**{name: getattr(state, name) for name in KEPT})


def _move(state: Density, k: Int[Array, ""], keep: Float[Array, ""]) -> Density:
    """Moves latent k to its recent mean, and keeps the share `keep` of its samples. A share of 1 changes nothing."""
    goes, size = keep < 1, state.size[k]
    return state._replace(
        size=state.size.at[k].set(keep * size),
        mean=state.mean.at[k].set(jnp.where(goes, state.recent[k], state.mean[k])),
        scatter=state.scatter.at[k].multiply(keep),
        drift=state.drift.at[k].set(jnp.where(goes, 0.0, state.drift[k])),
    )


def renew(state: Density) -> Density:
    """The sums, scaled down to `horizon`'s limit, and all that is computed from them."""
    inputs, kept_L = state.mean.shape[1], share_kept(state.size)
    state = state._replace(
        size=kept_L * state.size,
        scatter=kept_L[:, None, None] * state.scatter,
        square=share_kept(state.square[:1]) * state.square,
    )
    pooled_DD = _pooled(state)
    seen_L = (state.size > 0).astype(state.mean.dtype)
    count = seen_L.sum()
    novel_mean = seen_L @ state.mean / jnp.maximum(count, 1)
    off_LD = seen_L[:, None] * (state.mean - novel_mean)
    # `IMAGINED` pseudo-classes, whose means have the covariance within classes.
    between_DD = (off_LD.T @ off_LD + numbers.IMAGINED * pooled_DD) / (count + (numbers.IMAGINED - 1))
    anywhere_DD = pooled_DD + between_DD * (1 + 1 / jnp.maximum(count, 1))
    inverse, logdet = jax.vmap(inverted)(jnp.concatenate([state.scatter + inputs * pooled_DD, anywhere_DD[None]]))
    return state._replace(
        inverse=inverse[:-1],
        logdet=logdet[:-1],
        novel_mean=novel_mean,
        novel_inverse=inverse[-1],
        novel_logdet=logdet[-1],
        renewed=state.size.sum(),
    )


def _pooled(state: Density) -> Float[Array, "D D"]:
    """Covariance within classes, pooled over all classes and shrunk towards the prior."""
    inputs = state.mean.shape[1]
    samples = jnp.maximum(state.size - 1, 0).sum() + numbers.PRIOR_SAMPLES
    pooled_DD = (state.scatter.sum(0) + numbers.PRIOR_SAMPLES * numbers.WITHIN * jnp.eye(inputs)) / samples
    return pooled_DD + numbers.RIDGE * jnp.trace(pooled_DD) / inputs * jnp.eye(inputs)


def _samples(state: Density) -> Float[Array, " L"]:
    """Degrees of freedom of each covariance; the shrinkage counts for D of them."""
    return jnp.maximum(state.size - 1, 0) + state.mean.shape[1]
