"""Densities of many latents, or on a wide code: one covariance for all, and a Gaussian prior over their means.

All latents share the covariance W of samples around their mean. The means have mean c and covariance B. Kept are the
count n and mean mu of each latent and one scatter within latents, sums as in `density`. They define coordinates V in
which W is the identity and B is diagonal:

    V^T W V = I,   V^T B V = diag(b),   t = V^T (phi - c),   u = V^T (mu - c)
    p(phi | latent) = t-density of  t ~ N(s u, diag(v)),   s = n b / (1 + n b),   v = 1 + b / (1 + n b)

The mean of few samples is shrunk towards c, more so in directions in which means differ little; a class never seen
(n = 0) is N(c, W + B). With many samples of each class this is linear discriminant analysis. A vote takes one product
with V and two with matrices [L, D]; a learned sample moves its own latent in these coordinates. They are recomputed
from the sums (O(D^3)) once new samples are a certain part of all.

Distances, their tails and latents that move are as in `tails`. Sources: Ioffe (2006), doi:10.1007/11744085_41, and
Prince and Elder (2007), doi:10.1109/ICCV.2007.4409052 (probabilistic linear discriminant analysis); Hayes and Kanan
(2020), arXiv:1909.01520 (one streaming covariance for all classes).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.learners.parallax import numbers
from pcl.learners.parallax.rows import read
from pcl.learners.parallax.sensors.coordinates import (
    alike,
    coordinates,
    directions,
    placed,
    predictive,
    product,
    well_known,
)
from pcl.learners.parallax.sensors.interface import Flops, Message, Seen, Sensor, Vote
from pcl.learners.parallax.sensors.sums import Sums, fading
from pcl.learners.parallax.sensors.tails import degrees_of_freedom, gated, nearer, remember, typical
from pcl.learners.parallax.student import student
from pcl.loops import when
from pcl.synapses.horizon import share_kept

KEPT = ("size", "mean", "recent", "square", "log_square", "alike", "latest")


class Shared(NamedTuple):
    """One sensor, or all of them (leaves lead with B)."""

    size: Float[Array, " L"]
    mean: Float[Array, "L D"]
    scatter: Float[Array, "D D"]  # within latents, without the waiting deviations
    waiting: Float[Array, "R D"]  # deviations that the scatter is still to take in
    waits: Int[Array, ""]  # number of these
    centre: Float[Array, " D"]  # c
    turn: Float[Array, "D D"]  # V^T
    between: Float[Array, " D"]  # b
    logdet: Float[Array, ""]  # of W
    precision: Float[Array, "L D"]  # 1 / v
    linear: Float[Array, "L D"]  # s u / v
    constant: Float[Array, " L"]  # sum of s^2 u^2 / v
    widening: Float[Array, " L"]  # sum of log v
    square: Float[Array, " 3"]  # as in `density`
    log_square: Float[Array, " 3"]
    renewed: Float[Array, " L"]  # sizes when the coordinates were found
    recent: Float[Array, "L D"]
    drift: Float[Array, " L"]
    latest: Float[Array, " D"]  # deviation of the last sample
    alike: Float[Array, " 2"]  # fading sums of 1 and of the squared cosine between two deviations in a row


def densities(latents: int, inputs: int, retention: float = 1.0) -> Sensor:
    """A sensor of L latent classes over a code of D inputs whose entries have about unit variance.

    `retention` is the share of its sums that is left after one more sample.
    """

    def init(key: PRNGKeyArray) -> Shared:
        zero_L, zero_D = jnp.zeros(latents), jnp.zeros(inputs)
        zero_LD = jnp.zeros((latents, inputs))
        return Shared(
            size=zero_L,
            mean=zero_LD,
            scatter=jnp.zeros((inputs, inputs)),
            waiting=jnp.zeros((numbers.WAITING, inputs)),
            waits=jnp.zeros((), int),
            centre=zero_D,
            turn=jnp.eye(inputs) / jnp.sqrt(numbers.WITHIN),
            between=zero_D + numbers.IMAGINED / 2,
            logdet=inputs * jnp.log(numbers.WITHIN),
            precision=zero_LD,
            linear=zero_LD,
            constant=zero_L,
            widening=zero_L,
            square=jnp.zeros(3),
            log_square=jnp.zeros(3),
            renewed=zero_L,
            recent=zero_LD,
            drift=zero_L,
            latest=zero_D,
            alike=jnp.ones(2),
        )

    def size(states: Shared) -> Float[Array, "B L"]:
        return states.size

    def of_sums(sums: Sums) -> Shared:
        kept = {name: getattr(sums, name) for name in KEPT}
        return renew(init(jax.random.key(0))._replace(scatter=sums.scatter, **kept))

    vote_flops = 2 * inputs**2 + 4 * latents * inputs
    # An update takes three products with V and one row of the scatter. Renewals, some 10 D^3 each, are a few dozen in a
    # life.
    flops = Flops(vote_flops, vote_flops + 8 * inputs**2)
    return Sensor(init, vote, fading(learn, retention), size, sums, of_sums, flops)


def vote(states: Shared, slot: Int[Array, ""], seen: Seen) -> Vote:
    """Log densities of the code under every latent and under a class never seen, and how typical it is."""
    inputs, size_L = len(seen.code), states.size[slot]
    t_D = product(states.turn, slot, seen.code - states.centre[slot])
    square_L = product(states.precision, slot, t_D**2) - 2 * product(states.linear, slot, t_D) + states.constant[slot]
    square_L = jnp.maximum(square_L, 0.0)
    seen_L, anywhere_D = size_L > 0, 1 + states.between[slot]
    log_p_L = _log_density(states, slot, square_L, states.widening[slot])
    score_L = jnp.where(seen_L, log_p_L, numbers.UNSEEN)
    novel = _log_density(states, slot, jnp.sum(t_D**2 / anywhere_D), jnp.log(anywhere_D).sum())
    # Even far samples keep a posterior of the nearest class above the rounding of a probability.
    novel = jnp.where(seen_L.any(), jnp.minimum(novel, score_L.max() + numbers.STRANGEST), novel)
    nearest = jnp.where(seen_L.any(), square_L[jnp.argmax(score_L)], 1.0)
    typicality, calibrated = typical(states.log_square[slot], nearest, inputs)
    fresh_L = jnp.minimum(numbers.RECENT / size_L, 1.0)
    return Vote(
        posterior=jax.nn.softmax(numbers.TEMPER * score_L),
        score=score_L,
        novel=novel,
        typicality=typicality,
        calibrated=calibrated,
        speaks=well_known(states.renewed[slot]),
        drift=states.drift[slot],
        fresh=fresh_L,
    )


class Sample(NamedTuple):
    """One sample of a latent that had `size` samples before, as deviations (of the code, and in coordinates V)."""

    size: Float[Array, ""]
    off: Float[Array, " D"]  # of the code from the latent's mean
    off_recent: Float[Array, " D"]  # from its recent mean
    t: Float[Array, " D"]  # of the code from c
    u: Float[Array, " D"]  # of the latent's mean from c
    recently: Float[Array, " D"]  # of the code from the recent mean
    latest: Float[Array, " D"]  # the last sample's from its own mean


def learn(states: Shared, slot: Int[Array, ""], message: Message) -> Shared:
    """The states after a sample of one latent of the sensor in `slot`."""
    k, mass, keep = message.latent, message.gate, message.keep
    learned = _with_sample(states, slot, k, mass, _sample(states, slot, message.seen.code, k))
    learned = when(learned.waits[slot] >= numbers.WAITING, _taken_in, learned, slot)
    size_L, renewed_L, moves = learned.size[slot], learned.renewed[slot], (mass > 0) & (keep < 1)
    age = size_L.sum()
    grown = age - renewed_L.sum() >= jnp.clip(age / numbers.SHARED_PART, 1, numbers.SELDOM)
    # Sooner for a class that has at least doubled, once its new samples are more than `FEW` of all.
    unknown = size_L[k] - renewed_L[k] >= jnp.maximum(renewed_L[k], numbers.FEW * age)
    due = moves | ((mass > 0) & (grown | unknown))
    return when(due, _renewed, learned, slot, k, jnp.where(moves, keep, 1.0))


def _sample(states: Shared, slot: Int[Array, ""], code: Float[Array, " D"], k: Int[Array, ""]) -> Sample:
    before, mean_D, recent_D = states.size[slot, k], read(states.mean, slot, k), read(states.recent, slot, k)
    off, off_recent, centre_D = code - mean_D, code - recent_D, states.centre[slot]
    seen_from = [code - centre_D, mean_D - centre_D, off_recent, states.latest[slot]]
    return Sample(before, off, off_recent, *product(states.turn, slot, jnp.stack(seen_from, axis=1)).T)


def _with_sample(
    states: Shared, slot: Int[Array, ""], k: Int[Array, ""], mass: Float[Array, ""], sample: Sample
) -> Shared:
    """Adds a sample to latent k: to the sums, and to the latent's terms of the likelihood."""
    before, t_D, u_D, if_taught = sample.size, sample.t, sample.u, gated(mass)
    s_D, v_D = predictive(states.between[slot], before)
    met = jnp.sum((t_D - s_D * u_D) ** 2 / v_D)
    square, log_square = remember(states.square[slot], states.log_square[slot], met, before, mass, len(t_D))
    shift = mass / jnp.maximum(before + mass, 1e-30)
    there = placed(u_D + shift * (t_D - u_D), states.between[slot], before + mass)
    part = jnp.sqrt(mass * before / (before + mass + 1e-30))  # of the deviation that is new to the scatter
    lately = jnp.minimum(before, numbers.RECENT)

    def put(all_SL: Array, new: Array) -> Array:
        return all_SL.at[slot, k].set(jnp.where(mass > 0, new, all_SL[slot, k]))

    return states._replace(
        size=states.size.at[slot, k].add(mass),
        mean=states.mean.at[slot, k].add(if_taught(shift * sample.off)),
        waiting=states.waiting.at[slot, states.waits[slot]].add(if_taught(part * sample.off)),
        waits=states.waits.at[slot].set(states.waits[slot] + (mass > 0)),
        **{name: put(getattr(states, name), new) for name, new in there.items()},
        square=states.square.at[slot].set(square),
        log_square=states.log_square.at[slot].set(log_square),
        recent=states.recent.at[slot, k].add(if_taught(sample.off_recent * mass / (lately + 1))),
        latest=states.latest.at[slot].set(jnp.where(mass > 0, sample.off, states.latest[slot])),
        alike=states.alike.at[slot].set(alike(states.alike[slot], t_D - u_D, sample.latest, mass)),
        drift=put(states.drift, _drift(states, slot, k, mass, sample)),
    )


