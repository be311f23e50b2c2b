"""A sensor as all others know it: seven functions. Nothing else reads or writes what it has learned.

Shape letters of this package, beside those of `pcl.types`:
  S contexts (slots for them)   B sensors (as many slots)   L latent classes of a sensor   D entries of the code
  H features of the code        R samples of the longest window
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.learners.parallax import numbers
from pcl.learners.parallax.sensors.sums import Sums


class Seen(NamedTuple):
    """An input as sensors see it."""

    code: Float[Array, " D"]
    features: Float[Array, " H"]  # of the code, for synapses; none on a sensory code


class Message(NamedTuple):
    """What a sensor is to learn of a sample, and how much of it."""

    seen: Seen
    latent: Int[Array, ""]  # the latent class that the label names
    gate: Float[Array, ""]  # mass of the sample in 0 .. 1; 0 leaves the sensor as it is, bit for bit
    keep: Float[Array, ""]  # share of what was learned of the latent that still holds: 1 where nothing moved


class Vote(NamedTuple):
    """What one sensor says of one input.

    posterior: probability of each latent, given that the input is of one of them.
    score: log p(code | latent) up to a constant of the sample, `numbers.UNSEEN` where a latent has no samples.
    novel: log p(code | a class never seen), on the scale of `score`.
    typicality: how much farther the code is from the nearest latent than this sensor's samples were, in their standard
      deviations; `calibrated` says whether there were enough of them.
    speaks: latents of which enough is known for their samples to speak of a change of context.
    drift, fresh: log Bayes factor in nats that the latest samples of a latent lie elsewhere than all of them do, and
      the share that these are of all.
    """

    posterior: Float[Array, " L"]
    score: Float[Array, " L"]
    novel: Float[Array, ""]
    typicality: Float[Array, ""]
    calibrated: Bool[Array, ""]
    speaks: Bool[Array, " L"]
    drift: Float[Array, " L"]
    fresh: Float[Array, " L"]


def silence(latents: int) -> Vote:
    """The vote of a sensor that is not there."""
    unseen, nowhere_L = jnp.full((), numbers.UNSEEN), jnp.zeros(latents)
    posterior_L, unseen_L, speaks_L = jnp.full(latents, 1 / latents), jnp.full(latents, unseen), jnp.ones(latents, bool)
    return Vote(posterior_L, unseen_L, unseen, jnp.zeros(()), jnp.zeros((), bool), speaks_L, nowhere_L, nowhere_L + 1)


class Flops(NamedTuple):
    """Floating-point operations of a vote, and of a learned sample with the vote that names it."""

    vote: int
    learn: int


class Sensor(NamedTuple):
    """One kind of sensor; `states` are those of all sensors of a life, their leaves lead with B.

    init:    key -> state                            of one that has seen nothing
    vote:    (states, slot, Seen) -> Vote            a query to the sensor in `slot`; it never changes the states
    learn:   (states, slot, Message) -> states       only the sensor in `slot` learns
    size:    states -> [B, L]                        samples of each latent
    sums:    state -> Sums                           sufficient statistics of one sensor
    of_sums: Sums -> state                           the sensor that has learned what they stand for
    flops:   what a vote and a lesson cost
    """

    init: Callable[[PRNGKeyArray], Any]
    vote: Callable[[Any, Int[Array, ""], Seen], Vote]
    learn: Callable[[Any, Int[Array, ""], Message], Any]
    size: Callable[[Any], Float[Array, "B L"]]
    sums: Callable[[Any], Sums]
    of_sums: Callable[[Sums], Any]
    flops: Flops


def at(states: Any, slot: Int[Array, ""]) -> Any:
    """One of those that lead with B, or S."""
    return jax.tree.map(lambda leaf: leaf[slot], states)


def of_slot(vote: Callable[[Any, Seen], Vote]) -> Callable[[Any, Int[Array, ""], Seen], Vote]:
    """The `vote` of a kind whose one state is taken out as a whole."""
    return lambda states, slot, seen: vote(at(states, slot), seen)


def in_slot(learn: Callable[[Any, Message], Any]) -> Callable[[Any, Int[Array, ""], Message], Any]:
    """The `learn` of a kind whose one state is taken out and put back as a whole."""

    def learn_there(states: Any, slot: Int[Array, ""], message: Message) -> Any:
        learned = learn(at(states, slot), message)
        return jax.tree.map(lambda leaf, new: leaf.at[slot].set(new), states, learned)

    return learn_there
