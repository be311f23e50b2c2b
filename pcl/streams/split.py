"""Split streams: a source arrives a few classes at a time, or a share of its samples at a time.

Every sample has a time of arrival, and the stream is their sorted order. Boundaries between tasks are
  sharp     each task in full before the next
  blurry    each sample of a pass swaps its task for a random other one with probability `blur`; as between the
            major and minor classes of Bang et al. (2021), Rainbow Memory, arXiv:2103.17230
  gaussian  samples arrive normally distributed around the middle of their task, `blur` tasks wide: from almost
            sharp to no boundary at all; after Shanahan, Kaplanis and Mitrovic (2021), arXiv:2105.13327
Where they are not sharp the stream is one visit, and no task has an end.

Tasks hold `classes`, or `instances`: random shares of the samples of all classes, as many as there would be tasks of
`classes_per_task` classes, as the new instances of Lomonaco and Maltoni (2017), arXiv:1705.03550. Then held-out classes
belong to no task: all of them are in task 0, which lasts for the whole stream, while `Batch.task` numbers
the shares. Or they hold `sessions`, which the source assigns to its samples (recordings, places, days): each session is
a task with any of the classes, as the sessions of CORe50 (same paper). Held-out samples are scored by session, or, if
they are of sessions that never arrive, by class as those of instances.

Scenarios after van de Ven, Tuytelaars and Tolias (2022), doi:10.1038/s42256-022-00568-3:
  class   one label per class, predicted among all classes
  domain  the label is the class's place within its task, predicted without knowing the task
  task    one label per class, predicted among the classes of the task, which is told at evaluation
"""

import functools
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jaxtyping import Bool, Int, Num, PRNGKeyArray

from pcl import augment
from pcl.errors import UsageError
from pcl.fields import static
from pcl.streams.inputs import (
    Moments,
    exact,
    feature_moments,
    fed,
    first_finite,
    no_moments,
    pixel_moments_of_many,
    running_moments,
    standardise,
    standardised_by,
)
from pcl.streams.labels import LABELLING, label_budget, labelled_rows
from pcl.streams.sources import SOURCES, Samples, Source, fewer, samples
from pcl.types import Batch, Layout, Schedule, Spec, Stream, StreamEntry

FEEDS = ("device", "host")


@struct.dataclass
class Split:
    """Settings of a split stream; all are static."""

    source: str = static("digits", "data set that the samples come from", choices=SOURCES)
    scenario: str = static("class", "scenario of continual learning", choices=("class", "domain", "task"))
    classes: int = static(
        0, "use only the first n classes of the source (0: all)", low=0, idle={"content": ("sessions",)}
    )
    content: str = static(
        "classes",
        "what differs between tasks: their classes, their samples of all classes (instances), or their sessions",
        choices=("classes", "instances", "sessions"),
    )
    classes_per_task: int = static(2, "classes per task", low=1, idle={"content": ("sessions",)})
    order: str = static(
        "random",
        "order of classes or sessions: random, as numbered (natural), or all samples shuffled (iid)",
        choices=("random", "natural", "iid"),
    )
    boundary: str = static("sharp", "boundaries between tasks", choices=("sharp", "blurry", "gaussian"))
    blur: float = static(
        0.1,
        "blurry: probability that a sample swaps its task; gaussian: standard deviation of arrival, in tasks",
        low=0,
        idle={"boundary": ("sharp",)},
    )
    passes: int = static(1, "passes over each task before the next one", low=1)
    labelled: float = static(1.0, "share of the samples that are labelled", low=0, high=1)
    labelling: str = static(
        "random", "which samples are labelled: random ones, or those that the learner requests", choices=LABELLING
    )
    batch: int = static(10, "samples per step", low=1)
    train_samples: int = static(0, "number of training samples that arrive (0: all)", low=0)
    feed: str = static(
        "device", "memory that holds the training samples: the device's, or the host's until their step", choices=FEEDS
    )
    augment: str = static(
        "none",
        "random augmentation of arriving images: mirrored, shifted by up to 4 pixels, or both",
        choices=augment.KINDS,
    )
    moments: str = standardised_by()

    LATER: ClassVar[tuple[str, ...]] = ("train_samples", "feed", "augment", "moments")


