"""Two specialists that become one, or one that becomes two: the evidence that they are, and what each has learned.

    evidence = log p(what both learned | one) - log p(what both learned | two)

in closed form, for what specialists and maps learn are sufficient statistics. Of two maps over one sensor these are the
samples of each label on each latent (one name a latent, drawn at random, and samples with others as often as the bank
gets them wrong); of two sensors, count and mean of each latent and their common scatter, latents matched by the labels
that name them. A merger is exact: votes, counts and precisions add, and scatters with what lies between the means. So
is its reverse (`parted`), up to rounding.

Source: Murphy (2012), Machine Learning, sections 4.6 (normal and Student densities) and 5.3.2 (marginal likelihoods).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int, Shaped

from pcl import linalg
from pcl.learners.parallax import density, maps, numbers, shared
from pcl.learners.parallax.density import Density
from pcl.learners.parallax.maps import Map
from pcl.learners.parallax.shared import Shared
from pcl.learners.parallax.student import student
from pcl.learners.parallax.synapses import Discriminator
from pcl.synapses.covariance import Deferred


class Sums(NamedTuple):
    """What a bank's samples come to; scatters of each latent, or one of all."""

    size: Float[Array, " L"]
    mean: Float[Array, "L D"]
    scatter: Float[Array, "L D D"] | Float[Array, "D D"]

    @property
    def within(self) -> Float[Array, "D D"]:
        """Scatter of all latents around their means."""
        return self.scatter.sum(0) if self.scatter.ndim > 2 else self.scatter


def sums(state: Density | Shared) -> Sums:
    """Those of a bank."""
    if isinstance(state, Density):
        return Sums(state.size, state.mean, state.scatter)
    return Sums(state.size, state.mean, state.scatter + state.waiting.T @ state.waiting)


