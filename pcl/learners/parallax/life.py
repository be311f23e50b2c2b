"""One sample of a life: look, expect, hear, explain, decide, rest, learn.

Rest comes before the window is learned, because a new context may want a slot that a merger frees.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import evidence, eye, numbers, window
from pcl.learners.parallax.contexts import belief, names
from pcl.learners.parallax.contexts.belief import Opinion
from pcl.learners.parallax.contexts.settling import Settlement
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.sensors.interface import Message, Seen, Sensor, Vote, silence
from pcl.learners.parallax.sleep import rest, unless_moved
from pcl.learners.parallax.state import Contexts, Course, Sensors, State, sensors_of
from pcl.learners.parallax.verdict import Verdict, decide
from pcl.learners.parallax.window import Window


class Sample(NamedTuple):
    """A row of a batch."""

    code: Float[Array, " D"]
    label: Int[Array, ""]
    task: Int[Array, ""]  # the context, which an oracle is told
    arrives: Bool[Array, ""]  # false for padding
    teaches: Bool[Array, ""]


class Log(NamedTuple):
    """The contribution of a row to the means that an update reports."""

    surprise: Float[Array, ""]
    steps: Float[Array, ""]
    input_surprise: Float[Array, ""]


def live(state: State, sample: Sample, sensor: Sensor, hp: Numbers) -> tuple[State, Log, Settlement]:
    """The state after one sample, its log, and the posterior before its label."""
    said = look(state, sample.code, sensor)
    expected = expect(state, said, sample.task, hp)
    state, log = hear(state, said, expected, sample, hp)
    if hp.told:
        return obey(state, sample, sensor, hp), log, expected
    held = explain(state, said, sample, hp)
    decided = decide(state.contexts, held, hp)
    state, decided = rest(state, decided, sample.teaches, sensor, hp)
    return learn(state, held, decided, sample, sensor, hp), log, expected


def look(state: State, phi: Float[Array, " D"], sensor: Sensor) -> Opinion:
    """The opinion of every context on an input, from the votes of the sensors in use."""
    seen, (slots, latents) = eye.seen(state.code, phi), state.sensors.wrong.shape

    def of_sensor(slot: Int[Array, ""], votes: Vote) -> Vote:
        said = sensor.vote(state.sensors.banks, slot, seen)
        return jax.tree.map(lambda all_B, one: all_B.at[slot].set(one), votes, said)

    silent = jax.tree.map(lambda leaf: jnp.stack([leaf] * slots), silence(latents))
    votes = jax.lax.fori_loop(0, sensors_of(state.contexts), of_sensor, silent)
    return belief.opinion(state.contexts, votes)


def expect(state: State, said: Opinion, told: Int[Array, ""], hp: Numbers) -> Settlement:
    """The belief before the label. An oracle is told the context."""
    if not hp.told:
        return belief.expect(state, said, hp)
    log_context_S = jnp.where(jnp.arange(hp.slots) == told, 0.0, numbers.NEVER)
    log_q_SC = log_context_S[:, None] + jnp.log(said.label)
    return Settlement(log_q_SC - jax.nn.logsumexp(log_q_SC), jnp.ones((), jnp.int32))


def hear(state: State, said: Opinion, expected: Settlement, sample: Sample, hp: Numbers) -> tuple[State, Log]:
    """The state given the label, where there is one, and the sample's log."""
    heard = belief.hear(state, expected, belief.doubts(state, sample.label, hp), sample.label, hp)
    surprise = -jax.nn.logsumexp(expected.log_q[:, sample.label])
    steps = expected.steps + heard.steps - 1
    input_surprise = belief.input_surprise(state, said, hp) / len(sample.code)
    log = Log(
        surprise=jnp.where(sample.teaches, surprise, 0.0),
        steps=jnp.where(sample.teaches, steps.astype(jnp.float32), 0.0),
        input_surprise=jnp.where(sample.arrives, input_surprise, 0.0),
    )
    settled = jax.tree.map(lambda a, b: jnp.where(sample.teaches, a, b), heard, expected)
    contexts, course = state.contexts, belief.surprised(state.course, log.surprise, sample.teaches)
    if not hp.told:
        belief_S = jnp.where(sample.arrives, belief.believe(contexts, settled), contexts.belief)
        contexts = contexts._replace(belief=belief_S)
    return state._replace(contexts=contexts, course=course), log


def explain(state: State, said: Opinion, sample: Sample, hp: Numbers) -> Window:
    """The window with the sample in it, and the evidence for each explanation."""
    weighed = evidence.weigh(state, said, belief.doubts(state, sample.label, hp), sample.code, sample.label, hp)
    return window.hold(state.window, sample.code, sample.label, said.posterior[state.contexts.current], weighed)


