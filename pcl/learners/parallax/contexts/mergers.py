"""Mergers and splits of maps: the log Bayes factor of one map against two, and the counts afterwards.

    evidence = log p(samples of both | one map) - log p(samples of both | two maps)

in closed form in the counts of each label on each latent (see `maps_alike`). Votes and counts add.

Source: Murphy (2012), Machine Learning, section 5.3.2 (marginal likelihoods).
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from pcl.learners.parallax import numbers
from pcl.learners.parallax.contexts import names as maps
from pcl.learners.parallax.contexts.names import Map
from pcl.learners.parallax.sensors.sums import by_place


def maps_alike(one: Map, other: Map, wrong_L: Float[Array, " L"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Samples on latents that both name, and the evidence that two maps over one sensor are one.

    The model: a map draws a label for each latent, uniformly. A sample on the latent has that label, or another one
    with the error rate of the sensor on the latent. Samples count where their label is tied. (Votes elsewhere are
    errors too, but depend on which classes were present.)
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


def matched(one: Map, other: Map, size_L: Float[Array, " L"], other_size_L: Float[Array, " L"]) -> Int[Array, " L"]:
    """The permutation of another sensor's latents that puts them in the places of one sensor's latents.

    Latents are matched by labels, those that both have met most often first. The others are matched by size: the
    largest to the smallest that is free.
    """
    met_C = jnp.minimum(one.met, other.met)
    here_C, there_C = one.tied, other.tied

    def of_label(_: Int[Array, ""], so_far: tuple[Array, Array]) -> tuple[Array, Array]:
        place, met_C = so_far
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


def renamed(names: Map, place: Int[Array, " L"]) -> Map:
    """The map after a permutation of its latents."""
    opened = jnp.where(names.opened >= 0, place[names.opened], -1).astype(jnp.int32)
    return maps.of(by_place(names.votes.T, place).T, opened, names.met)


def merged_maps(one: Map, other: Map) -> Map:
    """Votes add; a label that opened a latent in either has opened it."""
    opened = jnp.where(one.opened >= 0, one.opened, other.opened)
    return maps.of(one.votes + other.votes, opened, one.met + other.met)


def parted_maps(whole: Map, part: Map) -> Map:
    """The map without the votes of its part. Labels keep the latents that they opened."""
    # Votes that were scaled since (`horizon`) cannot be subtracted: the shares are kept.
    scaled_C1 = (whole.votes < part.votes).any(1, keepdims=True)
    return maps.of(jnp.where(scaled_C1, whole.votes, whole.votes - part.votes), whole.opened, whole.met - part.met)
