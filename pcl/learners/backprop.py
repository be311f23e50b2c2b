"""Backpropagation on the same architecture, weights and cost as `pcn`: the baseline of every table.

Source: Rumelhart, Hinton and Williams (1986), doi:10.1038/323533a0.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import PRNGKeyArray

from pcl.learners import mlp
from pcl.learners.inputs import answer
from pcl.learners.rule import Lesson, Move, NetworkRule, cost, learner
from pcl.network.flops import backprop
from pcl.network.layers import Network, forward
from pcl.types import Info, Learner, LearnerEntry, Logged, Spec


@struct.dataclass
class HParams(mlp.MLPHParams):
    """Hyper-parameters of a network trained by backpropagation."""


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> int:
    """Floating-point operations per learned sample."""
    return backprop(mlp.synapses(spec, hp))


def rule(spec: Spec) -> NetworkRule:
    """Gradient descent on the cost of a `Lesson`, for inputs and labels as announced in `spec`."""

    def init(key: PRNGKeyArray, hp: HParams) -> mlp.MLPState:
        return mlp.init(spec, key, hp)

    def direct(state: mlp.MLPState, lesson: Lesson, hp: HParams) -> Move:
        def loss(network: Network) -> tuple[Array, Array]:
            logits = forward(network, lesson.x)[-1]
            return cost(hp.output, lesson, logits), logits

        (surprise, logits), gradient = jax.value_and_grad(loss, has_aux=True)(state.network)
        downhill = jax.tree.map(jnp.negative, gradient)
        return Move(downhill, state, Info(answer(spec, logits), {"surprise": Logged(surprise, "taught")}))

    def learn(state: mlp.MLPState, lesson: Lesson, hp: HParams) -> tuple[mlp.MLPState, Info]:
        direction, state, info = direct(state, lesson, hp)
        return mlp.ascend(state, direction, hp, lesson.teaches.any()), info

    return NetworkRule(init, direct, learn, outer=lambda hp: True)


def make(spec: Spec) -> Learner:
    """A network for inputs and labels as announced in `spec`."""
    return learner(rule(spec), spec)


ENTRY = LearnerEntry(
    make,
    HParams(),
    "network trained by backpropagation",
    flops,
    local=False,
    label="backpropagation",
    targets=True,
    rule=rule,
    sizes=mlp.sizes,
)
