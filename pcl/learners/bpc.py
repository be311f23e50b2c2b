"""Bayesian predictive coding: conjugate synapses on a code, with a posterior over their weights.

Every layer predicts z_l = W_l^T phi_{l-1} + noise, phi_0 the code, phi_l = [f(z_l), 1], z_L the target. After
settling (hidden activities descend sum_l 1/2 |z_l - W_l^T phi_{l-1}|^2 with input and target clamped, by any rule that
leaves the weights alone) every layer's posterior takes in its own pair of activities, by the local rule of
`pcl.synapses.synapse`. The learner also gives the predictive variance, from the weights and the noise of the target's
layer, and the information gain of a label (`query`). `rls` with `covariance=sums`, for wide codes, gives neither.

With depth 0 the target's layer reads the code itself: this is recursive least squares (sources: `rls`), with inferred
noise, predictive variance and drift. The order of samples does not matter if drift = 0. With hidden layers it does,
because their activity changes under the layer above as they learn. Their effect (`results/tables/tab_ladder.md`, on
the pixels of digits): 20 hidden units that learn are well above 20 fixed random ones (`inference_steps=0`),
and 64 that learn are as good as 64 fixed ones.
Sources: Tschantz et al. (2025), arXiv:2503.24016; drift as in Jazwinski (1969), doi:10.1016/0005-1098(69)90109-5.
"""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl.fields import Idles, Traced, fields, static, traced
from pcl.learners import features, rls, steps
from pcl.learners.inputs import mean_weights, targets, teaching_rows
from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import Problem, energy, feedforward
from pcl.network.inference import rose
from pcl.network.layers import Dense, Network
from pcl.network.rules import RULES, choose
from pcl.network.stability import Directions
from pcl.synapses import synapse
from pcl.synapses.covariance import covariance, synapse_flops
from pcl.synapses.synapse import Noise, Synapses
from pcl.types import Batch, Info, Learner, LearnerEntry, Logged, Prediction, Spec


@struct.dataclass
class HParams(rls.HParams, steps.InferenceHParams):
    """Hyper-parameters of a Bayesian predictive-coding network."""

    LATER: ClassVar[tuple[str, ...]] = steps.NEW
    # Without hidden layers nothing settles.
    IDLE: ClassVar[Idles] = {
        **features.FeatureHParams.IDLE,
        **{name: {"depth": (0,)} for name in (*fields(steps.InferenceHParams), "hidden_units", "activation")},
    }
    depth: int = static(0, "number of hidden layers", low=0, high=1000)
    hidden_units: int = static(64, "hidden units in each layer", low=1)
    activation: str = static("tanh", "activation function of the hidden layers", choices=tuple(ACTIVATIONS))
    target_noise: Traced = traced(0.1, "prior mean of the noise variance of the targets", low=1e-12)
    drift: Traced = traced(
        0.0, "rate at which the process noise of the weights is estimated from errors (0: no process noise)", low=0
    )


class State(NamedTuple):
    """The code, the synapses of each layer (the target's last), the target's noise, the drift, and a step's limit."""

    code: Any
    layers: tuple[Synapses, ...]
    noise: Noise
    drift: Float[Array, ""]  # running mean of the process noise that would explain each batch
    directions: Directions | None  # see `steps`


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """Floating-point operations per learned sample: its code; every layer settles, answers and learns."""
    sizes = (features.size(spec, hp), *[hp.hidden_units + 1] * hp.depth)
    outputs = (*[hp.hidden_units] * hp.depth, spec.outputs)
    learning = sum(synapse_flops(hp.covariance, d, hp.block, c, batch) for d, c in zip(sizes, outputs, strict=True))
    # A rule's count of a step leaves out the first entry. Here it is a 0: steps use every layer, the lowest too.
    uses, cost = (0, *(d * c for d, c in zip(sizes, outputs, strict=True))), RULES[hp.inference].flops
    settling = cost(uses, inference_steps) - cost(uses, 0) if hp.depth else 0
    return features.flops(spec, hp) + learning + settling


