"""A fresh network for every visit: the rule is reinitialised whenever it is told that the context has changed.

It is the baseline for transfer and plasticity: its accuracy at a visit's end needs the samples of that visit alone. A
learner that profits from its past learns faster; one that has lost its plasticity ends lower. It needs contexts that
take turns: where one fades into another, it would be reinitialised at every change between their samples. Source of the
comparison: Ash and Adams (2020), arXiv:1910.08475 (warm starts against fresh ones).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.fields import nested
from pcl.learners import backprop
from pcl.learners.inputs import switched
from pcl.loops import when
from pcl.types import Batch, Info, Learner, Prediction


@struct.dataclass
class HParams:
    """Hyper-parameters of the rule."""

    rule: Any = nested(None)


class State(NamedTuple):
    """The rule's state, the context that it has learned (none at first: -1), and the number of reinitialisations."""

    rule: Any
    task: Int[Array, ""]
    starts: Int[Array, ""]
    key: PRNGKeyArray


def around(rule: Learner) -> Learner:
    """The learner `rule`, reinitialised before a batch whose first row is of another context than the last batch."""

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        # The rule starts from the key that it has on its own: runs with and without a past are paired by seed.
        return State(rule.init(key, hp.rule), jnp.full((), -1, jnp.int32), jnp.zeros((), jnp.int32), key)

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return rule.predict(state.rule, x, hp.rule)

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        begins, task = switched(batch, state.task)
        starts = state.starts + begins
        anew = when(begins, lambda _: rule.init(jax.random.fold_in(state.key, starts), hp.rule), state.rule)
        learned, info = rule.update(anew, batch, hp.rule)
        return State(learned, task, starts, state.key), info

    return Learner(init, predict, update)


ENTRY = backprop.ENTRY._replace(
    make=lambda spec: around(backprop.make(spec)),
    hparams=HParams(rule=backprop.HParams()),
    summary="backpropagation on a network that is reinitialised at every switch of context, which it is told",
    flops=lambda spec, hp, inference_steps, batch: backprop.flops(spec, hp.rule, inference_steps, batch),
    label=None,
    told=True,
    rule=None,
    sizes=None,
)