def _drift(
    states: Shared, slot: Int[Array, ""], k: Int[Array, ""], mass: Float[Array, ""], sample: Sample
) -> Float[Array, ""]:
    """Drift of latent k after one more sample: evidence for its recent mean, in nats."""
    inputs, lately = len(sample.t), jnp.minimum(sample.size, numbers.RECENT)
    freedom, number = degrees_of_freedom(states.square[slot], inputs), directions(states.alike[slot])
    near, far = jnp.sum(sample.recently**2), jnp.sum((sample.t - sample.u) ** 2)
    scale = number / inputs
    nats = nearer(scale * near, lately, scale * far, sample.size, freedom, number)
    drift = states.drift[slot, k] + mass * nats
    return jnp.where(sample.size >= numbers.MOVES_FROM, jnp.maximum(drift, 0.0), states.drift[slot, k])


def sums(state: Shared) -> Sums:
    """Sufficient statistics of one sensor, with the waiting deviations."""
    kept = {name: getattr(state, name) for name in KEPT}
    return Sums(scatter=state.scatter + state.waiting.T @ state.waiting, **kept)


def renew(state: Shared) -> Shared:
    """One sensor with the same sums, and all that is computed from them."""
    first = jnp.zeros((), int)
    renewed = _renewed(jax.tree.map(lambda leaf: leaf[None], state), first, first, jnp.ones(()))
    return jax.tree.map(lambda leaf: leaf[0], renewed)


