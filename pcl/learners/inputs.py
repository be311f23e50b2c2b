"""What learners do to a batch before they learn from it."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from pcl.types import Batch, Spec


def vectors(x: Float[Array, "B ..."]) -> Float[Array, "B D"]:
    """Inputs as vectors."""
    return x.reshape(x.shape[0], -1)


def masked_vectors(batch: Batch) -> Float[Array, "B D"]:
    """The batch's inputs as vectors, padding set to zero so that nothing in it can spread."""
    return jnp.where(batch.valid[:, None], vectors(batch.x), 0.0)


def teaching_rows(batch: Batch) -> Bool[Array, " B"]:
    """Rows that are no padding and carry a label."""
    return batch.valid & batch.labelled


def one_hot_targets(batch: Batch, spec: Spec) -> Float[Array, "B C"]:
    """Labels as one-hot rows; a row that does not teach is zero."""
    return jnp.where(teaching_rows(batch)[:, None], jax.nn.one_hot(batch.y, spec.num_labels), 0.0)


def mean_weights(batch: Batch) -> Float[Array, " B"]:
    """Weights that make a weighted sum the mean over the rows that teach (all zero if none does)."""
    teaches = teaching_rows(batch)
    return teaches / jnp.maximum(teaches.sum(), 1)
