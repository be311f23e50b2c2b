"""What the latent classes of a bank are called in one context: a small table of votes, label by label.

Contexts that share a sensor share its bank, and differ in what its latents are called. A label belongs to one latent:
to the one that it opened, or else to the one that its samples fell on most often. Votes are what the densities say of
a sample, never what the context believes, or a wrong tie would confirm itself.

How far a label can be trusted is a rate: the share of samples of its latent that the bank itself gets wrong, and, as
long as the label is young in its context, a doubt that fades with its samples. It bounds what a label can say for or
against a context: a label not met before says nothing.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

SMOOTHING = 0.2  # samples that a latent without a name counts for, spread over all labels
DOUBT = 2.0  # wrong samples of a label that are feared before any was met
LEAST_ERROR = 0.02  # no label is trusted further than that


class Map(NamedTuple):
    """The names of one context: votes of the samples of each label, and the latent that a label opened (-1: none)."""

    votes: Float[Array, "L C"]
    opened: Int[Array, " C"]


def empty(latents: int, labels: int) -> Map:
    """A context that knows no name."""
    return Map(jnp.zeros((latents, labels)), jnp.full(labels, -1, jnp.int32))


def ties(names: Map) -> Int[Array, " C"]:
    """The latent of each label."""
    return jnp.where(names.opened >= 0, names.opened, jnp.argmax(names.votes, axis=0).astype(jnp.int32))


def read_out(names: Map) -> Float[Array, "L C"]:
    """p(label | latent); rows sum to one, and a latent without a name has all labels alike."""
    latents, labels = names.votes.shape
    tied_LC = jax.nn.one_hot(ties(names), latents, axis=0) * names.votes.sum(0)
    return (tied_LC + SMOOTHING / labels) / (tied_LC.sum(1, keepdims=True) + SMOOTHING)


def error_rates(names: Map, wrong_L: Float[Array, " L"], least: ArrayLike) -> Float[Array, " C"]:
    """Probability that a sample of each label says nothing about the context; 1 for a label never met."""
    met_C = names.votes.sum(0)
    return jnp.clip((DOUBT + wrong_L[ties(names)] * met_C) / (DOUBT + met_C), least, 1.0)


class Naming(NamedTuple):
    """What one sample of a label does to a map: the map, and the latent that the sample teaches (none while unsure)."""

    names: Map
    latent: Int[Array, ""]
    sure: Bool[Array, ""]


def name(
    names: Map,
    label: Int[Array, ""],
    share_L: Float[Array, " L"],
    score_L: Float[Array, " L"],
    novel: Float[Array, ""],
    size_L: Float[Array, " L"],
) -> Naming:
    """Tie a sample's label to a latent, given the vote on its input and the number of samples of each latent.

    A label that its context never met opens an empty latent, unless a known latent that has no name here yet fits
    the input better than a class never seen would.
    """
    met = names.votes[:, label].sum()
    nameless_L = names.votes.sum(1) < 0.5 + 0.05 * names.votes.sum() / names.votes.shape[1]
    fits = jnp.max(jnp.where(nameless_L & (size_L >= 20), score_L, -jnp.inf)) >= novel
    opens = (met < 0.5) & (names.opened[label] < 0) & ~fits & (size_L == 0).any()
    opened = names.opened.at[label].set(
        jnp.where(opens, jnp.argmax(size_L == 0).astype(jnp.int32), names.opened[label])
    )
    own = opened[label]
    vote_L = jnp.where(own >= 0, jax.nn.one_hot(own, len(share_L)), share_L)
    votes = names.votes.at[:, label].add(vote_L)
    of_label = votes[:, label]
    leading = jnp.argmax(of_label).astype(jnp.int32)
    settled = (of_label.sum() > 3) & (of_label[leading] > 0.5 * of_label.sum())
    return Naming(Map(votes, opened), jnp.where(own >= 0, own, leading), (own >= 0) | settled)
