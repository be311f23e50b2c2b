"""The raw record of one run: few dense arrays from which every metric is computed afterwards."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.types import Batch, Layout, Prediction


class Record(NamedTuple):
    """What one run leaves behind. P probes, G groups, V visits, N bins of `log_every` steps, R revisiting steps.

    Log entries are sums over the samples of a bin, so that bins add up; divide by `seen` or `taught`.
    A quantity that the learner does not report, or the evaluation does not ask for, is None.
    """

    probe_accuracy: Float[Array, "P G"]  # of each group of held-out samples
    group_count: Int[Array, " G"]  # held-out samples in each group
    group_task: Int[Array, " G"]
    visit_start: Int[Array, " V"]
    visit_task: Int[Array, " V"]
    seen: Float[Array, " N"]  # samples that arrived
    taught: Float[Array, " N"]  # of these, samples with a label
    hits: Float[Array, " N"]  # samples predicted correctly before they were learned from
    surprise: Float[Array, " N"] | None
    energy: Float[Array, " N"] | None
    inference_steps: Float[Array, " N"] | None
    revisit_accuracy: Float[Array, "G R"] | None  # of the samples of each step, predicted before they are learned from
    diverged_at: Int[Array, ""]  # first step with a number that is not finite; `steps` if only the last state; -1


def log_every(steps: int, bins: int) -> int:
    """Steps a bin, the fewest that keep a log of `steps` within `bins` bins."""
    return -(-steps // bins)


def binned(per_step: Float[Array, " steps"], every: int) -> Float[Array, " N"]:
    """Sums over bins of `every` steps; the last bin may be shorter."""
    padding = -per_step.shape[0] % every
    return jnp.pad(per_step, (0, padding)).reshape(-1, every).sum(1)


def hits(prediction: Prediction, batch: Batch, layout: Layout) -> Bool[Array, " B"]:
    """Whether the likeliest label is right; task-incremental scores choose among the task's labels."""
    logits = prediction.logits
    if layout.allowed is not None:
        logits = jnp.where(layout.allowed[batch.task], logits, -jnp.inf)
    return (jnp.argmax(logits, axis=-1) == batch.y) & batch.valid


def group_accuracy(hit: Bool[Array, " B"], group: Int[Array, " B"], n_groups: int) -> Float[Array, " G"]:
    """Share of hits among the samples of each group; a group without samples scores 0."""
    correct = jax.ops.segment_sum(hit.astype(jnp.float32), group, n_groups)
    return correct / jnp.maximum(jnp.bincount(group, length=n_groups), 1)
