"""Streams of contexts: one source under transformations that change, and may come back, unannounced.

  permutation  one fixed permutation of the pixels per context (permuted MNIST: Goodfellow et al. (2014),
               arXiv:1312.6211)
  rotation     one fixed angle per context (rotated MNIST: Lopez-Paz and Ranzato (2017), arXiv:1706.08840)
  inversion    dark and light change places in the second of two contexts
  colour       the second of two contexts has colours; in the first all channels are their mean, nearly as for newborns:
               Vogelsang et al. (2024), doi:10.1126/science.adk9587
  weak         whitened principal coordinates are permuted, which leaves mean and covariance of the inputs unchanged
  labels       one fixed permutation of the labels per context; inputs do not depend on the context
  both         pixels and labels: contexts are the cells of a square, by row a permutation of the pixels, by column one
               of the labels, so that some share their inputs, others their labels

Context 0 is the unchanged source (without colours, for `colour`), and contexts are numbered by their first
visit: the transformations of the others are drawn from the key. The first visits show every context once; each later
one is drawn uniformly among the contexts other than the current one.

Visits of equal length are padded to whole steps, so that every visit holds exactly `dwell` samples. Those of
varying length are drawn per visit, then scaled so that all of them fill the same number of steps for every key.

Samples come in reshuffled passes over the source, whatever the context. With `dwell` as many samples as the
source has, each visit is one fresh pass; with `visits` = `contexts` on top, that is the classic permuted or
rotated benchmark.

A probe shows its held-out samples under every context, so its time and memory for inputs are `contexts` times those
on a split stream: limit it by `probe_size` and probe rarely. With `task_ends` (as many visits as contexts, neither
spread nor fade) all held-out samples are shown at each end.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import static
from pcl.streams.inputs import (
    Moments,
    exact,
    no_moments,
    pixel_moments,
    require_pixels,
    running_moments,
    standardise,
    standardised_by,
)
from pcl.streams.labels import LABELLING, label_budget, labelled_rows
from pcl.streams.sources import SOURCES, Source, fewer, samples
from pcl.streams.transforms import STUDIED, TRANSFORMS, Transform, n_pixels, side
from pcl.types import Batch, Layout, Schedule, Spec, Stream, StreamEntry


@struct.dataclass
class Contexts:
    """Settings of a stream of contexts; all are static."""

    source: str = static("digits", "data set that the samples come from", choices=SOURCES)
    transform: str = static("permutation", "transformation that differs between contexts", choices=tuple(TRANSFORMS))
    contexts: int = static(5, "number of contexts", low=1)
    visits: int = static(5, "number of visits; the first ones show each context once", low=1)
    dwell: int = static(1000, "samples per visit (on average, where visits vary)", low=1)
    dwell_spread: float = static(0.0, "visits vary uniformly by up to this share of dwell (below 1)", low=0, high=1)
    fade: float = static(0.0, "share of a visit during which the previous context fades out", low=0, high=1)
    labelled: float = static(1.0, "share of the samples that are labelled", low=0, high=1)
    labelling: str = static(
        "random", "which samples are labelled: random ones, or those that the learner requests", choices=LABELLING
    )
    batch: int = static(10, "samples per step", low=1)
    train_samples: int = static(0, "number of training samples that arrive (0: all)", low=0)
    moments: str = standardised_by()

    LATER: ClassVar[tuple[str, ...]] = ("train_samples", "moments")


class World(NamedTuple):
    """The transformations of all contexts."""

    maps: Any  # of pixels; every leaf leads with the context axis
    label: Int[Array, "contexts C"]  # the label under which each class is taught
    again: Int[Array, " M"]  # held-out samples, in the order in which a context that is revisited shows them


class Step(NamedTuple):
    """The variables of one step, drawn in advance."""

    sample: Int[Array, " B"]  # index into the training samples
    context: Int[Array, " B"]
    labelled: Bool[Array, " B"]
    valid: Bool[Array, " B"]
    moments: Moments  # of every pixel that has arrived up to and including this step


class Arrivals(NamedTuple):
    """The sample and context of each row, and the visits."""

    sample: Int[Array, "steps B"]
    context: Int[Array, "steps B"]
    visit_start: Int[Array, " V"]
    visit_task: Int[Array, " V"]


View = Callable[[World, Array, Int[Array, ""]], Float[Array, "..."]]  # a sample as a context shows it


def make(config: Contexts, source: Source, probe_on: str) -> tuple[Stream, dict[str, Any]]:
    """The stream and its device arrays; `probe_on` names the held-out split that probes look at.

    Raises:
      UsageError: settings contradict each other or do not fit the source.
    """
    n_contexts, valid = config.contexts, _valid(config)
    _check(config, source.x_train.shape[1:])
    steps = len(valid)

    def arrivals(keys: Sequence[PRNGKeyArray], y: Int[Array, " N"]) -> Arrivals:
        visit_key, dwell_key, fade_key, sample_key = keys
        visit_context = visit_contexts(visit_key, n_contexts, config.visits)
        visit_start = _visit_starts(dwell_key, config, steps)
        context = _contexts_of_rows(fade_key, config, visit_context, visit_start, steps)
        return Arrivals(_reshuffled(sample_key, len(y), valid), context, visit_start, visit_context)

    in_turn = config.visits == n_contexts and config.dwell_spread == config.fade == 0
    ends = tuple(range(steps // n_contexts, steps + 1, steps // n_contexts)) if in_turn else ()
    return in_contexts(config, source, probe_on, valid, arrivals, ends)


def in_contexts(
    config: Any,
    source: Source,
    probe_on: str,
    valid: np.ndarray,
    arrivals: Callable[[Sequence[PRNGKeyArray], Int[Array, " N"]], Arrivals],
    task_ends: tuple[int, ...],
) -> tuple[Stream, dict[str, Any]]:
    """A stream whose contexts are those of `config` (transform, contexts, labelled, labelling, batch, moments).

    `arrivals` draws samples and contexts from four keys and the classes of the training samples, for the rows that are
    `valid` [steps, B].
    """
    require_pixels(config.source, source.own_units)
    x, y, probe_x, probe_y = fewer(samples(source, probe_on), config.train_samples)[:4]
    x, probe_x = exact(x), exact(probe_x)
    shape, n_contexts = x.shape[1:], config.contexts
    transform = TRANSFORMS[config.transform]
    view = functools.partial(_view, transform, source.scale)
    studied = transform.study(x[:STUDIED] * np.float32(source.scale))
    data = {"x": x, "y": y, "probe_x": probe_x, "probe_y": probe_y, "studied": studied}

    def schedule(key: PRNGKeyArray, data: dict[str, Any]) -> Schedule:
        map_key, label_key, *when_keys, again_key, taught_key = jax.random.split(key, 8)
        labels = transform.names(label_key, n_contexts, source.num_classes)
        again = jax.random.permutation(again_key, len(data["probe_y"]))
        world = World(transform.draw(map_key, n_contexts, shape, data["studied"]), labels, again)
        sample, context, visit_start, visit_task = arrivals(when_keys, data["y"])
        rows = sample, context
        moments = _moments(view, world, data, rows, valid) if config.moments == "running" else no_moments(len(valid))
        labelled = labelled_rows(taught_key, config.labelled, config.labelling, valid.shape)
        layout = Layout(group_task=jnp.arange(n_contexts), visit_start=visit_start, visit_task=visit_task)
        return Schedule(world, Step(sample, context, labelled, jnp.asarray(valid), moments), layout)

    def observe(world: World, step: Step, data: dict[str, Any]) -> Batch:
        return Batch(
            x=standardise(_rows_of(view, world, data, step.sample, step.context), 1.0, step.moments),
            y=world.label[step.context, data["y"][step.sample]],
            labelled=step.labelled,
            valid=step.valid,
            task=step.context,
        )

    def probe(world: World, step: Step, data: dict[str, Any], size: int | None) -> tuple[Batch, Int[Array, " B"]]:
        batch = _held_out(view, world, step, data["probe_x"][:size], data["probe_y"][:size], jnp.arange(n_contexts))
        return batch, batch.task

    stream = Stream(
        spec=Spec(shape, source.num_classes),
        steps=len(valid),
        task_ends=task_ends,
        chance=1 / source.num_classes,
        schedule=schedule,
        observe=observe,
        probe=probe,
        revisit=functools.partial(_revisit, view, config.batch),
        label_budget=label_budget(config.labelled, config.labelling),
    )
    return stream, jax.tree.map(jnp.asarray, data)


def _view(transform: Transform, scale: float, world: World, x: Array, context: Int[Array, ""]) -> Float[Array, "..."]:
    """A sample of the source, with values in units of `scale`, as the context shows it."""
    pixels = (x * jnp.float32(scale)).reshape(n_pixels(x.shape), -1)
    return transform.apply(jax.tree.map(lambda leaf: leaf[context], world.maps), pixels).reshape(x.shape)


def _rows_of(
    view: View, world: World, data: dict[str, Any], sample: Int[Array, " B"], context: Int[Array, " B"]
) -> Float[Array, "B ..."]:
    """Training samples, each as its own context shows it."""
    return jax.vmap(view, (None, 0, 0))(world, data["x"][sample], context)


def _moments(view: View, world: World, data: dict[str, Any], rows: Any, valid: np.ndarray) -> Moments:
    """The running moments of the samples and contexts of `rows`; a map may change the moments of a sample."""
    of_rows = jax.lax.map(lambda row: pixel_moments(_rows_of(view, world, data, *row), 1.0), rows)
    return running_moments(of_rows, jnp.asarray(valid))


def _held_out(view: View, world: World, step: Step, x: Array, y: Array, contexts: Int[Array, " G"]) -> Batch:
    """Held-out samples as each of some contexts shows them, one context after the other."""
    # The outer vmap is over contexts: a map is not copied for every sample.
    views = jax.vmap(jax.vmap(view, (None, 0, None)), (None, None, 0))(world, x, contexts)
    inputs = standardise(views.reshape(-1, *x.shape[1:]), 1.0, step.moments)
    true = jnp.ones(len(inputs), bool)
    return Batch(inputs, world.label[contexts][:, y].reshape(-1), true, true, jnp.repeat(contexts, len(y)))


def _revisit(
    view: View, batch: int, world: World, step: Step, data: dict[str, Any], group: Int[Array, ""], steps: int
) -> Batch:
    """The first held-out samples, in the stream's own order, as context `group` shows them [steps, B]."""
    needed, there = steps * batch, len(data["probe_y"])
    if needed > there:
        raise UsageError(
            f"revisit_steps={steps}: with batch={batch} takes {needed} held-out samples and there are"
            f" {there}; at most {there // batch}"
        )
    sample = world.again[:needed]
    rows = _held_out(view, world, step, data["probe_x"][sample], data["probe_y"][sample], group[None])
    return jax.tree.map(lambda leaf: leaf.reshape(steps, batch, *leaf.shape[1:]), rows)


