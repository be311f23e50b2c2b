"""The decision about the window: explanations as rows of gain, price and permission, and one choice among them.

The present context is the null hypothesis. Three rows may replace it, in this order:

  row     explains the window by                   gain: nats beyond                            price
  KNOWN   another known context                    the present one                              `recall`
  NAMES   a new map over the present sensor        every context, and the mixture of them       `allocation`
  SENSOR  a new sensor, with a map of its own      the same, or as below                        `allocation`

If there is no evidence against the present context it learns the window (PRESENT). Else the first row that is allowed
and gains more than its price takes the window. If there is none the window is kept (HOLD) until it is full, and then
goes to the best known context. A window with strange inputs and half the evidence for a new sensor is kept longer.

A new sensor has no density yet. Its evidence may therefore be the log probability of guessing the labels plus how
untypical the inputs are of every known sensor. This finds small changes of the inputs early, and tells a new sensor
from new names where few classes are seen. A new context for which there is no slot, not even after a sleep, is refused
and counted; then the known context that explains the window best learns it.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import numbers
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.state import Contexts, alive
from pcl.learners.parallax.window import Window

PRESENT, KNOWN, NAMES, SENSOR, HOLD = range(5)


class Inputs(NamedTuple):
    """Evidence of the inputs of a window, without its labels, about sensors."""

    strange: Bool[Array, ""]  # they are not of the present sensor
    doubtful: Bool[Array, ""]  # they may be of another sensor
    own: Bool[Array, " S"]  # there is no evidence against the sensor of this context
    familiar: Bool[Array, " S"]  # they fit the sensor of this context, which is another than the present one
    stranger: Float[Array, ""]  # evidence for an unknown sensor, in nats


class Explanations(NamedTuple):
    """Rows KNOWN, NAMES, SENSOR."""

    gain: Float[Array, " 3"]
    price: Float[Array, " 3"]
    allowed: Bool[Array, " 3"]


class Verdict(NamedTuple):
    """The decision about the window."""

    resolved: Bool[Array, ""]  # whether the window is emptied
    slot: Int[Array, ""]  # the context that its samples go to
    new_map: Bool[Array, ""]  # a context with the present sensor and new names is wanted
    new_sensor: Bool[Array, ""]  # a context with a new sensor is wanted
    gain: Float[Array, ""]  # nats by which the new context explains the window better than known ones
    refused: Bool[Array, ""]  # there is no slot for the new context

    @property
    def new(self) -> Bool[Array, ""]:
        """Whether a new context is wanted, and has a slot."""
        return (self.new_map | self.new_sensor) & ~self.refused


def decide(contexts: Contexts, held: Window, hp: Numbers) -> Verdict:
    """The decision about the window with the last sample in it."""
    if hp.slots == 1:  # a single context has no choice
        no = jnp.zeros((), bool)
        return Verdict(~no, contexts.current, no, no, jnp.zeros(()), no)
    seen, known_S, turns = hp.read(contexts, held), known_contexts(contexts, held), jnp.maximum(held.mixed, 0.0)
    seen_S = jnp.where(_others(contexts) & (_same_sensor(contexts) | (seen.own & seen.doubtful)), known_S, -jnp.inf)
    best = jnp.argmax(seen_S)
    rows = explanations(contexts, held, seen, seen_S[best], hp)
    shadow = jnp.maximum(held.new_map, held.new_sensor)
    # Strange inputs stay in the window until a new sensor is clearly worse, even if nothing explains them better yet.
    waits = seen.strange & (held.new_sensor > -hp.recall)
    quiet = (seen_S[best] <= 0) & (jnp.maximum(shadow - turns, seen.stranger) <= 0) & ~waits
    convinced = rows.allowed & (rows.gain > rows.price)
    choice = jnp.where(quiet, PRESENT, jnp.where(convinced.any(), KNOWN + jnp.argmax(convinced), HOLD))

    suspected = seen.strange & (rows.gain[SENSOR - KNOWN] > numbers.SUSPECTED * hp.allocation)
    suspected &= numbers.OF_WINDOW * held.mature >= held.size
    full = held.size >= jnp.where(suspected, len(held.label), hp.lag)
    new = (choice == NAMES) | (choice == SENSOR)
    refused = new & (contexts.number >= hp.slots)
    slot = jnp.where((choice == KNOWN) | (~new & full & (seen_S[best] > 0)), best, contexts.current)
    slot = jnp.where(new, jnp.where(refused, jnp.argmax(known_S), contexts.number), slot)
    return Verdict(
        resolved=(choice != HOLD) | full,
        slot=slot.astype(jnp.int32),
        new_map=choice == NAMES,
        new_sensor=choice == SENSOR,
        gain=jnp.where(choice == NAMES, rows.gain[NAMES - KNOWN], rows.gain[SENSOR - KNOWN]),
        refused=refused,
    )


def explanations(contexts: Contexts, held: Window, seen: Inputs, known: Float[Array, ""], hp: Numbers) -> Explanations:
    """The three rows; `known` is the evidence for the best other context that the inputs allow."""
    known_S, turns = known_contexts(contexts, held), jnp.maximum(held.mixed, 0.0)
    # The best known context (the present one included), or a mixture of them. A new one must explain more.
    rival = jnp.maximum(jnp.max(known_S), turns)
    renamed = jnp.maximum(jnp.max(jnp.where(_same_sensor(contexts), known_S, -jnp.inf)), 0.0)
    enough = held.mature >= numbers.SPEAK
    sensor = jnp.maximum(held.new_sensor - rival, seen.stranger - renamed)
    ceded = jnp.maximum(held.new_map, held.new_sensor) - numbers.CEDED
    return Explanations(
        gain=jnp.stack([known, held.new_map - rival, sensor]),
        price=jnp.stack([hp.recall, hp.allocation, hp.allocation]),
        allowed=jnp.stack(
            [
                jnp.maximum(known, turns) >= ceded,
                enough & ~seen.strange & (held.new_map >= seen.stranger),
                enough & seen.strange & ~seen.familiar.any(),
            ]
        ),
    )


def decomposed(contexts: Contexts, held: Window) -> Inputs:
    """The evidence of the inputs, apart from that of the labels."""
    now, there_S = contexts.current, alive(contexts)
    mean_S, unlike_S = held.typicality / jnp.maximum(held.judged, 1), unlikeness(held.typicality, held.judged)
    told_S, judged = there_S & (held.judged >= numbers.JUDGED), held.judged[now] > 0
    enough_S = (held.judged >= numbers.JUDGED) & (numbers.OF_WINDOW * held.judged >= held.size)
    stranger = unknown_sensor(contexts, held)
    strange = judged & ((mean_S[now] > numbers.STRANGE) | (unlike_S[now] > numbers.UNLIKE))
    # With few classes present a new sensor looks like new names; but these then predict labels no better than a guess.
    strange |= told_S[now] & (unlike_S[now] > 0) & (stranger > held.new_map)
    alike_S = enough_S & (mean_S < numbers.STRANGE) & (unlike_S < numbers.UNLIKE)
    return Inputs(
        strange=strange,
        doubtful=judged & (mean_S[now] > numbers.DOUBTFUL),
        own=enough_S & (unlike_S < 0),
        familiar=_others(contexts) & ~_same_sensor(contexts) & alike_S,
        stranger=stranger,
    )


def undecomposed(contexts: Contexts, held: Window) -> Inputs:
    """One sum of evidence: inputs are strange if a new sensor explains them and their labels better than a new map."""
    strange, any_S = held.new_sensor > held.new_map, jnp.ones(len(held.known), bool)
    return Inputs(strange, strange, any_S, ~any_S, unknown_sensor(contexts, held))


def unknown_sensor(contexts: Contexts, held: Window) -> Float[Array, ""]:
    """Evidence for an unknown sensor: its labels are guessed, its inputs unlike those of all known ones."""
    told_S = alive(contexts) & (held.judged >= numbers.JUDGED)
    unlike_S = unlikeness(held.typicality, held.judged)
    return held.guess + jnp.where(told_S.any(), jnp.min(jnp.where(told_S, unlike_S, jnp.inf)), 0.0)


def unlikeness(total: Float[Array, "..."], judged: Float[Array, "..."]) -> Float[Array, "..."]:
    """Log Bayes factor for another sensor, in nats, of n = `judged` typicalities with the sum `total`.

    Under their own sensor typicalities are standard normal. Under another one they also have unit variance, and their
    mean has a standard normal prior. A sum below 0 counts as 0.
    """
    above = jnp.maximum(total, 0.0)
    return above**2 / (2 * (judged + 1)) - 0.5 * jnp.log1p(judged)


def known_contexts(contexts: Contexts, held: Window) -> Float[Array, " S"]:
    """Evidence for each context that there is, relative to the present one."""
    return jnp.where(alive(contexts), held.known, -jnp.inf)


def _others(contexts: Contexts) -> Bool[Array, " S"]:
    return alive(contexts) & (jnp.arange(len(contexts.belief)) != contexts.current)


def _same_sensor(contexts: Contexts) -> Bool[Array, " S"]:
    return contexts.sensor == contexts.sensor[contexts.current]
