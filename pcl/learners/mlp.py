"""Parts that the learners on a network share: architecture, optimiser, masked step, feed-forward answer."""

import math
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from pcl.errors import UsageError, shown
from pcl.fields import Traced, static, traced
from pcl.learners.inputs import answer, masked_vectors
from pcl.network.activations import ACTIVATIONS
from pcl.network.architectures import INITS, dense_chain, mupc_chain, vgg5
from pcl.network.flops import synapse_uses
from pcl.network.layers import Network, forward
from pcl.network.outputs import OUTPUTS, distribution
from pcl.network.plasticity import init_optimiser, learn
from pcl.types import Batch, Prediction, Spec

NORMS = ("none", "layer")
MODULES = ("convnet", "resnet18")
IMAGES, OWN = {"architecture": ("vgg5", *MODULES)}, {"architecture": MODULES}
PLAIN = {"optimiser": ("sgd", "momentum")}
MOST_UNITS = 1_000_000  # of a hidden layer

S = TypeVar("S", bound=Any)  # the state of a learner on a network


@struct.dataclass
class MLPHParams:
    """Hyper-parameters of a network and of its optimiser; defaults from `experiments/digits_rates.py`."""

    architecture: str = static(
        "mlp",
        "kind of network; all but mlp read images, and their first layer has `width` channels; convnet and resnet18"
        " are for backpropagation alone, with ReLU units and their own initial weights",
        choices=("mlp", "vgg5", *MODULES),
    )
    width: int = static(128, "hidden units in each layer", low=1)
    depth: int = static(2, "number of hidden layers", low=0, high=1000, idle=IMAGES)
    activation: str = static("tanh", "activation function of the hidden layers", choices=tuple(ACTIVATIONS), idle=OWN)
    init: str = static(
        "lecun",
        "initialisation of the weights; mupc is a parametrisation, for mlp alone",
        choices=(*INITS, "mupc"),
        idle=OWN,
    )
    output: str = static("gaussian", "distribution of the output given the layer below", choices=tuple(OUTPUTS))
    optimiser: str = static("adam", "optimiser of the weights", choices=("sgd", "momentum", "adam", "adamw"))
    lr: Traced = traced(0.003, "learning rate of the weights", low=0)
    momentum: Traced = traced(
        0.9, "momentum of the weights", low=0, high=1, idle={"optimiser": ("sgd", "adam", "adamw")}
    )
    weight_decay: Traced = traced(
        1e-4, "weight decay (biases do not decay)", low=0, idle={"optimiser": ("sgd", "momentum", "adam")}
    )
    beta1: float = static(0.9, "decay rate of Adam's mean of gradients", low=0, high=0.999999, idle=PLAIN)
    beta2: float = static(0.999, "decay rate of Adam's mean of squared gradients", low=0, high=0.999999, idle=PLAIN)
    anneal_steps: int = static(
        0, "labelled batches over which lr falls to 0 by a cosine schedule (0: constant lr)", low=0
    )
    layer_sizes: str = static("", "hidden units of each layer, as 300+150, instead of width and depth; for mlp alone")
    norm: str = static(
        "none",
        "normalisation of the pre-activations of hidden layers (layer: layer normalisation); for mlp alone",
        choices=NORMS,
    )

    LATER: ClassVar[tuple[str, ...]] = ("beta1", "beta2", "layer_sizes", "norm")


