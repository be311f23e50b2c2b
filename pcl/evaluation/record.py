"""The raw record of one run: few dense arrays from which every metric is computed afterwards."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.types import Batch, Layout, Prediction


class Record(NamedTuple):
    """What one run leaves behind. P probes, G groups, V visits, N bins of `log_every` steps, R revisiting steps,
    S contexts that the learner may tell apart.

    Log entries are sums over the samples of a bin, so that bins add up; divide by `seen` or `taught`.
    A quantity that the learner does not report, or the evaluation does not ask for, is None.
    """

    probe_accuracy: Float[Array, "P G"]  # mean score of each group of held-out samples
    group_count: Int[Array, " G"]  # held-out samples in each group
    group_task: Int[Array, " G"]
    visit_start: Int[Array, " V"]
    visit_task: Int[Array, " V"]
    seen: Float[Array, " N"]  # samples that arrived
    taught: Float[Array, " N"]  # of these, samples with a label that the learner had time to learn from
    hits: Float[Array, " N"]  # scores before learning: samples predicted correctly, or explained variance
    confidence: Float[Array, " 10"]  # sum over labelled predictions of the probability of the answer given
    confident_hits: Float[Array, " 10"]  # of these, right ones
    confident: Float[Array, " 10"]  # their number; the ten bins are tenths of probability
    surprise: Float[Array, " N"] | None
    input_surprise: Float[Array, " N"] | None  # over the samples that arrived
    energy: Float[Array, " N"] | None
    inference_steps: Float[Array, " N"] | None
    residual: Float[Array, " N"] | None  # what inference left of the activity gradient, relative to its first
    belief: Float[Array, "N S"] | None  # mean probability of each context over the steps of a bin, to three decimals
    contexts: Float[Array, " N"] | None  # found by the end of a bin
    refused: Float[Array, " N"] | None  # times that a context was asked for and there was no room for it
    merged: Float[Array, " N"] | None  # contexts that became part of another
    split: Float[Array, " N"] | None  # contexts that became two
    skipped: Float[Array, " N"] | None  # samples that were not finite
    revisit_accuracy: Float[Array, "G R"] | None  # of the samples of each step, predicted before they are learned from
    diverged_at: Int[Array, ""]  # first step that raised the energy or is not finite; `steps`: the last state; -1: none
    inference_diverged: Bool[Array, ""]  # it was inference: from a finite energy to a higher one, or none


def log_every(steps: int, bins: int) -> int:
    """Steps a bin, the fewest that keep a log of `steps` within `bins` bins."""
    return -(-steps // bins)


def binned(per_step: Float[Array, " steps"], every: int) -> Float[Array, " N"]:
    """Sums over bins of `every` steps; the last bin may be shorter."""
    padding = -per_step.shape[0] % every
    return jnp.pad(per_step, (0, padding)).reshape(-1, every).sum(1)


def bin_mean(per_step: Float[Array, "steps S"], every: int) -> Float[Array, "N S"]:
    """Means over bins of `every` steps, to three decimals, which is all that a record keeps."""
    count_N = binned(jnp.ones(len(per_step)), every)
    return jnp.round(jax.vmap(binned, (1, None), 1)(per_step, every) / count_N[:, None], 3)


def bin_last(per_step: Float[Array, " steps"], every: int) -> Float[Array, " N"]:
    """The last value of each bin of `every` steps."""
    ends = jnp.minimum(jnp.arange(every, per_step.shape[0] + every, every), per_step.shape[0]) - 1
    return per_step[ends]


def scores(prediction: Prediction, batch: Batch, layout: Layout) -> Float[Array, " B"]:
    """1 where the likeliest label is right, else 0; for real targets 1 - (mean over them of the squared error).

    Real targets have about unit variance, so that their mean score is the share of variance explained: 1 is
    perfect, 0 is as good as their mean. No sample scores below -1, lest a few outliers outweigh a stream.
    Task-incremental scores choose among the task's labels. Padding scores 0.
    """
    if prediction.mean is not None:
        score = jnp.maximum(1 - jnp.mean((batch.y - prediction.mean) ** 2, axis=-1), -1)
    else:
        score = (jnp.argmax(_allowed_logits(prediction, batch, layout), axis=-1) == batch.y).astype(jnp.float32)
    return jnp.where(batch.valid, score, 0.0)


def confidence(prediction: Prediction, batch: Batch, layout: Layout) -> Float[Array, "3 10"]:
    """Sums over the valid rows of the answer's probability, of hits, and of 1, in ten bins of the probability.

    Real targets have no such probability: all zero.
    """
    if prediction.mean is not None:
        return jnp.zeros((3, 10))
    probability = jax.nn.softmax(_allowed_logits(prediction, batch, layout)).max(-1)
    bin_B10 = jax.nn.one_hot(jnp.minimum((10 * probability).astype(jnp.int32), 9), 10) * batch.valid[:, None]
    return jnp.stack([probability, scores(prediction, batch, layout), jnp.ones_like(probability)]) @ bin_B10


def _allowed_logits(prediction: Prediction, batch: Batch, layout: Layout) -> Float[Array, "B C"]:
    logits = prediction.logits
    assert logits is not None
    return logits if layout.allowed is None else jnp.where(layout.allowed[batch.task], logits, -jnp.inf)


def group_mean(score: Float[Array, " B"], group: Int[Array, " B"], n_groups: int) -> Float[Array, " G"]:
    """Mean score of the samples of each group; a group without samples scores 0."""
    total = jax.ops.segment_sum(score, group, n_groups)
    return total / jnp.maximum(jnp.bincount(group, length=n_groups), 1)