def make(spec: Spec) -> Learner:
    """A Bayesian predictive-coding network for inputs and labels, or real targets, as announced in `spec`."""
    outputs = spec.outputs

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        choose(hp.inference, hp.halt)
        code_key, *keys = jax.random.split(key, hp.depth + 1)
        sizes = (features.size(spec, hp), *[hp.hidden_units + 1] * hp.depth)
        # Hidden layers start from random weights, so that their units differ; the target's layer starts from zero.
        means = [
            jax.random.normal(k, (d, hp.hidden_units)) / jnp.sqrt(d) for k, d in zip(keys, sizes[:-1], strict=True)
        ]
        means.append(jnp.zeros((sizes[-1], outputs)))
        layers = tuple(Synapses(w, _form(len(w), hp).init(len(w), hp.ridge)) for w in means)
        code = features.init(code_key, spec, hp)
        network = _network(layers, hp.activation)
        directions = steps.start(network, (sizes[0],), hp)
        return State(code, layers, synapse.noise_prior(outputs, hp.target_noise), jnp.zeros(()), directions)

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return _answer(spec, *_believed(state, _forward(state, features.encode(state.code, x, hp), hp)[-1], hp))

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        y_BC, teaches_B = targets(batch, spec), teaching_rows(batch)
        below = _forward(state, features.encode_batch(state.code, batch, hp), hp)
        mean_BC, variance_BC, leverage_B = _believed(state, below[-1], hp)
        problem, weight = Problem(_network(state.layers, hp.activation), below[0], y_BC), mean_weights(batch)
        start = feedforward(problem)
        rate, directions = steps.limit(problem.network, state.directions, teaches_B.any(), hp)
        settled = RULES[hp.inference].settle(problem, start, steps.budget(hp), steps.numbers(hp, rate))
        z = settled.z
        codes = (below[0], *(_code(z_l, hp) for z_l in z))
        missed_BC = jnp.where(teaches_B[:, None], y_BC - mean_BC, 0.0) / jnp.sqrt(1 + leverage_B)[:, None]
        learned = _learn(state, codes, (*z, y_BC), missed_BC, teaches_B, hp)
        surprise = 0.5 * weight @ jnp.sum((y_BC - mean_BC) ** 2 / variance_BC + jnp.log(variance_BC), axis=1)
        log = {
            "surprise": Logged(surprise, "taught"),
            "inference_steps": Logged(steps.mean_steps(settled, teaches_B), "taught"),
        }
        info = Info(_answer(spec, mean_BC, variance_BC, leverage_B), log)
        if z:
            left = weight @ jnp.where(teaches_B, settled.residual, 0.0)
            risen = rose(weight @ energy(problem, start), weight @ energy(problem, z))
            # The residual is relative to a gradient that may be zero.
            info = Info(info.prediction, log | {"residual": Logged(left, "taught", finite=False)}, risen)
        return learned._replace(directions=directions), info

    return features.developing(Learner(init, predict, update))


def _answer(
    spec: Spec, mean_BC: Float[Array, "B C"], variance_BC: Float[Array, "B C"], leverage_B: Float[Array, " B"]
) -> Prediction:
    """The prediction of labels or targets by mean, variance and leverage, and the information gain of a label."""
    query_B = synapse.information_gain(leverage_B)
    if spec.num_targets:
        return Prediction(mean=mean_BC, variance=variance_BC, query=query_B)
    # log N(one-hot c; mean, variance I) is mean_c / variance up to a constant that all labels share.
    return Prediction(logits=mean_BC / variance_BC.mean(1, keepdims=True), query=query_B)


def _learn(
    state: State, codes: tuple[Array, ...], above: tuple[Array, ...], missed_BC: Array, teaches_B: Array, hp: HParams
) -> State:
    """The state after every layer took in the code below it and the activities above, the target's last.

    `missed_BC` are errors of the prediction, scaled to the covariance of the noise.
    """
    learned, innovations = zip(
        *(
            synapse.learn(_form(len(layer.w), hp), layer, phi_BD, z_BH, teaches_B)
            for layer, phi_BD, z_BH in zip(state.layers, codes, above, strict=True)
        ),
        strict=True,
    )
    estimate = synapse.drift(codes[-1], innovations[-1], _noise_variance(state), teaches_B)
    # A running mean of estimates that may be negative: on stationary data it stays near 0.
    drift = state.drift + hp.drift * teaches_B.any() * (estimate - state.drift)
    w, p = learned[-1]
    last = Synapses(w, _form(len(w), hp).widen(p, teaches_B.any() * jnp.maximum(drift, 0.0)))
    # Settling makes errors at the target smaller than those of a prediction. The noise is that of predictions.
    whitened_BC = missed_BC if len(learned) > 1 else innovations[-1].whitened
    noise = synapse.learn_noise(state.noise, whitened_BC, teaches_B.sum())
    return state._replace(layers=(*learned[:-1], last), noise=noise, drift=drift)


def _form(inputs: int, hp: HParams) -> synapse.Covariance:
    return covariance(hp.covariance, inputs, hp.block)


def _noise_variance(state: State) -> Float[Array, " C"]:
    """Expected variance of each target's noise."""
    return jnp.diagonal(synapse.noise_covariance(state.noise))


def _believed(
    state: State, phi_BD: Float[Array, "B D"], hp: HParams
) -> tuple[Float[Array, "B C"], Float[Array, "B C"], Float[Array, " B"]]:
    """Mean and variance of the targets given the code below them, and its leverage."""
    top = state.layers[-1]
    leverage_B = synapse.leverage(_form(len(top.w), hp), top, phi_BD)
    return phi_BD @ top.w, (1 + leverage_B)[:, None] * _noise_variance(state), leverage_B


def _code(z_BH: Float[Array, "B H"], hp: HParams) -> Float[Array, "B E"]:
    """The input of the layer above a hidden layer: [f(z), 1]."""
    return jnp.concatenate([ACTIVATIONS[hp.activation].f(z_BH), jnp.ones_like(z_BH[:, :1])], axis=1)


def _forward(state: State, phi_BD: Float[Array, "B D"], hp: HParams) -> list[Array]:
    """The code below each layer after a feed-forward pass."""
    below = [phi_BD]
    for layer in state.layers[:-1]:
        below.append(_code(below[-1] @ layer.w, hp))
    return below


def _network(layers: tuple[Synapses, ...], activation: str) -> Network:
    """The energy's layers, to settle by gradient descent: every one but the lowest reads [f(z), 1]."""
    first, *above = layers
    return Dense(first.w), *(Dense(layer.w[:-1], layer.w[-1], inner=activation) for layer in above)


ENTRY = LearnerEntry(
    make, HParams(), "Bayesian predictive coding: conjugate synapses on a code", flops, local=True, targets=True
)
