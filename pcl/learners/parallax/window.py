"""The window: samples that are not learned yet, and the evidence for each explanation of them.

Evidence is summed from the first doubtful sample on, relative to the current context. It is counted for each known
context, and for two shadows that begin with the window: a new map over the current sensor, and a new sensor, a density
that learns from the window alone. Where contexts fade into each other a window holds samples of several. Therefore one
more explanation is a mixture of the known contexts, each weighted by the number of samples that it has explained best.
The new map is a further component of that mixture: it learns only the samples that it explains better than they do.

A shadow is scored on each sample before it learns it. Its sum is thus a prequential marginal likelihood, in which the
price of learning is included (Dawid (1984), doi:10.2307/2981683). The ratio of two of them exceeds e^h by chance with a
probability of at most e^-h (Ville's inequality): the meaning of a threshold of h nats.

Only labels that are mature in the current context are evidence for a shadow. An unseen or young label is taken for a
new class, not for a change of context.

A window of `lag` samples is full, and some context learns it. A window that makes a new sensor likely is kept for up to
`numbers.LONGEST` times as long, because a sensor that learns samples of another one adapts to them.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import numbers
from pcl.learners.parallax.contexts import names as maps
from pcl.learners.parallax.contexts.names import Map
from pcl.learners.parallax.rows import once_seen, read
from pcl.learners.parallax.student import student


class Shadow(NamedTuple):
    """A new sensor: means of labels and one covariance from an isotropic prior."""

    size: Float[Array, " C"]
    mean: Float[Array, "C D"]
    steps: Float[Array, "R D"]  # rows v of the inverse of prior plus scatter, I / prior - sum v v^T
    logdet: Float[Array, ""]
    samples: Float[Array, ""]


class Window(NamedTuple):
    """Samples held back, and sums over them; evidence is relative to the current context, in nats."""

    code: Float[Array, "R D"]
    label: Int[Array, " R"]
    size: Int[Array, ""]
    known: Float[Array, " S"]  # evidence for each context
    mixed: Float[Array, ""]  # for a mixture of them
    new_map: Float[Array, ""]  # and for one that a new map is part of
    explained: Float[Array, " T"]  # samples that each context, or the new map (the last of T = S + 1), explains best
    new_sensor: Float[Array, ""]
    guess: Float[Array, ""]  # for an unknown sensor: its labels are guessed, its inputs not counted
    typicality: Float[Array, " S"]  # of the inputs with mature labels, summed
    judged: Float[Array, " S"]  # number of these
    mature: Float[Array, ""]  # samples whose label is mature in the current context
    shadow: Shadow
    names: Map  # of the new map: a row for each label, at the place of its first sample


class Evidence(NamedTuple):
    """The terms of one sample in the sums of the window."""

    known: Float[Array, " S"]
    mixed: Float[Array, ""]
    new_map: Float[Array, ""]
    best: Int[Array, ""]  # which context, or S for the new map, explains the sample best
    new_sensor: Float[Array, ""]
    guess: Float[Array, ""]
    typicality: Float[Array, " S"]
    judged: Bool[Array, " S"]
    mature: Bool[Array, ""]


def empty(slots: int, size: int, latents: int, labels: int, inputs: int) -> Window:
    """A window without samples and without evidence."""
    zero, zero_S, rows = jnp.zeros(()), jnp.zeros(slots), numbers.LONGEST * size
    variance = numbers.PRIOR_SAMPLES * numbers.WITHIN
    shadow = Shadow(
        size=jnp.zeros(labels),
        mean=jnp.zeros((labels, inputs)),
        steps=jnp.zeros((rows, inputs)),
        logdet=zero + inputs * math.log(variance),
        samples=zero + numbers.PRIOR_SAMPLES,
    )
    return Window(
        code=jnp.zeros((rows, inputs)),
        label=jnp.zeros(rows, jnp.int32),
        size=jnp.zeros((), jnp.int32),
        known=zero_S,
        mixed=zero,
        new_map=zero,
        explained=jnp.zeros(slots + 1),
        new_sensor=zero,
        guess=zero,
        typicality=zero_S,
        judged=zero_S,
        mature=zero,
        shadow=shadow,
        names=maps.empty(latents, rows),
    )


def hold(
    window: Window,
    code: Float[Array, " D"],
    label: Int[Array, ""],
    posterior_L: Float[Array, " L"],
    evidence: Evidence,
) -> Window:
    """The window with one more sample, learned by its shadows; `posterior` is of latents of the present sensor."""
    row, none = place(window, label), jnp.full((), -1, jnp.int32)
    left_L = jnp.where(window.names.met[row] > 0, window.names.votes[row], 0.0)  # left by an earlier window
    names = window.names._replace(votes=window.names.votes.at[row].set(left_L))
    names = maps.count(jax.tree.map(lambda leaf: leaf[None], names), jnp.zeros((), int), row, none, posterior_L)
    renamed = evidence.best == len(window.known)
    label_seen = once_seen(label, len(window.shadow.size), evidence.known, evidence.new_sensor)
    return Window(
        code=window.code.at[window.size].set(code),
        label=window.label.at[window.size].set(label),
        size=window.size + 1,
        known=window.known + evidence.known,
        mixed=window.mixed + evidence.mixed,
        new_map=window.new_map + evidence.new_map,
        explained=window.explained.at[evidence.best].add(1.0),
        new_sensor=window.new_sensor + evidence.new_sensor,
        guess=window.guess + evidence.guess,
        typicality=window.typicality + evidence.typicality * evidence.judged,
        judged=window.judged + evidence.judged,
        mature=window.mature + evidence.mature,
        shadow=_learn(window.shadow, window.size, code, label_seen),
        names=jax.tree.map(lambda leaf, old: jnp.where(renamed, leaf[0], old), names, window.names),
    )


def place(window: Window, label: Int[Array, ""]) -> Int[Array, ""]:
    """The row of a label among the names of the new map: an empty one if no sample of it is held."""
    of_label_R = (window.label == label) & (jnp.arange(len(window.label)) < window.size)
    return jnp.where(of_label_R.any(), jnp.argmax(of_label_R).astype(jnp.int32), window.size)


def shadow_density(window: Window, code: Float[Array, " D"], label: Int[Array, ""]) -> Float[Array, ""]:
    """log p(code | label) under the new sensor; a label without samples has the mean of all samples, and is wider."""
    inputs, shadow = len(code), window.shadow
    met = shadow.size[label] > 0
    centre = shadow.size @ shadow.mean / jnp.maximum(shadow.size.sum(), 1)
    off = code - jnp.where(met, read(shadow.mean, label), centre)
    square = shadow.samples * (off @ _spread(shadow, window.size, off))
    logdet = shadow.logdet - inputs * jnp.log(shadow.samples)
    widening = 1 + jnp.where(met, 1 / jnp.maximum(shadow.size[label], 1), 1.0)
    return student(square, logdet, widening, jnp.asarray(numbers.FREEDOM), inputs)


def _learn(shadow: Shadow, held: Int[Array, ""], code: Float[Array, " D"], label: Int[Array, ""]) -> Shadow:
    before = shadow.size[label]
    mean = jnp.where(before > 0, read(shadow.mean, label), 0.0)  # else left by an earlier window
    off = code - mean
    deviation = jnp.sqrt(before / (before + 1)) * off
    spread = _spread(shadow, held, deviation)
    grown = 1 + deviation @ spread
    return Shadow(
        size=shadow.size.at[label].add(1.0),
        mean=shadow.mean.at[label].set(mean + off / (before + 1)),
        steps=shadow.steps.at[held].set(spread / jnp.sqrt(grown)),
        logdet=shadow.logdet + jnp.log(grown),
        samples=shadow.samples + (before > 0),
    )


def _spread(shadow: Shadow, held: Int[Array, ""], off: Float[Array, " D"]) -> Float[Array, " D"]:
    """The inverse of prior plus scatter, times a deviation; O(R D), because there are R samples at most."""
    along_R = jnp.where(jnp.arange(len(shadow.steps)) < held, shadow.steps @ off, 0.0)
    return off / (numbers.PRIOR_SAMPLES * numbers.WITHIN) - along_R @ shadow.steps


def cleared(window: Window, emptied: Bool[Array, ""]) -> Window:
    """The window without samples and evidence, where it is emptied.

    Arrays keep their values; sizes of 0 mark them as unused.
    """
    (rows, inputs), latents = window.code.shape, window.names.votes.shape[1]
    fresh = empty(len(window.known), rows // numbers.LONGEST, latents, len(window.shadow.size), inputs)
    names = fresh.names._replace(votes=window.names.votes)
    shadow = fresh.shadow._replace(mean=window.shadow.mean, steps=window.shadow.steps)
    blank = fresh._replace(code=window.code, label=window.label, names=names, shadow=shadow)
    return jax.tree.map(lambda new, old: jnp.where(emptied, new, old), blank, window)
