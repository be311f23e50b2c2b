"""The raw record of one run: a few dense arrays from which every metric is computed afterwards."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.types import Batch, Layout, Logged, Prediction


class Record(NamedTuple):
    """The result of one run. P probes, G groups, V visits, N bins of `log_every` steps, R revisiting steps.

    Sums over the samples of a bin add up over bins; divide by `seen` or `taught`.
    """

    probe_accuracy: Float[Array, "P G"]  # mean score of each group of held-out samples; NaN where a probe drew none
    group_count: Int[Array, " G"]  # held-out samples in each group, drawn by a probe or not
    group_task: Int[Array, " G"]
    visit_start: Int[Array, " V"]
    visit_task: Int[Array, " V"]
    seen: Float[Array, " N"]  # samples that arrived, and whose target can be scored
    taught: Float[Array, " N"]  # of these, samples with a label that the learner had time to learn from
    hits: Float[Array, " N"]  # scores before learning: samples predicted correctly, or explained variance
    confidence: Float[Array, " 10"]  # sum over answers of the probability that the learner gave them
    confident_hits: Float[Array, " 10"]  # of these, right ones
    confident: Float[Array, " 10"]  # their number; the ten bins are tenths of probability
    logged: dict[str, Logged]  # the learner's own log: [N, ...], sums where it is a mean over samples
    revisit_accuracy: Float[Array, "G R"] | None  # of the samples of each step, predicted before they are learned from
    diverged_at: Int[Array, ""]  # first step that raised the energy or is not finite; `steps`: final state; -1: none
    inference_diverged: Bool[Array, ""]  # whether inference ended at a higher energy than it began at, or not finite


class Confidence(NamedTuple):
    """Predictions in ten bins of the probability that the learner gave them.

    The sum of probabilities is compensated (Kahan (1965), doi:10.1145/363707.363723): its relative error stays below
    2^-22, however many are added. Counts are exact up to 2^31 predictions per run.
    """

    total: Float[Array, " 10"]  # of probabilities
    missing: Float[Array, " 10"]  # rounding error of `total` so far
    hits: Int[Array, " 10"]
    answers: Int[Array, " 10"]


def log_every(steps: int, bins: int) -> int:
    """Steps per bin: the smallest number that keeps a log of `steps` within `bins` bins."""
    return -(-steps // bins)


def binned(per_step: Float[Array, "steps ..."], every: int) -> Float[Array, "N ..."]:
    """Sums over bins of `every` steps; the last bin may be shorter.

    XLA adds in a tree, so that a bin of 4 x 10^5 steps is accurate to 10^-5; whole numbers are exact up to 2^24 per
    bin.
    """
    if per_step.ndim > 1:
        return jax.vmap(binned, (-1, None), -1)(per_step, every)
    padding = -per_step.shape[0] % every
    return jnp.pad(per_step, (0, padding)).reshape(-1, every).sum(1)


def bin_mean(per_step: Float[Array, "steps ..."], every: int) -> Float[Array, "N ..."]:
    """Means over bins of `every` steps."""
    count_N = binned(jnp.ones(len(per_step)), every)
    return binned(per_step, every) / count_N.reshape(-1, *(1,) * (per_step.ndim - 1))


def bin_last(per_step: Float[Array, "steps ..."], every: int) -> Float[Array, "N ..."]:
    """The last value of each bin of `every` steps."""
    ends = jnp.minimum(jnp.arange(every, per_step.shape[0] + every, every), per_step.shape[0]) - 1
    return per_step[ends]


# How the steps of a bin become one number, by `Logged.per`.
BINNED: dict[str, Callable[[Array, int], Array]] = {
    "taught": binned,
    "seen": binned,
    "count": binned,
    "last": bin_last,
    "mean": bin_mean,
}


def by_bin(log: Mapping[str, Logged], every: int) -> dict[str, Logged]:
    """The log of each step, by bins of `every` steps."""

    def bins(logged: Logged) -> Array:
        value = BINNED[logged.per](logged.value, every)
        return value if logged.decimals is None else jnp.round(value, logged.decimals)

    return {name: dataclasses.replace(logged, value=bins(logged)) for name, logged in log.items()}


def scored(batch: Batch) -> Bool[Array, " B"]:
    """Rows that can be scored: no padding, and no target that is not finite."""
    known = jnp.isfinite(batch.y)
    return batch.valid & (known.all(-1) if known.ndim > 1 else known)


def scores(prediction: Prediction, batch: Batch, layout: Layout) -> Float[Array, " B"]:
    """1 where the likeliest label is right, else 0; for real targets 1 - (mean over them of the squared error).

    Real targets have about unit variance, so that their mean score is the share of variance explained: 1 is
    perfect, 0 is as good as their mean. No sample scores below -1, so that a few outliers do not outweigh a stream.
    Task-incremental scores choose among the task's labels. An answer that is not finite is a miss: 0, or -1.
    Rows that cannot be scored (`scored`) score 0.
    """
    if prediction.mean is not None:
        explained = 1 - jnp.mean((batch.y - prediction.mean) ** 2, axis=-1)
        score = jnp.where(explained > -1, explained, -1.0)  # comparison with NaN is false
    else:
        logits = _allowed_logits(prediction, batch, layout)
        score = (_answered(logits) & (jnp.argmax(logits, axis=-1) == batch.y)).astype(jnp.float32)
    return jnp.where(scored(batch), score, 0.0)


def unsure() -> Confidence:
    """Before the first answer."""
    return Confidence(jnp.zeros(10), jnp.zeros(10), jnp.zeros(10, jnp.int32), jnp.zeros(10, jnp.int32))


def confident(sure: Confidence, prediction: Prediction, batch: Batch, layout: Layout) -> Confidence:
    """`sure` and the answers to the rows that can be scored.

    An answer without a finite probability is left out; real targets have no such probability at all.
    """
    if prediction.mean is not None:
        return sure
    logits = _allowed_logits(prediction, batch, layout)
    probability = jnp.where(_answered(logits), jax.nn.softmax(logits).max(-1), 0.0)
    tenth = jnp.minimum((10 * probability).astype(jnp.int32), 9)
    # A sum, not a matrix product: a product may round its factors.
    of = (tenth[:, None] == jnp.arange(10)) & (scored(batch) & _answered(logits))[:, None]
    hit = scores(prediction, batch, layout)[:, None] > 0
    term = jnp.where(of, probability[:, None], 0.0).sum(0) - sure.missing
    total = sure.total + term
    return Confidence(total, (total - sure.total) - term, sure.hits + (of & hit).sum(0), sure.answers + of.sum(0))


def _answered(logits: Float[Array, "B C"]) -> Bool[Array, " B"]:
    """Rows of which no logit is NaN or infinite; labels that are ruled out have minus infinity."""
    return jnp.isfinite(logits.max(-1))


def _allowed_logits(prediction: Prediction, batch: Batch, layout: Layout) -> Float[Array, "B C"]:
    logits = prediction.logits
    assert logits is not None
    return logits if layout.allowed is None else jnp.where(layout.allowed[batch.task], logits, -jnp.inf)


def group_mean(score: Float[Array, " B"], group: Int[Array, " B"], n_groups: int) -> Float[Array, " G"]:
    """Mean score of the samples of each group; NaN for a group without samples."""
    count = jnp.bincount(group, length=n_groups)
    mean = jax.ops.segment_sum(score, group, n_groups) / jnp.maximum(count, 1)
    return jnp.where(count > 0, mean, jnp.nan)
