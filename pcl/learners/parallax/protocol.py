"""What specialists and the workspace say to each other; nothing else passes between them.

Shape letters of this package, beside those of `pcl.types`:
  S slots for contexts (and banks of specialists)   L latent classes of a bank   D entries of the code   R samples of
  the longest window
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.learners.parallax import numbers


class Message(NamedTuple):
    """From the workspace to one specialist: what to learn, and how much of it."""

    code: Float[Array, " D"]  # what this kind sees: the code itself, or features of it
    latent: Int[Array, ""]  # the latent class that the workspace settled on
    gate: Float[Array, ""]  # mass of the sample in 0 .. 1; 0 leaves the specialist as it is, bit for bit
    keep: Float[Array, ""]  # share of what was learned of the latent that still holds: 1 where nothing moved


class Vote(NamedTuple):
    """From one specialist to the workspace, about one sample.

    score: log p(code | latent) up to a constant of the sample, `numbers.UNSEEN` where a latent has no samples.
    novel: log p(code | a class never seen), on the scale of `score`.
    typicality: how much farther the code is from the nearest latent than this specialist's samples were, in their
      standard deviations; `calibrated` says whether there were enough of them.
    known: latents of which enough is known for their samples to speak of a change of context.
    moved, fresh: evidence in nats that the latest samples of a latent lie elsewhere than all of them do, and the share
      that these are of all.
    A specialist that has no opinion on the input votes a novelty of `numbers.UNSEEN` and is never calibrated.
    """

    score: Float[Array, " L"]
    novel: Float[Array, ""]
    typicality: Float[Array, ""]
    calibrated: Bool[Array, ""]
    known: Bool[Array, " L"]
    moved: Float[Array, " L"]
    fresh: Float[Array, " L"]


def silence(latents: int) -> Vote:
    """The vote of a specialist that is not there."""
    unseen = jnp.full((), numbers.UNSEEN)
    nowhere_L, known_L, no = jnp.zeros(latents), jnp.ones(latents, bool), jnp.zeros((), bool)
    return Vote(jnp.full(latents, numbers.UNSEEN), unseen, jnp.zeros(()), no, known_L, nowhere_L, nowhere_L + 1)


class Specialist(NamedTuple):
    """One kind of specialist as three functions; `init` makes one bank, the others see all (leaves lead with S).

    init:  key -> state
    vote:  (states, slot, code) -> Vote            a query to the bank in `slot`: it never changes the states
    learn: (states, slot, Message) -> states       only the bank in `slot` learns
    """

    init: Callable[[PRNGKeyArray], Any]
    vote: Callable[[Any, Int[Array, ""], Float[Array, " D"]], Vote]
    learn: Callable[[Any, Int[Array, ""], Message], Any]


def of_slot(vote: Callable[[Any, Float[Array, " D"]], Vote]) -> Callable[[Any, Int[Array, ""], Array], Vote]:
    """The `vote` of a specialist whose one bank is taken out as a whole."""
    return lambda states, slot, code: vote(jax.tree.map(lambda leaf: leaf[slot], states), code)


def in_slot(learn: Callable[[Any, Message], Any]) -> Callable[[Any, Int[Array, ""], Message], Any]:
    """The `learn` of a specialist whose one bank is taken out and put back as a whole."""

    def learn_there(states: Any, slot: Int[Array, ""], message: Message) -> Any:
        learned = learn(jax.tree.map(lambda leaf: leaf[slot], states), message)
        return jax.tree.map(lambda leaf, new: leaf.at[slot].set(new), states, learned)

    return learn_there