class World(NamedTuple):
    """The assignment of the source's classes and samples to tasks."""

    group_task: Int[Array, " G"]  # for each class or session, the position of its task in the stream
    class_label: Int[Array, " K"]  # for each class, the label under which it is taught
    sample_task: Int[Array, " N"]  # for each training sample, its task, whenever it arrives


class Step(NamedTuple):
    """The variables of one step, drawn in advance."""

    sample: Int[Array, " B"]  # index into the training samples
    labelled: Bool[Array, " B"]
    valid: Bool[Array, " B"]
    moments: Moments  # of every pixel, or of each feature, that has arrived up to and including this step
    views: augment.Views | None


def make(config: Split, source: Source, probe_on: str) -> tuple[Stream, dict[str, Any]]:
    """The stream and its device arrays; `probe_on` names the held-out split that probes look at.

    Raises:
      UsageError: the tasks do not divide the classes, or settings contradict each other.
    """
    n_classes, by_session = config.classes or source.num_classes, config.content == "sessions"
    k = 1 if by_session else config.classes_per_task
    _check(config, n_classes, source)
    n_tasks = len(source.sessions.names) if by_session and source.sessions else n_classes // k
    of = fewer(of_first_classes(samples(source, probe_on), n_classes), config.train_samples)
    parts = of.session if by_session and of.session is not None else of.y
    segment_steps = _segment_steps(config, np.bincount(parts, minlength=n_tasks * k), k)
    ends = [int(end) for end in _rounds(config) * np.cumsum(segment_steps)]
    if config.content == "instances" or (by_session and of.probe_session is None):
        ends = ends[-1:]
    data = _arrays(of, source, by_session)
    rows = fed(data.pop("x")) if config.feed == "host" else None

    def schedule(key: PRNGKeyArray, data: dict[str, Any]) -> Schedule:
        class_key, shuffle_key, task_key, blur_key, label_key = jax.random.split(key, 5)
        world = _world(class_key, task_key, config, n_classes, n_tasks, data)
        layout = Layout(
            group_task=world.group_task,
            visit_start=jnp.asarray([0, *ends[:-1]]),
            visit_task=jnp.arange(len(ends)),
            allowed=(world.group_task == jnp.arange(n_tasks)[:, None]) if config.scenario == "task" else None,
        )
        sample, valid = _arrivals(shuffle_key, blur_key, config, world.sample_task, n_tasks, segment_steps)
        moments = _moments(config, source, data, sample, valid)
        return Schedule(world, _step((label_key, jax.random.fold_in(key, 5)), config, sample, valid, moments), layout)

    def observe(world: World, step: Step, data: dict[str, Any]) -> Batch:
        x = standardise(rows(step.sample) if rows else data["x"][step.sample], source.scale, step.moments)
        return Batch(
            x=augment.viewed(x, step.views),
            y=world.class_label[data["y"][step.sample]],
            labelled=step.labelled,
            valid=step.valid,
            task=world.sample_task[step.sample],
        )

    def probe(world: World, step: Step, data: dict[str, Any], size: int | None) -> tuple[Batch, Int[Array, " B"]]:
        x, y = standardise(data["probe_x"][:size], source.scale, step.moments), data["probe_y"][:size]
        true, group = jnp.ones(y.shape, bool), data.get("probe_group", data["probe_y"])[:size]
        return Batch(x, world.class_label[y], true, true, world.group_task[group]), group

    all_at_once = config.order == "iid" and (config.content == "classes" or "probe_group" in data)
    task_ends = ends * n_tasks if all_at_once else ends
    stream = Stream(
        spec=Spec(of.x.shape[1:], k if config.scenario == "domain" else n_classes),
        steps=ends[-1],
        task_ends=tuple(task_ends) if config.boundary == "sharp" else (),
        chance=1 / (n_classes if config.scenario == "class" else k),
        label_budget=label_budget(config.labelled, config.labelling),
        schedule=schedule,
        observe=observe,
        probe=probe,
    )
    return stream, jax.tree.map(jnp.asarray, data)


