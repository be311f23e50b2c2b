"""Preparation of batches that learners share: vectors, masks, targets, weights."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, Num

from pcl.types import Batch, HParams, Info, Learner, Logged, Prediction, Spec


def vectors(x: Float[Array, "B ..."]) -> Float[Array, "B D"]:
    """Inputs as vectors."""
    return x.reshape(x.shape[0], -1)


def masked_vectors(batch: Batch) -> Float[Array, "B D"]:
    """The batch's inputs as vectors, padding set to zero so that nothing in it can spread."""
    return jnp.where(batch.valid[:, None], vectors(batch.x), 0.0)


def teaching_rows(batch: Batch) -> Bool[Array, " B"]:
    """Rows that are no padding and have a label."""
    return batch.valid & batch.labelled


def switched(batch: Batch, task: Int[Array, ""]) -> tuple[Bool[Array, ""], Int[Array, ""]]:
    """Whether a batch begins another task than `task` (none yet: -1), and the task after the batch.

    The first row that is no padding decides, so that tasks must take turns.
    """
    some, now = batch.valid.any(), batch.task[jnp.argmax(batch.valid)]
    return some & (now != task) & (task >= 0), jnp.where(some, now, task)


def finite_rows(batch: Batch) -> Bool[Array, " B"]:
    """Rows whose inputs, and real targets if there are any, have finite squares."""
    finite_B = jnp.isfinite(jnp.sum(vectors(batch.x) ** 2, axis=1))
    if jnp.issubdtype(batch.y.dtype, jnp.floating):
        finite_B &= jnp.isfinite(jnp.sum(batch.y**2, axis=1))
    return finite_B


def skipping(rule: Learner) -> Learner:
    """`rule`, with rows that are not finite turned into padding, and counted (`skipped`).

    For an input that is not finite all labels are predicted to be equally likely, or real targets to be 0.
    """

    def predict(state: Any, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        finite_B = jnp.isfinite(jnp.sum(vectors(x) ** 2, axis=1))
        return _silent(rule.predict(state, _only(finite_B, x), hp), finite_B)

    def update(state: Any, batch: Batch, hp: HParams) -> tuple[Any, Info]:
        finite_B = finite_rows(batch)
        x, y = _only(finite_B, batch.x), _only(finite_B, batch.y)
        state, info = rule.update(state, batch._replace(x=x, y=y, valid=batch.valid & finite_B), hp)
        prediction = None if info.prediction is None else _silent(info.prediction, finite_B)
        log = info.log | {"skipped": Logged((batch.valid & ~finite_B).sum(), "count")}
        return state, info._replace(prediction=prediction, log=log)

    return Learner(rule.init, predict, update)


def _only(rows_B: Bool[Array, " B"], x: Num[Array, "B ..."]) -> Num[Array, "B ..."]:
    """`x`, zero outside some rows."""
    return jnp.where(rows_B.reshape(-1, *(1,) * (x.ndim - 1)), x, 0)


def _silent(prediction: Prediction, finite_B: Bool[Array, " B"]) -> Prediction:
    """`prediction`, in which rows that are not finite have equal logits, or mean 0."""
    logits, mean = (None if part is None else _only(finite_B, part) for part in (prediction.logits, prediction.mean))
    return prediction._replace(logits=logits, mean=mean)


def targets(batch: Batch, spec: Spec) -> Float[Array, "B C"]:
    """Labels as one-hot rows, or the real targets; a row that does not teach is zero."""
    y = batch.y if spec.num_targets else jax.nn.one_hot(batch.y, spec.num_labels)
    return jnp.where(teaching_rows(batch)[:, None], y, 0.0)


def no_targets(spec: Spec, n: int) -> Int[Array, " n"] | Float[Array, "n C"]:
    """Room for `n` labels or rows of real targets."""
    return jnp.zeros((n, spec.num_targets)) if spec.num_targets else jnp.zeros(n, jnp.int32)


def answer(spec: Spec, output_BC: Float[Array, "B C"]) -> Prediction:
    """The prediction by the activity of an output layer: log-probabilities of labels, or means of real targets.

    For one-hot labels under a Gaussian output of unit variance, -1/2 |y - a|^2 is a_y up to a constant.
    """
    return Prediction(mean=output_BC) if spec.num_targets else Prediction(logits=output_BC)


def mean_weights(batch: Batch) -> Float[Array, " B"]:
    """Weights that make a weighted sum the mean over the rows that teach (all zero if none does)."""
    teaches = teaching_rows(batch)
    return teaches / jnp.maximum(teaches.sum(), 1)
