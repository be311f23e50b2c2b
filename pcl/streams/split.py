"""Split streams: the classes of a source arrive a few at a time, each task in full before the next.

Scenarios after van de Ven, Tuytelaars and Tolias (2022), doi:10.1038/s42256-022-00568-3:
  class   one label a class, predicted among all classes
  domain  the label is the class's place within its task, predicted without knowing the task
  task    one label a class, predicted among the classes of the task that the score is told
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jaxtyping import Bool, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import static
from pcl.streams.inputs import Moments, pixel_moments, running_moments, standardise
from pcl.streams.sources import SOURCES, Source, samples
from pcl.types import Batch, Layout, Schedule, Spec, Stream


@struct.dataclass
class Split:
    """Settings of a split stream; all are static."""

    source: str = static("digits", "where the samples come from", choices=tuple(SOURCES))
    scenario: str = static("class", "what is asked", choices=("class", "domain", "task"))
    classes_per_task: int = static(2, "classes that arrive together", low=1)
    order: str = static(
        "random",
        "order of the classes: drawn from the key, as numbered, or all shuffled together",
        choices=("random", "natural", "iid"),
    )
    passes: int = static(1, "times that each task is seen before the next one", low=1)
    batch: int = static(10, "samples a step", low=1)


class World(NamedTuple):
    """How the classes of the source are laid out in one stream."""

    class_task: Int[Array, " K"]  # the place in the stream of the task each class belongs to
    class_label: Int[Array, " K"]  # the label under which each class is taught


class Step(NamedTuple):
    """What is drawn in advance for one step."""

    sample: Int[Array, " B"]  # index into the training samples
    valid: Bool[Array, " B"]
    moments: Moments  # of every pixel that has arrived up to and including this step


def make(config: Split, source: Source, probe_on: str) -> tuple[Stream, dict[str, Any]]:
    """The stream and its device arrays; `probe_on` names the held-out split that probes look at.

    Raises:
      UsageError: the tasks do not divide the classes.
    """
    k, n_classes = config.classes_per_task, source.num_classes
    if n_classes % k:
        raise UsageError(f"classes_per_task={k}: must divide the {n_classes} classes of {config.source}")
    n_tasks = n_classes // k
    x, y, probe_x, probe_y = samples(source, probe_on)
    steps_per_pass = _steps_per_pass(config, np.bincount(y, minlength=n_classes))
    segments = 1 if config.order == "iid" else n_tasks
    ends = [(i + 1) * config.passes * steps_per_pass for i in range(segments)]
    moments = pixel_moments(x, source.scale)
    data = {"x": x, "y": y, "moments": moments, "probe_x": probe_x, "probe_y": probe_y}

    def schedule(key: PRNGKeyArray, data: dict[str, Any]) -> Schedule:
        class_key, shuffle_key = jax.random.split(key)
        classes = jnp.arange(n_classes)
        place = classes if config.order == "natural" else jax.random.permutation(class_key, classes)
        class_task = place // k
        world = World(class_task, place % k if config.scenario == "domain" else classes)
        layout = Layout(
            group_task=class_task,
            visit_start=jnp.asarray([0, *ends[:-1]]),
            visit_task=jnp.arange(segments),
            allowed=(class_task == jnp.arange(n_tasks)[:, None]) if config.scenario == "task" else None,
        )
        segment = jnp.zeros_like(data["y"]) if config.order == "iid" else world.class_task[data["y"]]
        shape = (segments, steps_per_pass, config.batch)
        pass_keys = jax.random.split(shuffle_key, config.passes)
        passes = jax.vmap(lambda key: _one_pass(key, segment, shape))(pass_keys)
        sample, valid = (part.swapaxes(0, 1).reshape(-1, config.batch) for part in passes)
        of_rows = jax.tree.map(lambda leaf: leaf[sample], data["moments"])
        return Schedule(world, Step(sample, valid, running_moments(of_rows, valid)), layout)

    def batch(world: World, step: Step, x: Array, y: Array, valid: Array) -> Batch:
        return Batch(
            x=standardise(x, source.scale, step.moments),
            y=world.class_label[y],
            labelled=jnp.ones_like(valid),
            valid=valid,
            task=world.class_task[y],
        )

    def observe(world: World, step: Step, data: dict[str, Any]) -> Batch:
        return batch(world, step, data["x"][step.sample], data["y"][step.sample], step.valid)

    def probe(world: World, step: Step, data: dict[str, Any], size: int | None) -> tuple[Batch, Int[Array, " B"]]:
        x, y = data["probe_x"][:size], data["probe_y"][:size]
        return batch(world, step, x, y, jnp.ones(y.shape, bool)), y

    stream = Stream(
        spec=Spec(x.shape[1:], k if config.scenario == "domain" else n_classes),
        steps=ends[-1],
        task_ends=tuple(ends if segments == n_tasks else ends * n_tasks),
        schedule=schedule,
        observe=observe,
        probe=probe,
    )
    return stream, jax.tree.map(jnp.asarray, data)


def _steps_per_pass(config: Split, counts: np.ndarray) -> int:
    """Enough steps for one pass over the largest task that any order can produce.

    Every order shares one shape, so that runs of all seeds fit one program; shorter tasks are padded.
    """
    k = config.classes_per_task
    if config.order == "iid":
        largest = counts.sum()
    elif config.order == "natural":
        largest = counts.reshape(-1, k).sum(1).max()
    else:
        largest = np.sort(counts)[-k:].sum()
    return -(-int(largest) // config.batch)


def _one_pass(
    key: PRNGKeyArray, segment: Int[Array, " N"], shape: tuple[int, int, int]
) -> tuple[Int[Array, "segments steps B"], Bool[Array, "segments steps B"]]:
    """Every sample once: segments in order, shuffled inside, each padded to the same number of steps."""
    segments, steps, batch = shape
    shuffled = jax.random.permutation(key, segment.shape[0])
    ordered = shuffled[jnp.argsort(segment[shuffled], stable=True)]
    count = jnp.bincount(segment, length=segments)
    start = jnp.cumsum(count) - count
    slot = jnp.arange(steps * batch)
    valid = slot < count[:, None]
    sample = ordered[jnp.where(valid, start[:, None] + slot, 0)]
    return sample.reshape(shape), valid.reshape(shape)