def maps_alike(one: Map, other: Map, wrong_L: Float[Array, " L"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Samples on latents that both name, and the evidence that two maps over one bank are one.

    A map draws the name of each latent, any label alike; a sample on it bears that name, or, as often as the bank gets
    samples of the latent wrong, any other. Samples count where their label is tied: votes beside it are errors too, and
    differ by the classes that were about.
    """
    labels, latents = one.votes.shape
    wrong_L1 = jnp.clip(wrong_L, numbers.LEAST_ERROR, numbers.MOST_ERROR)[:, None]

    def log_p(called_LC: Float[Array, "L C"]) -> Float[Array, ""]:
        others_LC = called_LC.sum(1, keepdims=True) - called_LC
        of_name_LC = called_LC * jnp.log1p(-wrong_L1) + others_LC * jnp.log(wrong_L1 / max(labels - 1, 1))
        return jnp.sum(jax.nn.logsumexp(of_name_LC, axis=1) - math.log(labels))

    none_LC, index_C = jnp.zeros((latents, labels)), jnp.arange(labels)
    called_2LC = jnp.stack([none_LC.at[m.tied, index_C].set(m.met) for m in (one, other)])
    both = jnp.min(called_2LC.sum(2), axis=0).sum()
    return both, log_p(called_2LC.sum(0)) - log_p(called_2LC[0]) - log_p(called_2LC[1])


def sensors_alike(ours: Sums, theirs: Sums, freedom: Float[Array, ""]) -> Float[Array, ""]:
    """Evidence that two banks, whose latents are in the same places, are one.

    What tells them apart is where the means of latents lie that both have met, in units of one covariance that all
    latents have in common either way. (With covariances of their own hundreds of samples leave so much open that two
    sensors pass for one, and even one for each bank says more of which classes were about than of sensors.) In two
    banks means differ like two samples of a latent do, or by a tenth or a hundredth of that variance, which are as
    likely (`numbers.MEANS_APART`). Means of few samples have tails as samples have, those of a t-density with so much
    `freedom`; means of many are normal. The latent that differs most is left out: a sensor moves all of them, strays
    lie in one.
    """
    inputs = ours.mean.shape[1]
    samples = jnp.maximum(ours.size - 1, 0).sum() + jnp.maximum(theirs.size - 1, 0).sum()
    prior_DD = numbers.PRIOR_SAMPLES * numbers.WITHIN * jnp.eye(inputs)
    sigma_DD = (ours.within + theirs.within + prior_DD) / (samples + numbers.PRIOR_SAMPLES)
    sigma_DD = sigma_DD + numbers.RIDGE * jnp.trace(sigma_DD) / inputs * jnp.eye(inputs)
    # The inverse of a covariance of few samples is too large by this (the mean of an inverse Wishart density).
    unbiased = jnp.maximum(samples - inputs - 1, 0) / jnp.maximum(samples, 1)
    share_L = ours.size * theirs.size / jnp.maximum(ours.size + theirs.size, 1e-30)
    off_LD = ours.mean - theirs.mean
    square_L = unbiased * share_L * jnp.sum(off_LD * linalg.solve(sigma_DD, off_LD.T).T, axis=1)
    freedom_L, same = 4 + (freedom - 4) * jnp.maximum(share_L, 1.0), jnp.zeros(())  # excess kurtosis goes with 1 / n

    def apart(variance: float) -> Float[Array, ""]:
        one_L = student(square_L, same, 1.0, freedom_L, inputs)
        two_L = student(square_L, same, 1 + variance * share_L, freedom_L, inputs)
        gain_L = jnp.where(share_L > 0, two_L - one_L, 0.0)
        return gain_L.sum() - jnp.maximum(gain_L.max(), 0.0)

    two = jnp.stack([apart(variance) for variance in numbers.MEANS_APART])
    return math.log(len(two)) - jax.nn.logsumexp(two)


def joined(one: Sums, other: Sums) -> Sums:
    """The sums of the samples of both, whose latents are in the same places."""
    size_L = one.size + other.size
    share_L = other.size / jnp.maximum(size_L, 1e-30)
    off_LD = other.mean - one.mean
    apart_LD = jnp.sqrt(one.size * share_L)[:, None] * off_LD
    between = apart_LD[:, :, None] * apart_LD[:, None] if one.scatter.ndim > 2 else apart_LD.T @ apart_LD
    return Sums(size_L, one.mean + share_L[:, None] * off_LD, one.scatter + other.scatter + between)


def parted(whole: Sums, part: Sums) -> Sums:
    """The sums of the samples of a whole that are not of its part."""
    size_L = jnp.maximum(whole.size - part.size, 0.0)
    rest_LD = whole.mean + (part.size / jnp.maximum(size_L, 1e-30))[:, None] * (whole.mean - part.mean)
    rest_LD = jnp.where((size_L > 0.5)[:, None], rest_LD, 0.0)
    apart_LD = jnp.sqrt(part.size * size_L / jnp.maximum(whole.size, 1e-30))[:, None] * (rest_LD - part.mean)
    between = apart_LD[:, :, None] * apart_LD[:, None] if whole.scatter.ndim > 2 else apart_LD.T @ apart_LD
    return Sums(size_L, rest_LD, whole.scatter - part.scatter - between)


def matched(one: Map, other: Map, size_L: Float[Array, " L"], other_size_L: Float[Array, " L"]) -> Int[Array, " L"]:
    """Where among the latents of one bank those of another belong: where their labels are, the others elsewhere.

    Labels that both have met often come first; latents that none of them names are placed by size, large ones where
    there is most room. A permutation: every latent has one place.
    """
    met_C = jnp.minimum(one.met, other.met)
    here_C, there_C = one.tied, other.tied

    def of_label(_: Int[Array, ""], known: tuple[Array, Array]) -> tuple[Array, Array]:
        place, met_C = known
        label = jnp.argmax(met_C)
        here, there = here_C[label], there_C[label]
        free = (met_C[label] > 0) & (place[there] < 0) & (place != here).all()
        return place.at[there].set(jnp.where(free, here, place[there])), met_C.at[label].set(0)

    def of_latent(_: Int[Array, ""], place: Int[Array, " L"]) -> Int[Array, " L"]:
        there = jnp.argmax(jnp.where(place < 0, other_size_L, -1.0))
        taken_L = jnp.zeros(len(place), bool).at[jnp.where(place < 0, len(place), place)].set(True, mode="drop")
        here = jnp.argmin(jnp.where(taken_L, jnp.inf, size_L)).astype(jnp.int32)
        return place.at[there].set(jnp.where(place[there] < 0, here, place[there]))

    nowhere = jnp.full(len(size_L), -1, jnp.int32)
    place, _ = jax.lax.fori_loop(0, len(met_C), of_label, (nowhere, met_C))
    return jax.lax.fori_loop(0, (place < 0).sum(), of_latent, place)


def by_place(leaf_L: Shaped[Array, "L ..."], place: Int[Array, " L"]) -> Shaped[Array, "L ..."]:
    """What belongs to latents, once these are in other places."""
    return leaf_L.at[place].set(leaf_L)


def renamed(names: Map, place: Int[Array, " L"]) -> Map:
    """The map once the latents that it names are in other places."""
    opened = jnp.where(names.opened >= 0, place[names.opened], -1).astype(jnp.int32)
    return maps.of(by_place(names.votes.T, place).T, opened, names.met)


def placed(sensor: Density | Shared, place: Int[Array, " L"]) -> Density | Shared:
    """The sums of a bank with its latents in other places."""
    changes = ("size", "mean", "recent", "moved", *(("scatter",) if isinstance(sensor, Density) else ()))
    return sensor._replace(**{name: by_place(getattr(sensor, name), place) for name in changes})


def merged_maps(one: Map, other: Map) -> Map:
    """Votes add; a label that opened a latent in either has opened it."""
    opened = jnp.where(one.opened >= 0, one.opened, other.opened)
    return maps.of(one.votes + other.votes, opened, one.met + other.met)


def parted_maps(whole: Map, part: Map) -> Map:
    """The map of the votes that are not of its part. Latents that labels have opened stay theirs."""
    # Votes of so many samples that they were scaled since do not tell how many are left: shares are all there is.
    scaled_C1 = (whole.votes < part.votes).any(1, keepdims=True)
    return maps.of(jnp.where(scaled_C1, whole.votes, whole.votes - part.votes), whole.opened, whole.met - part.met)


def parted_densities(whole: Density | Shared, part: Density | Shared, blank: Density | Shared) -> Density | Shared:
    """A bank with the samples of a whole that are not of its part, to be renewed."""
    size_L, mean_LD, scatter = parted(sums(whole), sums(part))
    return blank._replace(size=size_L, mean=mean_LD, scatter=scatter, recent=mean_LD)


def renewed_there(states: Density | Shared, slot: Int[Array, ""]) -> Density | Shared:
    """The banks, of which the one in `slot` has all that follows from its sums."""
    here = jax.tree.map(lambda leaf: leaf[slot], states)
    here = density.renew(here) if isinstance(here, Density) else shared.renew(here)
    return jax.tree.map(lambda leaf, new: leaf.at[slot].set(new), states, here)


def merged_densities(one: Density | Shared, other: Density | Shared) -> Density | Shared:
    """The bank with the samples of both, whose latents are in the same places, to be renewed."""
    lately_L, other_lately_L = (jnp.minimum(bank.size, numbers.RECENT) for bank in (one, other))
    share_L = other_lately_L / jnp.maximum(lately_L + other_lately_L, 1e-30)
    both = one._replace(
        **joined(sums(one), sums(other))._asdict(),
        square=one.square + other.square,
        log_square=one.log_square + other.log_square,
        recent=one.recent + share_L[:, None] * (other.recent - one.recent),
        moved=jnp.zeros_like(one.moved),  # these sums were about other means
    )
    if isinstance(both, Shared):  # what waited is in the scatter by now
        both = both._replace(waiting=jnp.zeros_like(both.waiting), waits=jnp.zeros_like(both.waits))
    return both


def merged_synapses(
    states: Discriminator, first: Int[Array, ""], second: Int[Array, ""], place: Int[Array, " L"], ridge: ArrayLike
) -> Discriminator:
    """The first of two layers has learned the samples of both, and the second nothing.

    Precisions, and what they say of weights, add. Without inverses of P, whose small variances rounding would blur: of
    A = P_a, B = P_b and the prior's precision r,

        P = (1/A + 1/B - r)^-1 = A M^-1 B,   M = A + B - r B A,   w = w_a + A M^-1 (w_b - w_a) + r P w_a
    """
    inputs, latents = states.w.shape[1:]
    a_HH, b_HH = (variances(jax.tree.map(lambda leaf, at=at: leaf[at], states.p)) for at in (first, second))
    # Where latents moved, variances may exceed the prior's; it is taken off no further than leaves them positive.
    widest = jnp.maximum(linalg.eigenvalues(a_HH)[-1], linalg.eigenvalues(b_HH)[-1])
    prior = jnp.minimum(jnp.asarray(ridge), 1 / widest)
    weights_HL, others_HL = states.w[first], by_place(states.w[second].T, place).T
    mixed_HH = a_HH + b_HH - prior * b_HH @ a_HH
    # What is below the rounding of P is not told apart: there the first layer stays as it is.
    rounding = 4 * jnp.finfo(mixed_HH.dtype).eps * jnp.max(jnp.diagonal(mixed_HH))
    mixed_HH = mixed_HH + rounding * jnp.eye(inputs)
    p_HH, gain_HL = _solved(a_HH, mixed_HH, b_HH, others_HL - weights_HL)
    w_HL = weights_HL + gain_HL + prior * p_HH @ weights_HL
    size_L = states.size[first] + by_place(states.size[second], place)
    places = jnp.stack([first, second])
    return Discriminator(
        w=states.w.at[places].set(jnp.stack([w_HL, jnp.zeros_like(w_HL)])),
        p=Deferred(
            base=states.p.base.at[places].set(jnp.stack([p_HH, jnp.eye(inputs) / ridge])),
            steps=states.p.steps.at[places].set(0.0),
            waiting=states.p.waiting.at[places].set(0),
        ),
        size=states.size.at[places].set(jnp.stack([size_L, jnp.zeros(latents)])),
    )


def parted_synapses(
    whole: Discriminator, part: Discriminator, size_L: Float[Array, " L"], ridge: ArrayLike
) -> Discriminator:
    """A layer that has learned the samples of a whole that are not of its part, by the same sums.

    Of N = P_whole and E = P_part: P = (1/N - 1/E + r)^-1 = E M^-1 N,   M = E - N + r N E,

        w = w_part + E M^-1 (w_whole - w_part) - r P w_part
    """
    n_HH, e_HH = variances(whole.p), variances(part.p)
    prior = jnp.minimum(jnp.asarray(ridge), 1 / linalg.eigenvalues(e_HH)[-1])
    mixed_HH = e_HH - n_HH + prior * n_HH @ e_HH
    rounding = jnp.finfo(mixed_HH.dtype).eps * jnp.max(jnp.diagonal(e_HH))
    p_HH, gain_HL = _solved(e_HH, mixed_HH + rounding * jnp.eye(len(e_HH)), n_HH, whole.w - part.w)
    nothing = jax.tree.map(jnp.zeros_like, part.p)
    return Discriminator(part.w + gain_HL - prior * p_HH @ part.w, nothing._replace(base=p_HH), size_L)


def variances(p: Deferred) -> Float[Array, "H H"]:
    """P of one layer with the steps that wait."""
    return p.base - p.steps.T @ p.steps


def _solved(a_HH: Array, mixed_HH: Array, b_HH: Array, change_HL: Array) -> tuple[Array, Array]:
    """P = A M^-1 B, and A M^-1 times a change of weights."""
    solved = a_HH @ linalg.solve(mixed_HH, jnp.concatenate([b_HH, change_HL], axis=1))
    p_HH, gain_HL = jnp.split(solved, [len(a_HH)], axis=1)
    return 0.5 * (p_HH + p_HH.T), gain_HL
