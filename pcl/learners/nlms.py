"""One linear layer on a code: least mean squares, and the same normalised, which is predictive coding at equilibrium.

Both move weights by error times activity, on the mean over the n rows of a batch that teach:

    plain        dW = lr / n Phi^T E                             least mean squares, as by backpropagation
    normalised   dW = lr Phi^T (n I + lr Phi Phi^T)^-1 E         the step that ends at the minimum of
                                                                 |dW|^2 / 2 lr + mean |y - W^T phi|^2 / 2

The second is the step of a predictive-coding layer that settles before it learns (implicit or proximal descent, Alonso
et al. (2022), arXiv:2206.00164). For one row it is normalised LMS, e phi^T / (1 / lr + |phi|^2). Here the covariance of
the weights stays lr I; with a diagonal or full covariance that is learned, this is `rls`.
Source: Widrow and Hoff (1960); Nagumo and Noda (1967), doi:10.1109/TAC.1967.1098599.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl.fields import Traced, static, traced
from pcl.learners import features
from pcl.learners.inputs import answer, mean_weights, targets, teaching_rows
from pcl.synapses.covariance import isotropic, synapse_flops
from pcl.synapses.synapse import Synapses, learn
from pcl.types import Batch, Info, Learner, LearnerEntry, Logged, Prediction, Spec


@struct.dataclass
class HParams(features.FeatureHParams):
    """Hyper-parameters of one linear layer."""

    step: str = static("normalised", "learning rule of the weights", choices=("plain", "normalised"))
    lr: Traced = traced(0.3, "learning rate of the weights", low=0)


class State(NamedTuple):
    """The code and the weights on it."""

    code: Any
    w: Float[Array, "D C"]


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """Floating-point operations per learned sample: its code, its output, and the change of every weight."""
    inputs = features.size(spec, hp)
    return features.flops(spec, hp) + synapse_flops("isotropic", inputs, 1, spec.outputs, batch)


def make(spec: Spec) -> Learner:
    """A linear layer for inputs and labels, or real targets, as announced in `spec`."""

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        shape = (features.size(spec, hp), spec.outputs)
        return State(features.init(key, spec, hp), jnp.zeros(shape))

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return answer(spec, features.encode(state.code, x, hp) @ state.w)

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        phi_BD, y_BC = features.encode_batch(state.code, batch, hp), targets(batch, spec)
        weight, teaches = mean_weights(batch), teaching_rows(batch)
        # One exact update from an isotropic covariance. The covariance after it is not kept.
        before = Synapses(state.w, hp.lr * weight.max())
        learned, innovation = learn(isotropic(), before, phi_BD, y_BC, teaches)
        w = learned.w
        if hp.step == "plain":
            w = state.w + hp.lr * phi_BD.T @ (weight[:, None] * innovation.error)
        surprise = 0.5 * weight @ jnp.sum(innovation.error**2, axis=1)
        return State(state.code, w), Info(answer(spec, innovation.output), {"surprise": Logged(surprise, "taught")})

    return features.developing(Learner(init, predict, update))


ENTRY = LearnerEntry(
    make, HParams(), "linear layer on a code, predictive coding at equilibrium", flops, local=True, targets=True
)
