"""The interface of a sensor: six functions and their costs. Nothing else reads or writes its state.

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
    """The code of an input, and its features."""

    code: Float[Array, " D"]
    features: Float[Array, " H"]  # of the code, for synapses; none on a sensory code


class Message(NamedTuple):
    """A sample that a sensor is to learn, the latent that it teaches, and its weight."""

    seen: Seen
    latent: Int[Array, ""]  # the latent class that the label names
    gate: Float[Array, ""]  # mass of the sample in 0 .. 1; 0 leaves the sensor as it is, bit for bit
    keep: Float[Array, ""]  # share of the latent's samples that is kept: 1 unless the latent moves


class Vote(NamedTuple):
    """Likelihoods of one input under one sensor.

    posterior: probability of each latent, given that the input is of one of them.
    score: log p(code | latent) up to a constant of the sample, `numbers.UNSEEN` where a latent has no samples.
    novel: log p(code | a class never seen), on the scale of `score`.
    typicality: log distance of the code from the nearest latent, standardised by those of this sensor's samples;
      `calibrated` says whether there were enough of them.
    speaks: latents with enough samples to be evidence of a change of context.
    drift, fresh: log Bayes factor in nats for the recent mean of each latent against its overall mean, and the share of
      its samples that the recent mean stands for.
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
    """The vote of an empty slot."""
    unseen, nowhere_L = jnp.full((), numbers.UNSEEN), jnp.zeros(latents)
    posterior_L, unseen_L, speaks_L = jnp.full(latents, 1 / latents), jnp.full(latents, unseen), jnp.ones(latents, bool)
    return Vote(posterior_L, unseen_L, unseen, jnp.zeros(()), jnp.zeros((), bool), speaks_L, nowhere_L, nowhere_L + 1)


class Flops(NamedTuple):
    """Floating-point operations of a vote, and of a learned sample with the vote that names it."""

    vote: int
    learn: int


class Sensor(NamedTuple):
    """One kind of sensor; `states` are those of all sensors of a life, their leaves lead with B.

    init:    key -> state                            of one without samples
    vote:    (states, slot, Seen) -> Vote            a query to the sensor in `slot`; it never changes the states
    learn:   (states, slot, Message) -> states       only the sensor in `slot` learns
    size:    states -> [B, L]                        samples of each latent
    sums:    state -> Sums                           sufficient statistics of one sensor
    of_sums: Sums -> state                           the sensor with these statistics
    flops:   operations of a vote, and of a lesson
    """

    init: Callable[[PRNGKeyArray], Any]
    vote: Callable[[Any, Int[Array, ""], Seen], Vote]
    learn: Callable[[Any, Int[Array, ""], Message], Any]
    size: Callable[[Any], Float[Array, "B L"]]
    sums: Callable[[Any], Sums]
    of_sums: Callable[[Sums], Any]
    flops: Flops


def at(states: Any, slot: Int[Array, ""]) -> Any:
    """The entry of `slot` in leaves that lead with B, or S."""
    return jax.tree.map(lambda leaf: leaf[slot], states)


def of_slot(vote: Callable[[Any, Seen], Vote]) -> Callable[[Any, Int[Array, ""], Seen], Vote]:
    """`vote` on the states of all sensors, from a `vote` on one state."""
    return lambda states, slot, seen: vote(at(states, slot), seen)


def in_slot(learn: Callable[[Any, Message], Any]) -> Callable[[Any, Int[Array, ""], Message], Any]:
    """`learn` on the states of all sensors, from a `learn` on one state."""

    def learn_there(states: Any, slot: Int[Array, ""], message: Message) -> Any:
        learned = learn(at(states, slot), message)
        return jax.tree.map(lambda leaf, new: leaf.at[slot].set(new), states, learned)

    return learn_there
