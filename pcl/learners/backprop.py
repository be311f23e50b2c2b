"""Backpropagation on the same architecture, weights and cost as `pcn`: the baseline of every table.

Source: Rumelhart, Hinton and Williams (1986), doi:10.1038/323533a0.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl.learners import mlp
from pcl.learners.inputs import answer, mean_weights, targets
from pcl.network.energy import output_cost
from pcl.network.flops import backprop
from pcl.network.layers import Network, forward
from pcl.types import Batch, Info, Learner, LearnerEntry, Logged, Prediction, Spec


@struct.dataclass
class HParams(mlp.MLPHParams):
    """Numbers of a network trained by backpropagation."""


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> int:
    """Floating-point operations a learned sample."""
    return backprop(mlp.synapses(spec, hp))


def make(spec: Spec) -> Learner:
    """A network for inputs and labels as announced in `spec`."""

    def init(key: PRNGKeyArray, hp: HParams) -> mlp.MLPState:
        return mlp.init(spec, key, hp)

    def update(state: mlp.MLPState, batch: Batch, hp: HParams) -> tuple[mlp.MLPState, Info]:
        x, y, weight = mlp.masked_inputs(batch, spec), targets(batch, spec), mean_weights(batch)

        def loss(network: Network) -> tuple[Array, Array]:
            logits = forward(network, x)[-1]
            return weight @ output_cost(hp.output, y, logits), logits

        (cost, logits), gradient = jax.value_and_grad(loss, has_aux=True)(state.network)
        downhill = jax.tree.map(jnp.negative, gradient)
        info = Info(answer(spec, logits), {"surprise": Logged(cost, "taught")})
        return mlp.ascend(state, downhill, hp, weight.any()), info

    def predict(state: mlp.MLPState, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return mlp.predict(spec, state.network, x)

    return Learner(init, predict, update)


ENTRY = LearnerEntry(
    make,
    HParams(),
    "perceptron trained by backpropagation",
    flops,
    local=False,
    label="backpropagation",
    targets=True,
    sizes=mlp.sizes,
)
