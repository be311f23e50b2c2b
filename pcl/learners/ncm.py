"""Nearest class mean: running sums of the codes of each class; the prediction is the class of the closest mean.

Sums commute, so the result does not depend on the order of the stream, up to a million samples of a class; beyond,
older ones fade (`pcl.synapses.horizon`).
Source: Mensink, Verbeek, Perronnin and Csurka (2013), doi:10.1109/TPAMI.2013.83.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl.learners import features
from pcl.learners.inputs import targets
from pcl.synapses import horizon
from pcl.types import Batch, Info, Learner, LearnerEntry, Prediction, Spec

UNSEEN = -1e30  # score of a label without a mean: below any distance, yet finite


@struct.dataclass
class HParams(features.FeatureHParams):
    """Nearest class mean has no settings of its own."""


class NCMState(NamedTuple):
    """The code, and sum and number of the codes of each label."""

    code: Any
    total: Float[Array, "C D"]
    size: Float[Array, " C"]


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> int:
    """Floating-point operations per learned sample: its code, its distance to every mean, and its own sum."""
    inputs = features.size(spec, hp)
    return features.flops(spec, hp) + 2 * inputs * spec.num_labels + inputs


def make(spec: Spec) -> Learner:
    """Class means for inputs and labels as announced in `spec`."""

    def init(key: PRNGKeyArray, hp: HParams) -> NCMState:
        total_CD = jnp.zeros((spec.num_labels, features.size(spec, hp)))
        return NCMState(features.init(key, spec, hp), total_CD, jnp.zeros(spec.num_labels))

    def predict(state: NCMState, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        mean_CD = state.total / jnp.maximum(state.size, 1)[:, None]
        # -1/2 |phi - mean|^2 without the |phi|^2 that all labels share
        score_BC = features.encode(state.code, x, hp) @ mean_CD.T - 0.5 * jnp.sum(mean_CD**2, axis=1)
        return Prediction(logits=jnp.where(state.size > 0, score_BC, UNSEEN))

    def update(state: NCMState, batch: Batch, hp: HParams) -> tuple[NCMState, Info]:
        member_BC = targets(batch, spec)
        left_C = horizon.left(jnp.where(member_BC.any(0), state.size, 0.0))
        total_CD = left_C[:, None] * state.total + member_BC.T @ features.encode_batch(state.code, batch, hp)
        return NCMState(state.code, total_CD, left_C * state.size + member_BC.sum(0)), Info()

    return features.developing(Learner(init, predict, update))


ENTRY = LearnerEntry(make, HParams(), "nearest class mean", flops, local=True, label="nearest class mean")
