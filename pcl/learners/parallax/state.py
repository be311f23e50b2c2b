"""The state that is carried from one sample to the next."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.learners.parallax import succession, window
from pcl.learners.parallax.contexts import names
from pcl.learners.parallax.contexts.names import Map
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.sensors.interface import Sensor, at
from pcl.learners.parallax.succession import Succession
from pcl.learners.parallax.window import Window


class Sensors(NamedTuple):
    """Densities of inputs; those from `sensors_of` on are unused."""

    banks: Any  # the state of each (leaves lead with B); only the functions of a `Sensor` look into it
    wrong: Float[Array, "B L"]  # share of the samples of each latent that the sensor gets wrong; 1 at first


class Contexts(NamedTuple):
    """The sensor and the map of each context; slots from `number` on are empty."""

    belief: Float[Array, " S"]  # posterior probability of each
    number: Int[Array, ""]
    sensor: Int[Array, " S"]  # the one that each looks through
    names: Map  # leaves lead with S
    current: Int[Array, ""]  # the one that learns


class Course(NamedTuple):
    """Counts of a life so far; only samples that were learned from are counted."""

    taught: Int[Array, ""]
    switches: Int[Array, ""]  # changes of the current context, from which the hazard is learned
    usual: Float[Array, ""]  # surprise at labels lately, in nats
    rested: Int[Array, ""]  # `taught` when the last context was new, or sleep last found nothing to merge
    refused: Int[Array, ""]  # contexts for which there was no slot left
    merged: Int[Array, ""]  # contexts that became part of another in sleep
    split: Int[Array, ""]  # and those that became two


class Evening(NamedTuple):
    """The context that was current when the last sleep ended, as it was then."""

    context: Int[Array, ""]  # -1: a latent has moved since, and it cannot be compared
    bank: Any  # of the sensor that it looks through
    names: Map


class State(NamedTuple):
    """The state of a life."""

    code: Any
    sensors: Sensors
    contexts: Contexts
    window: Window
    course: Course
    evening: Evening
    succession: Succession


def init(key: PRNGKeyArray, code: Any, labels: int, inputs: int, sensor: Sensor, hp: Numbers) -> State:
    """The initial state: one context with sensor 0 and an empty map; one latent per label."""
    slots, none = hp.slots, jnp.zeros((), jnp.int32)
    sensors = Sensors(jax.vmap(sensor.init)(jax.random.split(key, slots)), jnp.ones((slots, labels)))
    contexts = Contexts(
        belief=jnp.zeros(slots).at[0].set(1.0),
        number=jnp.ones((), jnp.int32),
        sensor=jnp.zeros(slots, jnp.int32),
        names=jax.tree.map(lambda leaf: jnp.stack([leaf] * slots), names.empty(labels, labels)),
        current=none,
    )
    return State(
        code=code,
        sensors=sensors,
        contexts=contexts,
        window=window.empty(slots, hp.lag, labels, labels, inputs),
        course=Course(none, none, jnp.ones(()), none, none, none, none),
        evening=evening(sensors, contexts),
        succession=succession.init(labels),
    )


def alive(contexts: Contexts) -> Bool[Array, " S"]:
    """Slots that hold a context."""
    return jnp.arange(len(contexts.belief)) < contexts.number


def sensors_of(contexts: Contexts) -> Int[Array, ""]:
    """Number of sensors that contexts use; these are the first ones."""
    return jnp.max(jnp.where(alive(contexts), contexts.sensor, 0)) + 1


def evening(sensors: Sensors, contexts: Contexts) -> Evening:
    """The evening state at the present moment."""
    now = contexts.current
    return Evening(now, at(sensors.banks, contexts.sensor[now]), at(contexts.names, now))
