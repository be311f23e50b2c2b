"""Learning without forgetting: the target of a row is in part the answer of the network before the present task.

    cost = (1 - distilled) cost(y, a(x)) + distilled cost(mean of the output by the old network at x, a(x))

All costs of outputs are linear in the target, up to a constant, so that this is one cost with a mixed target. The paper
has a sum of both (`distilled` 1/2 is its lambda of 1 at half the learning rate) and softens both answers by a
temperature of 2; here it is 1. Tasks are told, and must take turns. Source: Li and Hoiem (2016), arXiv:1606.09282.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.fields import Traced, nested, traced
from pcl.learners import backprop, mlp
from pcl.learners.inputs import switched
from pcl.learners.rule import NetworkRule, lesson
from pcl.learners.strategies import strategy
from pcl.loops import when
from pcl.network.layers import Network, forward
from pcl.network.outputs import distribution
from pcl.types import Batch, Info, Learner, Prediction, Spec


@struct.dataclass
class HParams:
    """Numbers of the distillation."""

    rule: Any = nested(None)
    distilled: Traced = traced(
        0.5, "share of a target that is the answer of the network before the present task", low=0, high=1
    )


class State(NamedTuple):
    """The rule's state, the network before the present task, and how many tasks have ended."""

    rule: Any
    old: Network
    ended: Int[Array, ""]
    task: Int[Array, ""]  # -1: none yet


def around(rule: NetworkRule, spec: Spec) -> Learner:
    """The learner `rule`, taught in part by its own past."""

    def init(key: PRNGKeyArray, hp: Any) -> State:
        state = rule.init(key, hp.rule)
        return State(state, state.network, jnp.zeros((), jnp.int32), jnp.full((), -1, jnp.int32))

    def predict(state: State, x: Float[Array, "B ..."], hp: Any) -> Prediction:
        return mlp.predict(spec, state.rule.network, x)

    def update(state: State, batch: Batch, hp: Any) -> tuple[State, Info]:
        begins, task = switched(batch, state.task)
        old, ended = when(begins, lambda past: (state.rule.network, past[1] + 1), (state.old, state.ended))
        given = lesson(batch, spec)
        before = distribution(hp.rule.output).mean(forward(old, given.x)[-1])
        share = jnp.where(ended > 0, hp.distilled, 0.0)
        learned, info = rule.learn(state.rule, given._replace(top=given.top + share * (before - given.top)), hp.rule)
        return State(learned, old, ended, task), info

    return Learner(init, predict, update)


ENTRY = strategy.entry(
    backprop.ENTRY,
    around,
    HParams(),
    summary="targets mixed with the answers of the network before the task (LwF), backpropagation",
    label="LwF, backpropagation",
    cost=lambda own, spec, hp, batch: own + 2 * sum(mlp.synapses(spec, hp.rule)),
    told=True,
)