def of_first_classes(of: Samples, n_classes: int) -> Samples:
    """The samples of classes 0 .. n_classes - 1."""
    if of.y.max() < n_classes:
        return of
    kept, probed = of.y < n_classes, of.probe_y < n_classes
    return Samples(of.x[kept], of.y[kept], of.probe_x[probed], of.probe_y[probed])


def _arrays(of: Samples, source: Source, by_session: bool) -> dict[str, Any]:
    """The arrays on the device."""
    # Pixels are standardised together, and have one origin; features of own units have one each.
    origin = first_finite(of.x) if source.own_units else first_finite(of.x).mean()
    x, probe_x = exact(of.x, origin), exact(of.probe_x, origin)
    data: dict[str, Any] = {"x": x, "y": of.y, "probe_x": probe_x, "probe_y": of.probe_y}
    if not source.own_units:
        data["moments"] = pixel_moments_of_many(x, source.scale)
    if by_session:
        data["session"] = of.session
        if of.probe_session is not None:
            data["probe_group"] = of.probe_session
    return data


def _moments(
    config: Split, source: Source, data: dict[str, Any], sample: Int[Array, "steps B"], valid: Bool[Array, "steps B"]
) -> Moments:
    """The moments for the standardisation at each step: of each feature, or of all pixels."""
    if config.moments == "none":
        return no_moments(len(sample))
    if source.own_units:
        return feature_moments(data["x"][sample] * jnp.float32(source.scale), valid)
    return running_moments(jax.tree.map(lambda leaf: leaf[sample], data["moments"]), valid)


def _check(config: Split, n_classes: int, source: Source) -> None:
    there = source.num_classes
    augment.check(config.augment, source.x_train.shape[1:], config.source)
    if config.feed == "host" and source.own_units:
        raise UsageError(
            f"feed=host: features of {config.source} are standardised one by one, on the device; set device"
        )
    if n_classes > there:
        raise UsageError(f"classes={n_classes}: {config.source} has {there}; set classes to at most that, or 0 for all")
    if config.content == "sessions":
        if source.sessions is None:
            raise UsageError(f"content=sessions: {config.source} does not say in which session each sample was taken")
        if n_classes < there:
            raise UsageError(f"classes={n_classes}: sessions hold all {there} classes; set classes=0")
    elif n_classes % config.classes_per_task:
        raise UsageError(
            f"classes_per_task={config.classes_per_task}: must divide the {n_classes} classes of {config.source}"
        )
    if config.content != "classes" and config.scenario != "class":
        raise UsageError(f"scenario={config.scenario}: tasks of {config.content} share all classes; set scenario=class")
    if config.boundary != "sharp" and config.order == "iid":
        raise UsageError(f"boundary={config.boundary}: order=iid has no tasks to blur; set order=random or natural")
    if config.boundary == "blurry" and config.blur > 1:
        raise UsageError(f"blur={config.blur}: is a probability where boundary=blurry, so at most 1")


