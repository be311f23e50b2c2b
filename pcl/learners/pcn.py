"""Discriminative predictive-coding network: settle on each observation, then learn locally.

Activities start from the feed-forward pass, descend the free energy for a fixed number of steps with
input and label clamped, and every weight then moves by the error above it times the activity below it.
Sources: Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949; inference before learning as in
Song et al. (2024), doi:10.1038/s41593-023-01514-1.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl.fields import Traced, static, traced
from pcl.learners import mlp
from pcl.learners.inputs import answer, masked_vectors, mean_weights, targets
from pcl.network.energy import energy, output_cost
from pcl.network.flops import predictive_coding_flops
from pcl.network.inference import settle
from pcl.network.layers import ACTIVATIONS, forward
from pcl.network.plasticity import hebbian_update
from pcl.types import Batch, Info, Learner, Prediction, Spec


@struct.dataclass
class HParams(mlp.MLPHParams):
    """Numbers of a predictive-coding network."""

    inference_steps: int = static(20, "gradient steps on the activities for each batch", low=0)
    inference_lr: Traced = traced(0.1, "step size of the activities", low=0)


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """Floating-point operations a learned sample, for a mean number of inference steps."""
    return predictive_coding_flops(mlp.sizes(spec, hp), inference_steps)


def make(spec: Spec) -> Learner:
    """A predictive-coding network for inputs and labels as announced in `spec`."""

    def init(key: PRNGKeyArray, hp: HParams) -> mlp.MLPState:
        return mlp.init(spec, key, hp)

    def update(state: mlp.MLPState, batch: Batch, hp: HParams) -> tuple[mlp.MLPState, Info]:
        activation, network = ACTIVATIONS[hp.activation], state.network
        x, y, weight = masked_vectors(batch), targets(batch, spec), mean_weights(batch)
        *z, logits = forward(network, x, activation.f)
        settled = settle(network, tuple(z), x, y, activation, hp.output, hp.inference_steps, hp.inference_lr)
        direction = hebbian_update(x, settled, weight)
        info = Info(
            prediction=answer(spec, logits),
            surprise=weight @ output_cost(hp.output, y, logits),
            energy=weight @ energy(network, settled.z, x, y, activation.f, hp.output),
            inference_steps=float(hp.inference_steps) * weight.sum(),
        )
        uphill = jax.tree.map(jnp.negative, direction)  # optax descends
        return mlp.descend(state, uphill, hp, weight.any()), info

    def predict(state: mlp.MLPState, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return mlp.predict(spec, state, x, hp)

    return Learner(init, predict, update)