def learn(state: State, held: Window, decided: Verdict, sample: Sample, sensor: Sensor, hp: Numbers) -> State:
    """The state once the verdict is carried out: the chosen context learns the window, sample by sample."""

    def if_taught(new: Any, old: Any) -> Any:
        return jax.tree.map(lambda a, b: jnp.where(sample.teaches, a, b), new, old)

    contexts, course = if_taught(carried_out(state, decided), (state.contexts, state.course))
    first, last = hp.learned_rows(held.size, decided.resolved)
    last, before = jnp.where(sample.teaches, last, 0), sensor.size(state.sensors.banks)
    sensors, called = absorb(state._replace(contexts=contexts), held, first, last, sensor, hp)
    return state._replace(
        sensors=sensors,
        contexts=contexts._replace(names=called),
        window=window.cleared(if_taught(held, state.window), sample.teaches & decided.resolved),
        course=course,
        evening=unless_moved(state.evening, before, sensor.size(sensors.banks)),
    )


def carried_out(state: State, decided: Verdict) -> tuple[Contexts, Course]:
    """Contexts and counts after a verdict, before anything is learned."""
    contexts, course, slot = state.contexts, state.course, decided.slot
    through = jnp.where(decided.new_sensor, sensors_of(contexts), contexts.sensor[contexts.current])
    return contexts._replace(
        belief=jnp.where(decided.new, jax.nn.one_hot(slot, len(contexts.belief)), contexts.belief),
        number=contexts.number + decided.new,
        sensor=jnp.where(decided.new, contexts.sensor.at[slot].set(through), contexts.sensor),
        current=slot,
    ), course._replace(
        taught=course.taught + 1,
        switches=course.switches + (slot != contexts.current),
        rested=jnp.where(decided.new, course.taught, course.rested),
        refused=course.refused + decided.refused,
    )


def obey(state: State, sample: Sample, sensor: Sensor, hp: Numbers) -> State:
    """The oracle: the context that it is told learns the sample, with a sensor of its own."""
    contexts, course = state.contexts, state.course
    slot = jnp.minimum(sample.task, hp.slots - 1)
    told = contexts._replace(
        belief=jax.nn.one_hot(slot, hp.slots),
        number=jnp.maximum(contexts.number, slot + 1),
        sensor=contexts.sensor.at[slot].set(slot),
        current=slot,
    )
    contexts = jax.tree.map(lambda a, b: jnp.where(sample.teaches, a, b), told, contexts)
    held = state.window._replace(
        code=state.window.code.at[0].set(sample.code), label=state.window.label.at[0].set(sample.label)
    )
    taught = sample.teaches.astype(jnp.int32)
    sensors, called = absorb(state._replace(contexts=contexts), held, 0, taught, sensor, hp)
    contexts, course = contexts._replace(names=called), course._replace(taught=course.taught + taught)
    return state._replace(sensors=sensors, contexts=contexts, course=course)


Learned = tuple[Sensors, names.Map]


def absorb(state: State, held: Window, first: Any, last: Int[Array, ""], sensor: Sensor, hp: Numbers) -> Learned:
    """Rows `first` .. `last` - 1 of the window are learned in turn, by the current context or, ungated, by all."""
    contexts = state.contexts

    def of_row(i: Int[Array, ""], learned: Learned) -> Learned:
        def of_context(context: Int[Array, ""], learned: Learned) -> Learned:
            seen = eye.seen(state.code, held.code[i])
            return lesson(learned, context, contexts.sensor[context], seen, held.label[i], sensor, hp)

        return hp.taught(of_context, contexts.current, contexts.number, learned)

    return jax.lax.fori_loop(first, last, of_row, (state.sensors, contexts.names))


def lesson(
    learned: Learned,
    context: Int[Array, ""],
    slot: Int[Array, ""],
    seen: Seen,
    label: Int[Array, ""],
    sensor: Sensor,
    hp: Numbers,
) -> Learned:
    """One sample, learned by one context: its map names a latent, and the label teaches that one to its sensor."""
    (banks, wrong_BL), called = learned
    vote, size_L = sensor.vote(banks, slot, seen), sensor.size(banks)[slot]
    naming = names.name(called, context, label, vote.posterior, vote.score, vote.novel, size_L)
    latent = naming.latent
    keep = jnp.where(vote.drift[latent] > hp.drift_at, vote.fresh[latent], 1.0)
    banks = sensor.learn(banks, slot, Message(seen, latent, naming.sure.astype(jnp.float32), keep))
    size, wrong, missed = size_L[latent], wrong_BL[slot, latent], jnp.argmax(vote.posterior) != latent
    rate = jnp.maximum(numbers.WRONG_STEP, 1 / jnp.maximum(size - numbers.WRONG_SKIPPED, 1))
    step = jnp.where(naming.sure & (size >= numbers.WRONG_FROM), rate, 0.0)
    return Sensors(banks, wrong_BL.at[slot, latent].add(step * (missed - wrong))), naming.names
