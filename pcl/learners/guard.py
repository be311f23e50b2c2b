"""Checks around a learner: invalid settings and batches are refused; products have the precision of the run."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pcl.errors import UsageError
from pcl.fields import check_all
from pcl.products import as_asked
from pcl.types import Batch, HParams, Learner, Spec


def guarded(learner: Learner, spec: Spec, defaults: HParams) -> Learner:
    """`learner`, restricted to admissible settings and to batches as `spec` announces them.

    Whatever JAX's global setting, its products are in float32, or in the precision of the run (`pcl.products`).

    The functions raise a `UsageError` for anything else. Types, strings, static numbers and shapes are always checked,
    values only outside of compiled functions.
    """

    def init(key: Any, hp: HParams) -> Any:
        check_all(hp, defaults)
        return learner.init(key, hp)

    def predict(state: Any, x: Any, hp: HParams) -> Any:
        check_all(hp, defaults)
        _check_inputs(spec, x)
        return learner.predict(state, x, hp)

    def update(state: Any, batch: Batch, hp: HParams) -> Any:
        check_all(hp, defaults)
        _check_batch(spec, batch)
        return learner.update(state, batch, hp)

    return Learner(as_asked(init), as_asked(predict), as_asked(update))


def untold(learner: Learner) -> Learner:
    """`learner`, to which every sample is of task 0: only learners whose entry says `told` see the true task."""

    def update(state: Any, batch: Batch, hp: HParams) -> Any:
        return learner.update(state, batch._replace(task=jnp.zeros_like(batch.task)), hp)

    return learner._replace(update=update)


def check_spec(spec: Spec) -> None:
    """Refuses a stream without inputs, or one that asks for neither labels nor real targets, or for both.

    Raises:
      UsageError: otherwise; the message says what would be right.
    """
    shape = spec.input_shape
    if not (isinstance(shape, tuple) and shape and all(isinstance(n, int) and n > 0 for n in shape)):
        raise UsageError(f"input_shape={shape}: give the shape of one input, as in (28, 28)")
    if min(spec.num_labels, spec.num_targets) < 0 or (spec.num_labels > 0) == (spec.num_targets > 0):
        asked = f"num_labels={spec.num_labels}, num_targets={spec.num_targets}"
        raise UsageError(f"{asked}: give a number of labels or of real targets, and 0 for the other")


def _check_inputs(spec: Spec, x: Any) -> None:
    if np.ndim(x) < 1 or math.prod(np.shape(x)[1:]) != math.prod(spec.input_shape):
        raise UsageError(f"inputs have shape {np.shape(x)}; expected [B, {', '.join(map(str, spec.input_shape))}]")


def _check_batch(spec: Spec, batch: Batch) -> None:
    _check_inputs(spec, batch.x)
    rows = (len(batch.x),)
    wanted = {"y": (*rows, spec.num_targets) if spec.num_targets else rows, "labelled": rows, "valid": rows}
    for name, shape in wanted.items():
        if np.shape(getattr(batch, name)) != shape:
            raise UsageError(f"{name} has shape {np.shape(getattr(batch, name))}; expected {shape}")
    if spec.num_targets:
        return
    if not jnp.issubdtype(jnp.result_type(batch.y), jnp.integer):
        raise UsageError(f"labels are {jnp.result_type(batch.y)}; expected whole numbers")
    if any(isinstance(leaf, jax.core.Tracer) for leaf in (batch.y, batch.labelled, batch.valid)):
        return
    taught = np.asarray(batch.y)[np.asarray(batch.labelled) & np.asarray(batch.valid)]
    if ((taught < 0) | (taught >= spec.num_labels)).any():
        raise UsageError(f"labels reach from {taught.min()} to {taught.max()}; expected 0 to {spec.num_labels - 1}")
