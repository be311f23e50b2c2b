"""What the learners on a multi-layer perceptron share: architecture, optimiser, masked step."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import Traced, static, traced
from pcl.learners.inputs import answer, vectors
from pcl.network.energy import OUTPUTS
from pcl.network.layers import ACTIVATIONS, Network, forward, init_network
from pcl.types import Prediction, Spec

OPTIMISERS: dict[str, Callable[..., optax.GradientTransformation]] = {"sgd": optax.sgd, "adam": optax.adam}


@struct.dataclass
class MLPHParams:
    """Numbers of a perceptron and of its optimiser; defaults from `experiments/digits_rates.py`."""

    width: int = static(128, "units in each hidden layer", low=1)
    depth: int = static(2, "number of hidden layers", low=0)
    activation: str = static("tanh", "nonlinearity of the hidden layers", choices=tuple(ACTIVATIONS))
    output: str = static("gaussian", "distribution of the output given the layer below", choices=OUTPUTS)
    optimiser: str = static("adam", "transformation of the weight updates", choices=tuple(OPTIMISERS))
    lr: Traced = traced(0.003, "learning rate of the weights", low=0)


class MLPState(NamedTuple):
    """Weights and the optimiser's memory."""

    network: Network
    optimiser: optax.OptState


def sizes(spec: Spec, hp: MLPHParams) -> tuple[int, ...]:
    """Units of each layer, input first."""
    return (math.prod(spec.input_shape), *[hp.width] * hp.depth, spec.outputs)


def init(spec: Spec, key: PRNGKeyArray, hp: MLPHParams) -> MLPState:
    """Fresh weights; equal keys give equal weights to every learner on the same architecture.

    Raises:
      UsageError: the targets are real and the output is a distribution of labels.
    """
    if spec.num_targets and hp.output != "gaussian":
        raise UsageError(f"output={hp.output}: the targets of this stream are real; set output=gaussian")
    network = init_network(key, sizes(spec, hp))
    return MLPState(network, OPTIMISERS[hp.optimiser](hp.lr).init(network))


def predict(spec: Spec, state: MLPState, x: Float[Array, "B ..."], hp: MLPHParams) -> Prediction:
    """The feed-forward pass."""
    return answer(spec, forward(state.network, vectors(x), ACTIVATIONS[hp.activation].f)[-1])


def descend(state: MLPState, gradient: Network, hp: MLPHParams, any_teaches: Bool[Array, ""]) -> MLPState:
    """One optimiser step; a batch in which no row teaches leaves weights and optimiser untouched."""
    updates, optimiser = OPTIMISERS[hp.optimiser](hp.lr).update(gradient, state.optimiser, state.network)
    moved = MLPState(optax.apply_updates(state.network, updates), optimiser)
    return jax.tree.map(lambda new, old: jnp.where(any_teaches, new, old), moved, state)