def _world(
    class_key: PRNGKeyArray, task_key: PRNGKeyArray, config: Split, n_classes: int, n_tasks: int, data: dict[str, Any]
) -> World:
    """Classes, samples or sessions, dealt to tasks in an order drawn from the keys."""
    k, classes, y = config.classes_per_task, jnp.arange(n_classes), data["y"]

    def placed(n: int) -> Int[Array, " n"]:
        return jnp.arange(n) if config.order == "natural" else jax.random.permutation(class_key, jnp.arange(n))

    if config.content == "sessions":
        place = placed(n_tasks)
        scored = place if "probe_group" in data else jnp.zeros_like(classes)
        return World(scored, classes, place[data["session"]])
    place = placed(n_classes)
    label = place % k if config.scenario == "domain" else classes
    if config.content == "instances":
        return World(jnp.zeros_like(place), label, jax.random.permutation(task_key, len(y)) % n_tasks)
    return World(place // k, label, (place // k)[y])


def _step(
    keys: tuple[PRNGKeyArray, PRNGKeyArray],
    config: Split,
    sample: Int[Array, "steps B"],
    valid: Bool[Array, "steps B"],
    moments: Moments,
) -> Step:
    """The steps, with labels and views drawn from two keys."""
    labelled = labelled_rows(keys[0], config.labelled, config.labelling, valid.shape)
    return Step(sample, labelled, valid, moments, augment.views(keys[1], config.augment, valid.shape))


def _rounds(config: Split) -> int:
    """Rounds of arrivals: one per pass or, where boundaries are blurred, a single one for all passes together."""
    return config.passes if config.boundary == "sharp" else 1


def _segment_steps(config: Split, counts: np.ndarray, k: int) -> np.ndarray:
    """Steps of each segment in one round of arrivals: enough for every order that the key can draw.

    Each task holds `k` of the parts whose samples are counted, classes or sessions.

    In a random order any classes may meet in a task, so that every segment is as long as the largest could be and
    shorter tasks are padded: runs of all seeds share one shape and so one program.
    """
    total = counts.sum()
    n_tasks = len(counts) // k
    if config.boundary != "sharp" or config.order == "iid":
        largest = np.asarray([total * config.passes // _rounds(config)])
    elif config.content == "instances":
        largest = np.full(n_tasks, -(-total // n_tasks))
    elif config.order == "natural":
        largest = counts.reshape(-1, k).sum(1)
    else:
        largest = np.full(n_tasks, np.sort(counts)[-k:].sum())
    return -(-largest // config.batch)


def _arrivals(
    shuffle_key: PRNGKeyArray,
    blur_key: PRNGKeyArray,
    config: Split,
    task: Int[Array, " N"],
    n_tasks: int,
    segment_steps: np.ndarray,
) -> tuple[Int[Array, "steps B"], Bool[Array, "steps B"]]:
    """Samples of each step, and which rows hold one; all rounds of a segment come before the next segment."""
    rounds, batch = _rounds(config), config.batch
    segment = jnp.tile(task if len(segment_steps) > 1 else jnp.zeros_like(task), config.passes).reshape(rounds, -1)
    blurred = config.boundary != "sharp"
    time = _blurred(blur_key, config, task, n_tasks).reshape(rounds, -1) if blurred else segment
    lay_out = jax.vmap(functools.partial(_lay_out, rows=segment_steps * batch))
    arrival, valid = lay_out(jax.random.split(shuffle_key, rounds), time, segment)
    order = np.argsort(np.tile(np.repeat(np.arange(len(segment_steps)), segment_steps), rounds), kind="stable")
    arrival, valid = (part.reshape(-1, batch)[order] for part in (arrival, valid))
    return arrival % len(task), valid


def _blurred(key: PRNGKeyArray, config: Split, task: Int[Array, " N"], n_tasks: int) -> Num[Array, "passes N"]:
    """Time of arrival of each sample of each pass, in arbitrary units."""
    swap_key, other_key, time_key = jax.random.split(key, 3)
    shape = (config.passes, len(task))
    if config.boundary == "gaussian":
        return task + config.blur * jax.random.normal(time_key, shape)
    other = (task + jax.random.randint(other_key, shape, 1, max(n_tasks, 2))) % n_tasks
    swapped = jnp.where(jax.random.uniform(swap_key, shape) < config.blur, other, task)
    return swapped * config.passes + jnp.arange(config.passes)[:, None]


def _lay_out(
    key: PRNGKeyArray, time: Num[Array, " A"], segment: Int[Array, " A"], rows: np.ndarray
) -> tuple[Int[Array, " R"], Bool[Array, " R"]]:
    """Every arrival once: sorted by time, equal times shuffled, segment i padded to `rows[i]` rows."""
    shuffled = jax.random.permutation(key, time.shape[0])
    ordered = shuffled[jnp.argsort(time[shuffled], stable=True)]
    # The count of a single segment is known. The compiler would take half a minute to fold a constant `segment`.
    count = jnp.bincount(segment, length=len(rows)) if len(rows) > 1 else jnp.full(1, segment.shape[0])
    start = jnp.cumsum(count) - count
    of_row = np.repeat(np.arange(len(rows)), rows)
    place = np.arange(rows.sum()) - np.repeat(np.cumsum(rows) - rows, rows)
    valid = place < count[of_row]
    return ordered[jnp.where(valid, start[of_row] + place, 0)], valid


ENTRY = StreamEntry(
    make=make, config=Split(), summary="a few classes at a time: class-, domain-, task-incremental or iid"
)