def learning_rate(hp: MLPHParams, updates: int) -> Traced | optax.Schedule:
    """The learning rate of the weights: constant, or a cosine schedule over `anneal_steps` batches.

    A batch makes `updates` updates, all with the same learning rate.
    """
    if not hp.anneal_steps:
        return hp.lr
    fall = optax.cosine_decay_schedule(hp.lr, hp.anneal_steps)
    return lambda count: fall(count // max(updates, 1))


def weights_alone(network: Any) -> Any:
    """A mask that is true for the weights of a layer or network, and false for its biases (one axis)."""
    return jax.tree.map(lambda leaf: leaf.ndim > 1, network)


OPTIMISERS: dict[str, Callable[[Traced | optax.Schedule, MLPHParams], optax.GradientTransformation]] = {
    "sgd": lambda lr, hp: optax.sgd(lr),
    "momentum": lambda lr, hp: optax.sgd(lr, hp.momentum),
    "adam": lambda lr, hp: optax.adam(lr, hp.beta1, hp.beta2),
    "adamw": lambda lr, hp: optax.adamw(lr, hp.beta1, hp.beta2, weight_decay=hp.weight_decay, mask=weights_alone),
}


class MLPState(NamedTuple):
    """Weights and the optimiser's memory, layer by layer."""

    network: Network
    optimiser: tuple[optax.OptState, ...]


def optimiser(hp: MLPHParams, updates: int = 1) -> optax.GradientTransformation:
    """The optimiser of the weights, for batches with `updates` updates each."""
    return OPTIMISERS[hp.optimiser](learning_rate(hp, updates), hp)


def network(spec: Spec, key: PRNGKeyArray, hp: MLPHParams) -> Network:
    """Fresh layers of the architecture that `hp` names.

    Raises:
      UsageError: a parametrisation that the architecture does not have, or hidden layers that are no numbers of units.
    """
    if hp.architecture != "mlp":
        _check_images(hp)
    if hp.architecture in MODULES:
        from pcl.network import modules  # flax.linen is imported where it is asked for

        return modules.fresh(key, hp.architecture, spec.input_shape, spec.outputs, hp.width)
    if hp.architecture == "vgg5":
        return vgg5(key, spec.input_shape, spec.outputs, hp.width, hp.activation, hp.init)
    sizes = (math.prod(spec.input_shape), *hidden_sizes(hp), spec.outputs)
    if hp.init == "mupc" and hp.norm == "none" and len(set(sizes[1:-1])) <= 1:
        return mupc_chain(key, sizes, hp.activation)
    if hp.init == "mupc":
        raise UsageError("init=mupc: its hidden layers have one width and norm=none")
    return dense_chain(key, sizes, hp.activation, hp.init, norm=hp.norm == "layer")


def hidden_sizes(hp: MLPHParams) -> tuple[int, ...]:
    """Units of each hidden layer of a perceptron.

    Raises:
      UsageError: `layer_sizes` is not written as numbers of units with + between them.
    """
    if not hp.layer_sizes:
        return (hp.width,) * hp.depth
    parts = hp.layer_sizes.split("+")
    if not all(part.isascii() and part.isdigit() and 0 < int(part) <= MOST_UNITS for part in parts):
        raise UsageError(
            f"layer_sizes={shown(hp.layer_sizes)}: give the units of each hidden layer, as in layer_sizes=300+150"
        )
    return tuple(map(int, parts))


def _check_images(hp: MLPHParams) -> None:
    if hp.init == "mupc":
        raise UsageError(f"init=mupc is for architecture=mlp; {hp.architecture} takes {', '.join(INITS)}")
    if hp.layer_sizes or hp.norm != "none":
        given = f"layer_sizes={shown(hp.layer_sizes)}" if hp.layer_sizes else f"norm={hp.norm}"
        raise UsageError(f"{given} is for architecture=mlp; {hp.architecture} has its own layers")


def sizes(hp: MLPHParams) -> tuple[str, ...]:
    """The sizes in which runs that share a program may differ (`LearnerEntry.sizes`).

    A unit without synapses that is silent at 0 stays so, and its synapses stay 0. Not so where a layer is normalised
    over its units, where weights are scaled by their number (muPC), and in layers that read an image in order (VGG).
    """
    if hp.architecture != "mlp" or hp.layer_sizes:
        return ()
    padded = hp.init != "mupc" and hp.norm == "none" and ACTIVATIONS[hp.activation].silent
    return ("width", "depth") if padded else ("depth",)


def synapses(spec: Spec, hp: MLPHParams) -> tuple[int, ...]:
    """How often a sample uses the synapses of each layer, as `pcl.network.flops` counts."""
    return synapse_uses(jax.eval_shape(lambda key: network(spec, key, hp), jax.random.key(0)), spec.input_shape)


def init(spec: Spec, key: PRNGKeyArray, hp: MLPHParams) -> MLPState:
    """Fresh weights; equal keys give equal weights to every learner on the same architecture.

    Raises:
      UsageError: the targets are real and the output is a distribution of labels.
    """
    if spec.num_targets and not distribution(hp.output).real:
        raise UsageError(f"output={hp.output}: the targets of this stream are real; set output=gaussian")
    fresh = network(spec, key, hp)
    return MLPState(fresh, init_optimiser(fresh, optimiser(hp)))


def masked_inputs(batch: Batch, spec: Spec) -> Float[Array, "B ..."]:
    """The batch's inputs in their own shape, padding set to zero."""
    return masked_vectors(batch).reshape(-1, *spec.input_shape)


def predict(spec: Spec, network: Network, x: Float[Array, "B ..."]) -> Prediction:
    """The feed-forward pass."""
    return answer(spec, forward(network, x)[-1])


def open_gates(state: Any, any_teaches: Bool[Array, ""]) -> Float[Array, " L"]:
    """A gate for each layer: open, but for a batch in which no row teaches."""
    return jnp.broadcast_to(any_teaches.astype(jnp.float32), (len(state.network),))


def ascend(state: S, direction: Network, hp: MLPHParams, any_teaches: Bool[Array, ""]) -> S:
    """One optimiser step along `direction`; a batch in which no row teaches leaves the state untouched.

    The state may have other fields than those of `MLPState`, which stay as they are.
    """
    gate_L = open_gates(state, any_teaches)
    network, memory = learn(state.network, state.optimiser, direction, optimiser(hp), gate_L)
    return state._replace(network=network, optimiser=memory)
