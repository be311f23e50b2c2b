"""Recursive least squares on a code: after every batch, ridge regression on all samples so far.

The Kalman filter of constant weights, one output a label. With a full covariance its state is a sum over samples: the
order of classes does not matter, and one pass gives the weights of offline ridge regression. Earlier work: on a frozen
code this is ACIL, arXiv:2205.14922, and the classifier of RanPAC, arXiv:2307.02251, and with random features nearly
RanDumb, arXiv:2402.08823. Cheaper forms depend on the order (`pcl.synapses.covariance`). With `covariance=sums`
(`pcl.synapses.statistics`) the same weights are solved for whenever `block` samples wait: half the operations a sample,
for wide codes, but no covariance, hence no `query`, and predictions without the waiting samples.
Source: Plackett (1950), doi:10.1093/biomet/37.1-2.149.
"""

import functools
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl.fields import Traced, static, traced
from pcl.learners import features
from pcl.learners.inputs import answer, mean_weights, targets, teaching_rows
from pcl.synapses.covariance import covariance, synapse_flops
from pcl.synapses.statistics import Gathering, gather, gather_flops, nothing_gathered, ridge_weights
from pcl.synapses.synapse import Synapses, information_gain, learn, leverage
from pcl.types import Batch, Info, Learner, LearnerEntry, Logged, Prediction, Spec

COVARIANCES = ("full", "block", "diagonal", "low_rank", "sums")


@struct.dataclass
class HParams(features.FeatureHParams):
    """Hyper-parameters of recursive least squares."""

    covariance: str = static("full", "form of the posterior covariance of the weights", choices=COVARIANCES)
    block: int = static(
        64,
        "block: inputs per block; low_rank: rank; sums: samples that wait for the next solve",
        low=1,
        idle={"covariance": ("full", "diagonal")},
    )
    ridge: Traced = traced(1.0, "prior precision of the weights", low=1e-6)


class State(NamedTuple):
    """The code and the synapses on it."""

    code: Any
    synapses: Synapses | Gathering


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """Floating-point operations per learned sample: its code, its output, and the change of weights and covariance."""
    inputs = features.size(spec, hp)
    if hp.covariance == "sums":
        return features.flops(spec, hp) + gather_flops(inputs, spec.outputs, hp.block)
    return features.flops(spec, hp) + synapse_flops(hp.covariance, inputs, hp.block, spec.outputs, batch)


def make(spec: Spec) -> Learner:
    """Recursive least squares for inputs and labels, or real targets, as announced in `spec`."""

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        inputs = features.size(spec, hp)
        if hp.covariance == "sums":
            return State(features.init(key, spec, hp), nothing_gathered(inputs, spec.outputs, hp.block))
        w = jnp.zeros((inputs, spec.outputs))
        p = covariance(hp.covariance, inputs, hp.block).init(inputs, hp.ridge)
        return State(features.init(key, spec, hp), Synapses(w, p))

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        phi_BD = features.encode(state.code, x, hp)
        if isinstance(state.synapses, Gathering):
            return answer(spec, phi_BD @ state.synapses.w)
        form = covariance(hp.covariance, phi_BD.shape[1], hp.block)
        return _answer(phi_BD @ state.synapses.w, leverage(form, state.synapses, phi_BD))

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        phi_BD = features.encode_batch(state.code, batch, hp)
        y_BC, teaches_B = targets(batch, spec), teaching_rows(batch)
        if isinstance(state.synapses, Gathering):
            output_BC = phi_BD @ state.synapses.w
            surprise = 0.5 * mean_weights(batch) @ jnp.sum((y_BC - output_BC) ** 2, axis=1)
            solve = functools.partial(ridge_weights, ridge=hp.ridge)
            gathered = gather(state.synapses, phi_BD, y_BC, teaches_B, solve)
            return State(state.code, gathered), _info(answer(spec, output_BC), surprise)
        form = covariance(hp.covariance, phi_BD.shape[1], hp.block)
        synapses, innovation = learn(form, state.synapses, phi_BD, y_BC, teaches_B)
        surprise = 0.5 * mean_weights(batch) @ jnp.sum(innovation.error**2, axis=1)
        return State(state.code, synapses), _info(_answer(innovation.output, innovation.leverage), surprise)

    def _answer(output_BC: Float[Array, "B C"], leverage_B: Float[Array, " B"]) -> Prediction:
        return answer(spec, output_BC)._replace(query=information_gain(leverage_B))

    def _info(prediction: Prediction, surprise: Float[Array, ""]) -> Info:
        return Info(prediction, {"surprise": Logged(surprise, "taught")})

    return features.developing(Learner(init, predict, update))


ENTRY = LearnerEntry(make, HParams(), "recursive least squares on a code", flops, local=True, targets=True)