def _check(config: Contexts, shape: tuple[int, ...]) -> None:
    spread = config.dwell_spread
    if config.visits < config.contexts:
        raise UsageError(
            f"visits={config.visits}: every context is visited, so give at least contexts={config.contexts}"
        )
    check_transform(config.transform, config.contexts, shape)
    if spread >= 1:
        raise UsageError(f"dwell_spread={spread}: must be below 1, so that no visit is empty")
    # Dwell times are normalised to fill the stream. The least is drawn where all others are the longest possible.
    if config.batch > config.dwell * (1 - spread) / (1 + spread):
        least = -(-config.batch * (1 + spread) // (1 - spread))
        raise UsageError(
            f"batch={config.batch}: larger than the shortest visit of dwell={config.dwell} may be;"
            f" lower batch or set dwell to at least {least:.0f}"
        )


def check_transform(transform: str, contexts: int, shape: tuple[int, ...]) -> None:
    """Refuses contexts that the transform cannot make.

    Raises:
      UsageError: the transform cannot make so many contexts, or none for images of this shape.
    """
    pairs = {"inversion": "upright and inverted", "colour": "without colours and with them"}
    if transform in pairs and contexts != 2:
        raise UsageError(f"contexts={contexts}: transform={transform} has two, {pairs[transform]}; set contexts=2")
    if transform == "rotation":
        side(shape)


def _valid(config: Contexts) -> np.ndarray:
    """Which rows hold a sample [steps, B]; visits of equal length are padded to whole steps, others fill them."""
    batch, visits, dwell = config.batch, config.visits, config.dwell
    if config.dwell_spread:
        visits, dwell = 1, visits * dwell
    per_visit = -(-dwell // batch)
    return np.tile(np.arange(per_visit * batch) < dwell, visits).reshape(-1, batch)


def visit_contexts(key: PRNGKeyArray, contexts: int, visits: int) -> Int[Array, " V"]:
    """Each context once, then always a context other than the last: 1 .. contexts-1 further, cyclically."""
    further = jax.random.randint(key, (visits - contexts,), 1, max(contexts, 2))
    return jnp.append(jnp.arange(contexts), (contexts - 1 + jnp.cumsum(further)) % contexts)


def _visit_starts(key: PRNGKeyArray, config: Contexts, steps: int) -> Int[Array, " V"]:
    """The first step of each visit, for dwell times drawn from the key and normalised to fill all steps."""
    spread = config.dwell_spread
    dwell = jax.random.uniform(key, (config.visits,), minval=1 - spread, maxval=1 + spread)
    until = jnp.cumsum(dwell)
    # Rounding halves up, not to even, keeps a step between two starts that are at least one apart.
    return jnp.append(0, jnp.floor(steps * until[:-1] / until[-1] + 0.5).astype(jnp.int32))


def _contexts_of_rows(
    key: PRNGKeyArray, config: Contexts, visit_context: Int[Array, " V"], visit_start: Int[Array, " V"], steps: int
) -> Int[Array, "steps B"]:
    """The context of the visit or, while it fades out, of the one before with linearly falling probability."""
    before = jnp.append(visit_context[0], visit_context[:-1])
    length = jnp.diff(visit_start, append=steps)
    visit = (jnp.searchsorted(visit_start, jnp.arange(steps), side="right") - 1)[:, None]
    row = jnp.arange(steps * config.batch).reshape(steps, config.batch)
    lived = ((row + 0.5) / config.batch - visit_start[visit]) / length[visit]
    old = jax.random.uniform(key, row.shape) * config.fade > lived
    return jnp.where(old, before[visit], visit_context[visit])


def _reshuffled(key: PRNGKeyArray, n_samples: int, valid: np.ndarray) -> Int[Array, "steps B"]:
    """Samples for the valid rows, in passes over all samples, each shuffled anew."""
    number = np.maximum(np.cumsum(valid).reshape(valid.shape) - 1, 0)
    pass_keys = jax.random.split(key, int(number.max()) // n_samples + 1)
    passes = jax.vmap(lambda key: jax.random.permutation(key, n_samples))(pass_keys)
    return passes.reshape(-1)[number]


ENTRY = StreamEntry(
    make=make,
    config=Contexts(),
    summary="a source that is permuted, rotated, inverted or relabelled; contexts come once or recur",
    contexts=True,
)
