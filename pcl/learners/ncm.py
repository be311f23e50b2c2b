"""Nearest class mean: running sums of each class, a query goes to the closest mean.

Sums commute, so what it knows never depends on the order of the stream.
Source: Mensink, Verbeek, Perronnin and Csurka (2013), doi:10.1109/TPAMI.2013.83.
"""

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl.learners.inputs import masked_vectors, targets, vectors
from pcl.types import Batch, Info, Learner, Prediction, Spec

UNSEEN = -1e30  # score of a label without a mean: below any distance, yet finite


@struct.dataclass
class HParams:
    """Nearest class mean has no number to set."""


class NCMState(NamedTuple):
    """Sum and number of the inputs of each label."""

    total: Float[Array, "C D"]
    size: Float[Array, " C"]


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> int:
    """Floating-point operations a learned sample: its distance to every mean, and its own sum."""
    return 2 * math.prod(spec.input_shape) * spec.num_labels + math.prod(spec.input_shape)


def make(spec: Spec) -> Learner:
    """Class means for inputs and labels as announced in `spec`."""

    def init(key: PRNGKeyArray, hp: HParams) -> NCMState:
        total_CD = jnp.zeros((spec.num_labels, math.prod(spec.input_shape)))
        return NCMState(total_CD, jnp.zeros(spec.num_labels))

    def predict(state: NCMState, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        mean_CD = state.total / jnp.maximum(state.size, 1)[:, None]
        # -1/2 |x - mean|^2 without the |x|^2 that all labels share
        score_BC = vectors(x) @ mean_CD.T - 0.5 * jnp.sum(mean_CD**2, axis=1)
        return Prediction(jnp.where(state.size > 0, score_BC, UNSEEN))

    def update(state: NCMState, batch: Batch, hp: HParams) -> tuple[NCMState, Info]:
        member_BC = targets(batch, spec)
        total_CD = state.total + member_BC.T @ masked_vectors(batch)
        return NCMState(total_CD, state.size + member_BC.sum(0)), Info()

    return Learner(init, predict, update)
