"""Maps: contingency tables of labels and the latents of a sensor, one for each context.

Contexts that share a sensor differ in their maps. A label is tied to one latent: the one that it opened, or else the
one on which its samples fell most often. Votes are the sensor's posterior of latents and do not depend on the belief
about contexts: otherwise a wrong tie would confirm itself.

A label's error rate is the share of samples of its latent that the sensor gets wrong, plus a doubt that fades with the
label's samples in its context. It bounds the evidence of the label for or against a context; a label not met before is
no evidence.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import numbers
from pcl.learners.parallax.rows import read
from pcl.synapses import horizon


class Map(NamedTuple):
    """The map of one context: counts over the samples of each label, one row per label."""

    votes: Float[Array, "C L"]  # of the samples of each label for each latent; halved at `horizon.MOST` votes
    opened: Int[Array, " C"]  # the latent that the label opened (-1: none)
    tied: Int[Array, " C"]  # the latent of the label
    met: Int[Array, " C"]  # number of samples
    voted: Float[Array, " L"]  # votes on each latent
    named: Int[Array, " L"]  # samples of the labels that are tied to it


def empty(latents: int, labels: int) -> Map:
    """The empty map of a new context."""
    none_C, none_L = jnp.zeros(labels, jnp.int32), jnp.zeros(latents, jnp.int32)
    return Map(jnp.zeros((labels, latents)), none_C - 1, none_C, none_C, jnp.zeros(latents), none_L)


def of(votes_CL: Float[Array, "C L"], opened_C: Int[Array, " C"], met_C: Int[Array, " C"]) -> Map:
    """The map with these votes, for samples of each label that are `met` in number."""
    tied_C = jnp.where(opened_C >= 0, opened_C, jnp.argmax(votes_CL, axis=1).astype(jnp.int32))
    named_L = jnp.zeros(votes_CL.shape[1], jnp.int32).at[tied_C].add(met_C)
    return Map(votes_CL, opened_C, tied_C, met_C, votes_CL.sum(0), named_L)


def read_out(names: Map, posterior_L: Float[Array, " L"], labels: int) -> Float[Array, " C"]:
    """p(label | probability of each latent), one number a row; `labels` is how many labels there are in all.

    p(label | latent) is the label's share of the samples of all labels that are tied to the latent; for a latent
    without a name it is uniform.
    """
    weight_L = posterior_L / (names.named + numbers.SMOOTHING)
    return names.met * weight_L[names.tied] + numbers.SMOOTHING / labels * weight_L.sum()


def error_rates(names: Map, wrong_L: Float[Array, " L"], least: ArrayLike) -> Float[Array, " C"]:
    """Probability that a sample of each label does not depend on the context; 1 for a label never met."""
    return jnp.clip((numbers.DOUBT + wrong_L[names.tied] * names.met) / (numbers.DOUBT + names.met), least, 1.0)


def nameless(voted: Float[Array, "... L"], met: Int[Array, "... C"]) -> Bool[Array, "... L"]:
    """Latents without a name, by the votes on each and the samples of each of as many labels."""
    return voted < numbers.NAMELESS_VOTES + numbers.NAMELESS_SHARE * met.sum(-1, keepdims=True) / met.shape[-1]


def count(names: Map, slot: Int[Array, ""], label: Int[Array, ""], opened: Int[Array, ""], vote_L: Array) -> Map:
    """The maps (leaves lead with S) after a sample with the vote `vote_L`; `opened`: the latent of its label, or -1."""
    met, before = names.met[slot, label], names.tied[slot, label]
    of_label = read(names.votes, slot, label)
    of_label = horizon.left(of_label.sum()) * of_label + vote_L
    tied = jnp.where(opened >= 0, opened, jnp.argmax(of_label).astype(jnp.int32))
    return Map(
        votes=names.votes.at[slot, label].set(of_label),
        opened=names.opened.at[slot, label].set(opened),
        tied=names.tied.at[slot, label].set(tied),
        met=names.met.at[slot, label].add(1),
        voted=names.voted.at[slot].add(vote_L),
        named=names.named.at[slot, before].add(-met).at[slot, tied].add(met + 1),
    )


class Naming(NamedTuple):
    """The maps after one labelled sample, and the latent that the sample teaches (none while unsure)."""

    names: Map
    latent: Int[Array, ""]
    sure: Bool[Array, ""]


def name(
    names: Map,
    slot: Int[Array, ""],
    label: Int[Array, ""],
    posterior_L: Float[Array, " L"],
    score_L: Float[Array, " L"],
    novel: Float[Array, ""],
    size_L: Float[Array, " L"],
) -> Naming:
    """Tie a sample's label to a latent in one of the maps, given the vote on its input and the samples of each latent.

    A label that its context never met opens an empty latent, unless a known latent that has no name here yet fits
    the input better than a class never seen would.
    """
    met, met_C = names.met[slot, label], names.met[slot]
    may_fit_L = nameless(names.voted[slot], met_C) & (size_L >= numbers.FITS_FROM)
    fits = jnp.max(jnp.where(may_fit_L, score_L, -jnp.inf)) >= novel
    opened = names.opened[slot, label]
    opens = (met < 0.5) & (opened < 0) & ~fits & (size_L == 0).any()
    own = jnp.where(opens, jnp.argmax(size_L == 0).astype(jnp.int32), opened)
    names = count(names, slot, label, own, jnp.where(own >= 0, jax.nn.one_hot(own, len(posterior_L)), posterior_L))
    latent = names.tied[slot, label]
    votes_L = names.votes[slot, label]
    number = jnp.where(met < horizon.MOST, met + 1, votes_L.sum())
    settled = (met + 1 > numbers.UNSURE) & (votes_L[latent] > numbers.MAJORITY * number)
    return Naming(names, latent, (own >= 0) | settled)
