"""Fading class means: a query is assigned to the nearest mean; old samples of a class lose weight exponentially."""

from typing import NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array

from pcl.fields import Traced, traced
from pcl.learners.inputs import masked_vectors, targets
from pcl.types import Batch, Info, Learner, LearnerEntry, Prediction, Spec


@struct.dataclass
class HParams:
    """Numbers of the learner. A traced one may be swept without another compilation."""

    forget: Traced = traced(0.05, "weight of a new sample of a class in the mean of that class", low=0, high=1)


class State(NamedTuple):
    """Everything that the learner keeps."""

    mean: Array  # of the inputs of each class [C, D]


def make(spec: Spec) -> Learner:
    """The learner for a stream that announces `spec`."""

    def init(key: Array, hp: HParams) -> State:
        size = jnp.zeros(spec.input_shape).size
        return State(jnp.zeros((spec.num_labels, size)))

    def predict(state: State, x: Array, hp: HParams) -> Prediction:
        x_BD = x.reshape(len(x), -1)
        return Prediction(logits=x_BD @ state.mean.T - 0.5 * jnp.sum(state.mean**2, axis=1))

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        member_BC = targets(batch, spec)  # one-hot; rows without a label or that are padding are zero
        count_C = member_BC.sum(0)
        new_CD = member_BC.T @ masked_vectors(batch) / jnp.maximum(count_C, 1)[:, None]
        weight_C = 1 - (1 - hp.forget) ** count_C
        return State(state.mean + weight_C[:, None] * (new_CD - state.mean)), Info()

    return Learner(init, predict, update)


def flops(spec: Spec, hp: HParams, inference_steps: float, batch: int) -> float:
    """Floating-point operations per learned sample: its distance to every mean, and its share of one."""
    size = jnp.zeros(spec.input_shape).size
    return 2.0 * size * spec.num_labels + 2 * size


ENTRY = LearnerEntry(make, HParams(), "fading class means", flops, local=True, label="fading means")
