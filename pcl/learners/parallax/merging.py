"""Two specialists that become one: the evidence that they are, and what both have learned in one.

    evidence = log p(what both learned | one) - log p(what both learned | two)

in closed form, for what specialists and maps learn are sufficient statistics. Of two maps over one sensor these are the
samples of each label on each latent (one name a latent, drawn at random, and samples with others as often as the bank
gets them wrong); of two sensors, count and mean of each latent and their common scatter (normal and inverse Wishart),
latents matched by the labels that name them. A merger is exact: votes, counts and precisions add, and scatters with
what lies between the means.

Source: Murphy (2012), Machine Learning, sections 4.6.3 (normal and inverse Wishart) and 5.3.2 (marginal likelihoods).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import multigammaln
from jax.typing import ArrayLike
from jaxtyping import Float, Int, Shaped

from pcl.learners.parallax import density, maps, shared
from pcl.learners.parallax.density import Density
from pcl.learners.parallax.maps import Map
from pcl.learners.parallax.shared import Shared
from pcl.learners.parallax.student import PRIOR_SAMPLES, WITHIN
from pcl.learners.parallax.synapses import Discriminator
from pcl.network.covariance import Deferred


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
    wrong_L1 = jnp.clip(wrong_L, maps.LEAST_ERROR, 0.5)[:, None]

    def log_p(called_LC: Float[Array, "L C"]) -> Float[Array, ""]:
        others_LC = called_LC.sum(1, keepdims=True) - called_LC
        of_name_LC = called_LC * jnp.log1p(-wrong_L1) + others_LC * jnp.log(wrong_L1 / max(labels - 1, 1))
        return jnp.sum(jax.nn.logsumexp(of_name_LC, axis=1) - math.log(labels))

    none_LC, index_C = jnp.zeros((latents, labels)), jnp.arange(labels)
    called_2LC = jnp.stack([none_LC.at[m.tied, index_C].set(m.met) for m in (one, other)])
    both = jnp.min(called_2LC.sum(2), axis=0).sum()
    return both, log_p(called_2LC.sum(0)) - log_p(called_2LC[0]) - log_p(called_2LC[1])


def sensors_alike(one: Density | Shared, other: Density | Shared) -> Float[Array, ""]:
    """Evidence that two banks, whose latents are in the same places, are one.

    Latents of a bank have a covariance in common here. With one each, a few dozen samples would leave so much open that
    a latent in two places passes for a long one. Before anything is seen the covariance has the mean Sigma and the
    worth of D samples as in `density`, and means lie about as far apart as samples of a latent do.
    """
    ours, theirs, inputs = sums(one), sums(other), one.mean.shape[1]
    samples = one.size.sum() + other.size.sum()
    within_DD = ours.within + theirs.within + PRIOR_SAMPLES * WITHIN * jnp.eye(inputs)
    within_DD = within_DD / (samples + PRIOR_SAMPLES)
    within_DD = within_DD + density.RIDGE * jnp.trace(within_DD) / inputs * jnp.eye(inputs)
    centre = (one.size @ one.mean + other.size @ other.mean) / jnp.maximum(samples, 1)
    freedom = 2 * inputs + 1.0  # of an inverse Wishart with the matrix D Sigma and the mean Sigma

    def log_p(size_L: Float[Array, " L"], mean_LD: Float[Array, "L D"], scatter_DD: Float[Array, "D D"]) -> Array:
        off_LD = jnp.sqrt(size_L / (size_L + 1))[:, None] * (mean_LD - centre)
        prior_DD, seen = inputs * within_DD, size_L.sum()
        before, after = _logdet(prior_DD), _logdet(prior_DD + scatter_DD + off_LD.T @ off_LD)
        gamma = multigammaln((freedom + seen) / 2, inputs) - multigammaln(freedom / 2, inputs)
        return (freedom * before - (freedom + seen) * after) / 2 + gamma - inputs / 2 * jnp.log1p(size_L).sum()

    three = [(s.size, s.mean, s.within) for s in (joined(ours, theirs), ours, theirs)]
    both, first, second = jax.vmap(log_p)(*(jnp.stack(leaves) for leaves in zip(*three, strict=True)))
    return both - first - second


def _logdet(positive_DD: Float[Array, "D D"]) -> Float[Array, ""]:
    return 2 * jnp.log(jnp.diagonal(jnp.linalg.cholesky(positive_DD))).sum()


def joined(one: Sums, other: Sums) -> Sums:
    """The sums of the samples of both, whose latents are in the same places."""
    size_L = one.size + other.size
    share_L = other.size / jnp.maximum(size_L, 1e-30)
    off_LD = other.mean - one.mean
    apart_LD = jnp.sqrt(one.size * share_L)[:, None] * off_LD
    between = apart_LD[:, :, None] * apart_LD[:, None] if one.scatter.ndim > 2 else apart_LD.T @ apart_LD
    return Sums(size_L, one.mean + share_L[:, None] * off_LD, one.scatter + other.scatter + between)


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
        return place.at[there].set(jnp.where(free, here, place[there])), met_C.at[label].set(0.0)

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


def merged_densities(one: Density | Shared, other: Density | Shared) -> Density | Shared:
    """The bank with the samples of both, whose latents are in the same places."""
    lately_L, other_lately_L = (jnp.minimum(bank.size, density.RECENT) for bank in (one, other))
    share_L = other_lately_L / jnp.maximum(lately_L + other_lately_L, 1e-30)
    both = one._replace(
        **joined(sums(one), sums(other))._asdict(),
        square=one.square + other.square,
        log_square=one.log_square + other.log_square,
        recent=one.recent + share_L[:, None] * (other.recent - one.recent),
        moved=jnp.zeros_like(one.moved),  # these sums were about other means
    )
    if isinstance(both, Density):
        return density.renew(both)
    # What waited is in the scatter by now.
    return shared.renew(both._replace(waiting=jnp.zeros_like(both.waiting), waits=jnp.zeros_like(both.waits)))


def merged_synapses(
    states: Discriminator, first: Int[Array, ""], second: Int[Array, ""], place: Int[Array, " L"], ridge: ArrayLike
) -> Discriminator:
    """The first of two layers has learned the samples of both, and the second nothing.

    Precisions, and what they say of weights, add. Without inverses of P, whose small variances rounding would blur: of
    A = P_a, B = P_b and the prior's precision r,

        P = (1/A + 1/B - r)^-1 = A M^-1 B,   M = A + B - r B A,   w = w_a + A M^-1 (w_b - w_a) + r P w_a
    """
    inputs, latents = states.w.shape[1:]
    a_HH, b_HH = (states.p.base[at] - states.p.steps[at].T @ states.p.steps[at] for at in (first, second))
    # Where latents moved, variances may exceed the prior's; it is taken off no further than leaves them positive.
    widest = jnp.maximum(jnp.linalg.eigvalsh(a_HH)[-1], jnp.linalg.eigvalsh(b_HH)[-1])
    prior = jnp.minimum(jnp.asarray(ridge), 1 / widest)
    weights_HL, others_HL = states.w[first], by_place(states.w[second].T, place).T
    mixed_HH = a_HH + b_HH - prior * b_HH @ a_HH
    # What is below the rounding of P is not told apart: there the first layer stays as it is.
    rounding = 4 * jnp.finfo(mixed_HH.dtype).eps * jnp.max(jnp.diagonal(mixed_HH))
    mixed_HH = mixed_HH + rounding * jnp.eye(inputs)
    solved = a_HH @ jnp.linalg.solve(mixed_HH, jnp.concatenate([b_HH, others_HL - weights_HL], axis=1))
    p_HH = 0.5 * (solved[:, :inputs] + solved[:, :inputs].T)
    w_HL = weights_HL + solved[:, inputs:] + prior * p_HH @ weights_HL
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
