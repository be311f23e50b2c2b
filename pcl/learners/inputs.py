"""What learners do to a batch before they learn from it."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.types import Batch, HParams, Info, Learner, Prediction, Spec


def vectors(x: Float[Array, "B ..."]) -> Float[Array, "B D"]:
    """Inputs as vectors."""
    return x.reshape(x.shape[0], -1)


def masked_vectors(batch: Batch) -> Float[Array, "B D"]:
    """The batch's inputs as vectors, padding set to zero so that nothing in it can spread."""
    return jnp.where(batch.valid[:, None], vectors(batch.x), 0.0)


def teaching_rows(batch: Batch) -> Bool[Array, " B"]:
    """Rows that are no padding and carry a label."""
    return batch.valid & batch.labelled


def skipping(rule: Learner) -> Learner:
    """`rule`, to which rows whose squares are not finite never arrive; they are counted (`Info.skipped`)."""

    def update(state: Any, batch: Batch, hp: HParams) -> tuple[Any, Info]:
        finite_B = jnp.isfinite(jnp.sum(vectors(batch.x) ** 2, axis=1))
        x = jnp.where(finite_B[:, None], vectors(batch.x), 0.0).reshape(batch.x.shape)
        state, info = rule.update(state, batch._replace(x=x, valid=batch.valid & finite_B), hp)
        return state, info._replace(skipped=(batch.valid & ~finite_B).sum().astype(jnp.float32))

    return Learner(rule.init, rule.predict, update)


def targets(batch: Batch, spec: Spec) -> Float[Array, "B C"]:
    """Labels as one-hot rows, or the real targets; a row that does not teach is zero."""
    y = batch.y if spec.num_targets else jax.nn.one_hot(batch.y, spec.num_labels)
    return jnp.where(teaching_rows(batch)[:, None], y, 0.0)


def no_targets(spec: Spec, n: int) -> Int[Array, " n"] | Float[Array, "n C"]:
    """Room for `n` labels or rows of real targets."""
    return jnp.zeros((n, spec.num_targets)) if spec.num_targets else jnp.zeros(n, jnp.int32)


def answer(spec: Spec, output_BC: Float[Array, "B C"]) -> Prediction:
    """What the activity of an output layer says: log-probabilities of labels, or means of real targets.

    For one-hot labels under a Gaussian output of unit variance, -1/2 |y - a|^2 is a_y up to a constant.
    """
    return Prediction(mean=output_BC) if spec.num_targets else Prediction(logits=output_BC)


def mean_weights(batch: Batch) -> Float[Array, " B"]:
    """Weights that make a weighted sum the mean over the rows that teach (all zero if none does)."""
    teaches = teaching_rows(batch)
    return teaches / jnp.maximum(teaches.sum(), 1)
