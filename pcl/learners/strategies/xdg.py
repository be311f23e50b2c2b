"""XdG (context-dependent gating): a random part of the hidden units is silent in each context (backpropagation).

A silent unit reaches nothing above it and learns nothing, so that contexts share few weights. The context is told with
each batch; a query is answered in the context of the last batch, since nothing else is known of it. So it suits streams
of contexts that take turns, and not queries about other tasks. Source: Masse, Grant and Freedman (2018),
doi:10.1073/pnas.1803839115, without a penalty on weights beside it.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import Traced, nested, traced
from pcl.learners import backprop, mlp
from pcl.learners.inputs import switched
from pcl.learners.rule import NetworkRule, lesson
from pcl.learners.strategies import strategy
from pcl.network.layers import Network
from pcl.types import Batch, Info, Learner, Prediction, Spec


@struct.dataclass
class HParams:
    """Hyper-parameters of the gates."""

    rule: Any = nested(None)
    silent: Traced = traced(0.8, "share of the hidden units that are silent in each context", low=0, high=1)


class State(NamedTuple):
    """The rule's state, the context of the last batch (none at first: -1), and the key of the gates."""

    rule: Any
    task: Int[Array, ""]
    key: PRNGKeyArray


def gates(key: PRNGKeyArray, task: Int[Array, ""], network: Network, silent: Traced) -> Network:
    """For each weight 1, or 0 where it leaves a unit that is silent in context `task`; the same at every call."""
    own = jax.random.fold_in(key, jnp.maximum(task, 0))
    ones = jax.tree.map(jnp.ones_like, network)
    above = []
    for number, (below, layer) in enumerate(zip(network[:-1], ones[1:], strict=True)):
        units = below.w.shape[-1]
        rank = jnp.argsort(jnp.argsort(jax.random.uniform(jax.random.fold_in(own, number), (units,))))
        speaks = (rank >= jnp.round(silent * units)).astype(layer.w.dtype)
        above.append(layer.replace(w=layer.w * speaks[:, None]))
    return (ones[0], *above)


def around(rule: NetworkRule, spec: Spec) -> Learner:
    """The learner `rule` with context-dependent gates on its hidden units."""

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        if hp.rule.architecture != "mlp" or hp.rule.init == "mupc" or hp.rule.norm != "none":
            given = f"architecture={hp.rule.architecture}, init={hp.rule.init}, norm={hp.rule.norm}"
            raise UsageError(f"{given}: units are silent in dense layers without skip connections and norms")
        return State(rule.init(key, hp.rule), jnp.full((), -1, jnp.int32), jax.random.fold_in(key, 1))

    def open_in(state: State, task: Int[Array, ""], hp: HParams) -> tuple[Network, Network]:
        gate = gates(state.key, task, state.rule.network, hp.silent)
        return gate, jax.tree.map(jnp.multiply, state.rule.network, gate)

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return mlp.predict(spec, open_in(state, state.task, hp)[1], x)

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        _, task = switched(batch, state.task)
        gate, network = open_in(state, task, hp)
        given = lesson(batch, spec)
        move = rule.direct(state.rule._replace(network=network), given, hp.rule)
        direction = jax.tree.map(jnp.multiply, move.direction, gate)
        learned = move.state._replace(network=state.rule.network)
        return State(mlp.ascend(learned, direction, hp.rule, given.teaches.any()), task, state.key), move.info

    return Learner(init, predict, update)


ENTRY = strategy.entry(
    backprop.ENTRY,
    around,
    HParams(),
    summary="a random part of the hidden units is silent in each context, which is told (XdG), backpropagation",
    label="XdG, backpropagation",
    cost=lambda own, spec, hp, batch: own,
    told=True,
)
