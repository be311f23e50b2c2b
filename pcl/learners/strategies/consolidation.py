"""Framework of EWC, SI and MAS: a quadratic penalty on changes of important weights.

When a task ends, every weight's importance grows, and its present value becomes its anchor. From then on the cost is

    cost + strength / 2 sum_k importance_k (w_k - anchor_k)^2

The methods differ in their measure of importance. Each sample is seen once, so importance is measured while a task is
learned, not afterwards on stored samples. Tasks are told, and must take turns. All quantities belong to one
weight, so that the penalty of a local rule is local.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.fields import Traced, nested, traced
from pcl.learners import mlp
from pcl.learners.inputs import switched
from pcl.learners.rule import Lesson, Move, NetworkRule, lesson
from pcl.learners.strategies import strategy
from pcl.loops import when
from pcl.network.layers import Network
from pcl.network.outputs import distribution
from pcl.types import Batch, Info, Learner, LearnerEntry, Prediction, Spec


@struct.dataclass
class HParams:
    """Hyper-parameters of a penalty."""

    rule: Any = nested(None)
    strength: Traced = traced(
        1.0, "strength of the penalty on changes of weights that are important to earlier tasks", low=0
    )
    kept: Traced = traced(1.0, "decay of importance: share kept at the end of a task", low=0, high=1)


@struct.dataclass
class AveragedHParams(HParams):
    """Hyper-parameters of a penalty whose importance is an average over samples."""

    importance_rate: Traced = traced(
        0.01, "rate of the running mean of importance, after the first batches of a task", low=0, high=1
    )


class State(NamedTuple):
    """The rule's state; anchors and importances; the measure of the present task, and the batches it has seen."""

    rule: Any
    anchor: Network
    importance: Network
    measured: Network
    batches: Int[Array, ""]
    task: Int[Array, ""]  # -1: none yet
    key: PRNGKeyArray


class Measure(NamedTuple):
    """A measure of importance.

    of_batch: (rule, state, hp, lesson, move, network after the step) -> the next `measured`.
    of_task: (measured, displacement since the anchor, hp) -> the importance that a task adds.
    cost: of a learned sample, as multiples of the rule's own.
    """

    of_batch: Callable[[NetworkRule, State, Any, Lesson, Move, Network], Network]
    of_task: Callable[[Network, Network, Any], Network]
    cost: int


def entry(
    rule: LearnerEntry, measure: Measure, hparams: HParams, summary: str, label: str | None, told: bool
) -> LearnerEntry:
    """The entry of `rule` under a penalty by `measure`."""
    return strategy.entry(
        rule,
        lambda rule, spec: around(rule, spec, measure),
        hparams,
        summary,
        label,
        cost=lambda own, spec, hp, batch: measure.cost * own,
        told=told,
    )


def around(rule: NetworkRule, spec: Spec, measure: Measure) -> Learner:
    """The learner `rule` under a penalty."""

    def init(key: PRNGKeyArray, hp: Any) -> State:
        state = rule.init(key, hp.rule)
        zero = jax.tree.map(jnp.zeros_like, state.network)
        task, none = jnp.full((), -1, jnp.int32), jnp.zeros((), jnp.int32)
        return State(state, state.network, zero, zero, none, task, jax.random.fold_in(key, 1))

    def predict(state: State, x: Float[Array, "B ..."], hp: Any) -> Prediction:
        return mlp.predict(spec, state.rule.network, x)

    def update(state: State, batch: Batch, hp: Any) -> tuple[State, Info]:
        begins, task = switched(batch, state.task)
        state = when(begins, lambda s: ended(s, measure, hp), state)._replace(task=task)
        given = lesson(batch, spec)
        some = given.teaches.any()
        move = rule.direct(state.rule, given, hp.rule)
        pull = penalty_direction(state, hp.strength)
        after = mlp.ascend(move.state, jax.tree.map(jnp.add, move.direction, pull), hp.rule, some)
        state = state._replace(batches=state.batches + some)
        measured = measure.of_batch(rule, state, hp, given, move, after.network)
        measured = jax.tree.map(lambda new, old: jnp.where(some, new, old), measured, state.measured)
        return state._replace(rule=after, measured=measured), move.info

    return Learner(init, predict, update)


def penalty_direction(state: State, strength: Traced) -> Network:
    """Minus the gradient of the penalty at the present weights."""
    return jax.tree.map(
        lambda o, w, anchor: -strength * o * (w - anchor), state.importance, state.rule.network, state.anchor
    )


def ended(state: State, measure: Measure, hp: Any) -> State:
    """The state after the end of a task; importance is never negative, so that the penalty has a least value."""
    network = state.rule.network
    added = measure.of_task(state.measured, jax.tree.map(jnp.subtract, network, state.anchor), hp)
    importance = jax.tree.map(lambda old, new: jnp.maximum(hp.kept * old + new, 0), state.importance, added)
    measured, batches = jax.tree.map(jnp.zeros_like, (state.measured, state.batches))
    return state._replace(anchor=network, importance=importance, measured=measured, batches=batches)


def averaged(state: State, of_batch: Network, rate: Traced) -> Network:
    """The mean over the task's batches; from batch 1 / `rate` on, an exponential moving average of this rate."""
    share = jnp.maximum(rate, 1 / jnp.maximum(state.batches, 1))
    return jax.tree.map(lambda old, new: old + share * (new - old), state.measured, of_batch)


def drawn(key: PRNGKeyArray, output: str, a: Float[Array, "B C"]) -> Float[Array, "B C"]:
    """Targets drawn from the network's own prediction."""
    of = distribution(output)
    return a + jax.random.normal(key, a.shape) if of.real else of.draw(key, a, None)