def _log_density(states: Shared, slot: Int[Array, ""], square: Array, widening: Array) -> Array:
    """Log t-density at a squared distance, in the effective number of independent directions."""
    inputs = states.turn.shape[1]
    number, freedom = directions(states.alike[slot]), degrees_of_freedom(states.square[slot], inputs)
    scale = number / inputs
    return student(scale * square, scale * (states.logdet[slot] + widening), 1.0, freedom, number)


def _taken_in(states: Shared, slot: Int[Array, ""]) -> Shared:
    """The scatter after the waiting deviations were added."""
    rows_RD = states.waiting[slot]
    return states._replace(
        scatter=states.scatter.at[slot].add(rows_RD.T @ rows_RD),
        waiting=states.waiting.at[slot].set(0.0),
        waits=states.waits.at[slot].set(0),
    )


def _renewed(states: Shared, slot: Int[Array, ""], k: Int[Array, ""], keep: Float[Array, ""]) -> Shared:
    """Computes all that follows from the sums. If `keep` < 1, latent k moves to its recent mean with that share."""
    states, goes = _taken_in(states, slot), keep < 1
    size_L, moved_D = states.size[slot], jnp.where(goes, states.recent[slot, k], states.mean[slot, k])
    kept = 1 - (1 - keep) * size_L[k] / jnp.maximum(size_L.sum(), 1)
    size_L, mean_LD = size_L.at[k].multiply(keep), states.mean[slot].at[k].set(moved_D)
    fades_L = (1 - share_kept(size_L)) * size_L
    kept, size_L = kept * (1 - fades_L.sum() / jnp.maximum(size_L.sum(), 1)), size_L - fades_L
    scatter_DD, square = kept * states.scatter[slot], states.square[slot]
    found = coordinates(size_L, mean_LD, scatter_DD)
    latents = placed((mean_LD - found["centre"]) @ found["turn"].T, found["between"], size_L[:, None])
    changed = found | latents | {"size": size_L, "scatter": scatter_DD, "renewed": size_L}
    changed["square"] = share_kept(square[:1]) * square
    return states._replace(
        mean=states.mean.at[slot, k].set(moved_D),
        drift=states.drift.at[slot, k].set(jnp.where(goes, 0.0, states.drift[slot, k])),
        **{name: getattr(states, name).at[slot].set(new) for name, new in changed.items()},
    )
