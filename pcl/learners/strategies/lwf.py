"""Learning without forgetting: distillation from the network as it was before the present task.

    cost = (1 - distilled) cost(y, a(x)) + distilled cost(mean of the output by the old network at x, a(x) | old labels)

The second cost is among the labels of earlier tasks alone, so that it says nothing of new ones; real targets are all
old. The paper has a sum of both (`distilled` 1/2 is its lambda of 1 at half the learning rate), an output layer for
each task where here they share one, a first phase in which the output layer alone learns, and softens both answers by
a temperature of 2; here it is 1. Tasks are told, and must take turns. Source: Li and Hoiem (2016), arXiv:1606.09282,
equations 1 and 2; among old labels as in van de Ven, Tuytelaars and Tolias (2022), doi:10.1038/s42256-022-00568-3.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.fields import Traced, nested, traced
from pcl.learners import backprop, mlp
from pcl.learners.inputs import switched
from pcl.learners.rule import ABSENT, Lesson, NetworkRule, lesson
from pcl.learners.strategies import strategy
from pcl.learners.strategies.rehearsal import joined, told, weighted
from pcl.loops import when
from pcl.network.layers import Network, forward
from pcl.network.outputs import distribution
from pcl.types import Batch, Info, Learner, Prediction, Spec


@struct.dataclass
class HParams:
    """Hyper-parameters of the distillation."""

    rule: Any = nested(None)
    distilled: Traced = traced(
        0.5, "weight of distillation from the network before the present task, as a share of the cost", low=0, high=1
    )


class State(NamedTuple):
    """The rule's state, the network before the present task, and labels that were taught before it, and so far."""

    rule: Any
    old: Network
    known: Bool[Array, " C"]
    seen: Bool[Array, " C"]
    task: Int[Array, ""]  # -1: none yet


def around(rule: NetworkRule, spec: Spec) -> Learner:
    """The learner `rule` with distillation."""

    def init(key: PRNGKeyArray, hp: Any) -> State:
        state = rule.init(key, hp.rule)
        none = jnp.zeros(spec.outputs, bool)
        return State(state, state.network, none, none, jnp.full((), -1, jnp.int32))

    def predict(state: State, x: Float[Array, "B ..."], hp: Any) -> Prediction:
        return mlp.predict(spec, state.rule.network, x)

    def update(state: State, batch: Batch, hp: Any) -> tuple[State, Info]:
        begins, task = switched(batch, state.task)
        old, known = when(begins, lambda _: (state.rule.network, state.seen), (state.old, state.known))
        given = lesson(batch, spec)
        share = jnp.where(known.any(), hp.distilled, 0.0)
        near = given._replace(among=jnp.ones_like(given.top, bool))
        far = distilling(given, old, known, hp.rule.output)
        learned, info = rule.learn(state.rule, joined(weighted(near, 1 - share), weighted(far, share)), hp.rule)
        taught = jnp.ones_like(known) & given.teaches.any() if spec.num_targets else given.top.any(0)
        return State(learned, old, known, state.seen | taught, task), told(info, batch, spec, hp.rule.output)

    return Learner(init, predict, update)


def distilling(given: Lesson, old: Network, known: Bool[Array, " C"], output: str) -> Lesson:
    """The rows of a lesson, with the answer of the network `old` among `known` labels as their target."""
    a, of = forward(old, given.x)[-1], distribution(output)
    top = of.mean(jnp.where(known, a, ABSENT) if of.whole else a)
    return given._replace(top=top, among=jnp.broadcast_to(known, top.shape))


ENTRY = strategy.entry(
    backprop.ENTRY,
    around,
    HParams(),
    summary="distillation from the network before the present task (LwF), backpropagation",
    label="LwF, backpropagation",
    cost=lambda own, spec, hp, batch: 2 * own + 2 * sum(mlp.synapses(spec, hp.rule)),
    told=True,
)
