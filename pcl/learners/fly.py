"""FlyModel: a sparse random expansion; only the strongest cells learn, and only for the label of the sample.

An input is scaled to lie between 0 and 1. Each cell adds up a share `reads` of its entries, drawn once. The share
`active` of cells with the largest sums stays, divided by the largest, and all others are 0. The weights of the label's
output from these cells grow by `lr` times their activity, up to 1, and no other weight changes (partial freezing), so
that classes do not interfere but through the cells that they share. Every weight is a sum, cut off at 1: order does not
matter.
Source: Shen, Dasgupta and Navlakha (2023), doi:10.1162/neco_a_01615, arXiv:2107.07617: 3,200 cells that read
10 of 84 entries, 5 % of them active, `lr` 0.01; they take features of a network instead of pixels.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import Traced, static, traced
from pcl.learners.inputs import masked_vectors, targets, vectors
from pcl.types import Batch, Info, Learner, LearnerEntry, Prediction, Spec

ROWS = 16  # inputs that are expanded together


@struct.dataclass
class HParams:
    """Hyper-parameters of the expansion and of its synapses."""

    random_features: int = static(3200, "number of random features", low=1)
    reads: float = static(0.12, "share of the input entries that each cell reads (at least one entry)", low=0, high=1)
    active: float = static(0.05, "share of cells that are active", low=0, high=1)
    lr: Traced = traced(0.01, "learning rate of the weights", low=0)


class State(NamedTuple):
    """The entries that each cell reads, and the weights of each label."""

    reads: Int[Array, "H fan_in"]
    w: Float[Array, "H C"]


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> int:
    """Floating-point operations per learned sample: the cells' sums, the output, and the change of its weights."""
    return hp.random_features * (fan_in(spec, hp) + 2 * spec.num_labels + 2)


def fan_in(spec: Spec, hp: HParams) -> int:
    """Entries that a cell reads."""
    return max(1, round(hp.reads * math.prod(spec.input_shape)))


def cells(reads: Int[Array, "H fan_in"], x: Float[Array, "B ..."], active: float) -> Float[Array, "B H"]:
    """Activities of the cells, of which the largest is 1; all are 0 for an input of one value.

    Cells that share the last place among the active ones are active, too.

    Raises:
      UsageError: no cell would be active.
    """
    kept = round(active * len(reads))
    if not kept:
        raise UsageError(f"active={active}: of {len(reads)} cells none would be active; raise it or random_features")
    x_BD = vectors(x)
    low_B1, high_B1 = x_BD.min(1, keepdims=True), x_BD.max(1, keepdims=True)
    unit_BD = (x_BD - low_B1) / jnp.where(high_B1 > low_B1, high_B1 - low_B1, 1.0)
    # A few rows at a time: the entries that the cells read of a row take many times its memory.
    sums_BH = jax.lax.map(lambda unit_D: unit_D[reads].sum(1), unit_BD, batch_size=ROWS)
    least_B1 = jax.lax.top_k(sums_BH, kept)[0][:, -1:]
    strongest_B1 = sums_BH.max(1, keepdims=True)
    return jnp.where(sums_BH >= least_B1, sums_BH, 0.0) / jnp.where(strongest_B1 > 0, strongest_B1, 1.0)


def make(spec: Spec) -> Learner:
    """The FlyModel for inputs and labels as announced in `spec`."""

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        inputs = math.prod(spec.input_shape)

        def drawn(key: PRNGKeyArray) -> Int[Array, " fan_in"]:
            return jax.random.permutation(key, inputs)[: fan_in(spec, hp)]

        reads = jax.lax.map(drawn, jax.random.split(key, hp.random_features), batch_size=256)
        return State(reads, jnp.zeros((hp.random_features, spec.num_labels)))

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return Prediction(logits=cells(state.reads, x, hp.active) @ state.w)

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        active_BH = cells(state.reads, masked_vectors(batch), hp.active)
        # Weights only grow, so clipping them once a batch is enough.
        w = jnp.minimum(state.w + hp.lr * active_BH.T @ targets(batch, spec), 1.0)
        return State(state.reads, w), Info(Prediction(logits=active_BH @ state.w))

    return Learner(init, predict, update)


ENTRY = LearnerEntry(
    make, HParams(), "sparse random expansion with partial freezing (FlyModel)", flops, local=True, label="FlyModel"
)
