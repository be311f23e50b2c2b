"""Properties of every stream.

A stream with a source is given a small one, whose samples can be identified: one that is not finite stays so under
every transform, and is left out of the moments. Source k marks the samples whose number has bit k in this way.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pcl.conformance.compared import DoesNotApply, assert_close, assert_same, at, differ
from pcl.fields import fields, replace
from pcl.streams import REGISTRY
from pcl.streams.sources import SOURCES, Source, from_arrays, samples
from pcl.types import Data, Stream, StreamEntry

CLASSES, EACH = 4, 16
N = CLASSES * EACH
# A context lasts for one pass over its samples (all, or those of one group of classes): each comes equally often.
SHORT = {
    "dwell": EACH * 2,
    "samples_per_task": EACH * 2,
    "visit_steps": EACH * 2,
    "revisit_dwell": N,
    "revisits": 2,
    "samples": 400,
    "groups": 4,
    "pairs": 8,
    "repeats": 2,
}
Change = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]  # of inputs, training and test


class Subject(NamedTuple):
    """A stream by name, and whether it is given a source, which its default settings may do without."""

    name: str
    sourced: bool
    entry: StreamEntry


def subjects(name: str) -> tuple[Subject, ...]:
    """With a source, if the stream takes one, and without, if it draws its samples itself."""
    entry = REGISTRY[name]
    source = getattr(entry.config, "source", None)
    with_one = (Subject(name, True, entry),) if source is not None else ()
    return with_one if source in SOURCES else (*with_one, Subject(name, False, entry))


@functools.cache
def arrays() -> tuple[np.ndarray, ...]:
    """Inputs and labels of the small source, training and test."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N + N // 2, 4, 4)).astype(np.float32)
    y = np.tile(np.arange(CLASSES), len(x) // CLASSES)
    return x[:N], y[:N], x[N:], y[N:]


def source_of(change: Change = lambda x, x_test: (x, x_test)) -> Source:
    """The small source, or one of other inputs."""
    x, y, x_test, y_test = arrays()
    x, x_test = change(x.copy(), x_test.copy())
    return from_arrays(x, y, x_test, y_test, 1.0)


class Lived(NamedTuple):
    """A stream, its data, and one program that runs any seed on data of any source."""

    config: Any
    stream: Stream
    data: Data
    data_of: Callable[[Source], Data]
    life: Callable[[Any, Data], Any]  # batches, layout, the probe at the last step


@functools.cache
def of(s: Subject, probe_on: str = "test") -> Lived:
    """The stream on the small source."""
    entry = s.entry
    config = replace(entry.config, {key: value for key, value in SHORT.items() if key in fields(entry.config)})

    def data_of(source: Source) -> Data:
        return entry.make(config, source if s.sourced else None, probe_on)[1]

    stream, data = entry.make(config, source_of() if s.sourced else None, probe_on)

    @jax.jit
    def life(seed: Any, data: Data) -> Any:
        world, steps, layout = stream.schedule(jax.random.key(seed), data)
        batches = jax.lax.scan(lambda _, step: (None, stream.observe(world, step, data)), None, steps)[1]
        last = jax.tree.map(lambda leaf: leaf[-1], steps)
        probe = stream.probe(world, last, data, None) if stream.probe else None
        return batches, layout, probe

    return Lived(config, stream, data, data_of, life)


@functools.cache
def sample_numbers(s: Subject, seed: int = 0) -> np.ndarray:
    """The number of the training sample in each row, -1 in padding [steps, B]."""
    lived = of(s)
    number: Any = 0
    for bit in range(N.bit_length()):
        marked = (np.arange(N) + 1) >> bit & 1

        def change(x: np.ndarray, x_test: np.ndarray, marked: np.ndarray = marked) -> tuple[np.ndarray, np.ndarray]:
            x[marked == 1] = np.nan
            return x, x_test

        batches = lived.life(seed, lived.data_of(source_of(change)))[0]
        strange = ~np.isfinite(np.asarray(batches.x)).reshape(*batches.valid.shape, -1).all(axis=2)
        number = number + (strange << bit)
    return np.where(np.asarray(batches.valid), number, 0) - 1


def _require_source(s: Subject) -> None:
    if not s.sourced:
        raise DoesNotApply("it draws its samples itself")


def is_as_it_announces_itself(s: Subject) -> None:
    """Batches, labels, visits and probes have the shapes and ranges that `spec`, `steps` and `layout` announce."""
    config, stream, data, _, life = of(s)
    batches, layout, probe = life(0, data)
    rows, spec = (stream.steps, config.batch), stream.spec
    assert batches.x.shape == (*rows, *spec.input_shape), batches.x.shape
    assert batches.labelled.shape == batches.valid.shape == batches.task.shape == rows
    assert batches.valid.any(axis=1).all(), "a step of padding alone"
    assert np.isfinite(batches.x).all()
    if spec.num_targets:
        assert batches.y.shape == (*rows, spec.num_targets), batches.y.shape
    else:
        assert set(np.unique(batches.y)) <= set(range(spec.num_labels)), np.unique(batches.y)
    assert layout.visit_start[0] == 0
    assert (np.diff(layout.visit_start) > 0).all()
    assert (np.append(layout.visit_start, stream.task_ends) <= stream.steps).all()
    assert len(layout.visit_task) == len(layout.visit_start)
    assert (probe is not None) == bool(len(layout.group_task)), "there are groups where there are probes"
    if probe is not None:
        assert set(np.unique(probe[1])) == set(range(len(layout.group_task))), "other groups than the layout has"
        assert probe[0].x.shape == (len(probe[1]), *spec.input_shape), probe[0].x.shape
        assert probe[0].valid.all()


def the_key_decides_everything(s: Subject) -> None:
    """The same key gives the same stream, and if the schedule reads the key, another one gives another stream."""
    _, stream, data, _, life = of(s)
    program = jax.make_jaxpr(stream.schedule)(jax.random.key(0), data).jaxpr
    read = any(program.invars[0] in equation.invars for equation in program.eqns)
    assert_same(life(3, data), life(3, data))
    assert differ(life(3, data)[0], life(4, data)[0]) == read


def knows_nothing_that_is_held_out(s: Subject) -> None:
    """Batches do not depend on samples that are held out for the test or for validation; probes show these."""
    _require_source(s)
    if of(s).stream.probe is None or s.entry.recall:
        raise DoesNotApply("holds nothing out")
    for probe_on in ("test", "validation"):
        _, _, data, data_of, life = of(s, probe_on)
        kept = samples(source_of(), probe_on).x
        held = ~(arrays()[0][:, None] == kept[None]).all(axis=(2, 3)).any(axis=1)
        assert held.any() == (probe_on == "validation")

        def change(x: np.ndarray, x_test: np.ndarray, held: np.ndarray = held) -> tuple[np.ndarray, np.ndarray]:
            x[held] = x[held][::-1] ** 2
            return x, 3 + x_test

        before, after = life(0, data), life(0, data_of(source_of(change)))
        assert_same(after[0], before[0])
        assert differ(after[2], before[2]), f"probes are not on held-out samples (probe_on={probe_on})"


def what_has_come_does_not_depend_on_what_will(s: Subject) -> None:
    """Batches of the first half stay as they are when samples of the second half are others."""
    _require_source(s)
    _, _, data, data_of, life = of(s)
    number = sample_numbers(s)
    half = len(number) // 2
    later = np.setdiff1d(np.arange(N), number[: half + 1])  # the target of a sequence is the next input

    def change(x: np.ndarray, x_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x[later] = 5 - x[later]
        return x, x_test

    before, after = life(0, data)[0], life(0, data_of(source_of(change)))[0]
    assert_same(*(jax.tree.map(lambda leaf: leaf[:half], batches) for batches in (after, before)))
    assert not len(later) or differ(before, after), "no sample of the second half arrives"


def probes_show_what_is_held_out_or_what_was_taught(s: Subject) -> None:
    """Probes follow the test samples, unless the entry says `recall`: then they show what was taught."""
    _require_source(s)
    _, stream, data, data_of, life = of(s)
    if stream.probe is None:
        raise DoesNotApply("holds nothing out")
    before, after = life(0, data)[2], life(0, data_of(source_of(lambda x, x_test: (x, 3 + x_test))))[2]
    assert differ(before, after) != s.entry.recall


def scan_equals_loop(s: Subject) -> None:
    """A scan over steps and single steps give the same batches."""
    _, stream, data, _, life = of(s)
    world, steps, _ = stream.schedule(jax.random.key(1), data)
    observe = jax.jit(stream.observe)
    batches = life(1, data)[0]
    for i in range(0, stream.steps, max(1, stream.steps // 20)):
        assert_close(observe(world, at(steps, i), data), at(batches, i))


def vmap_equals_loop(s: Subject) -> None:
    """Seeds that are batched by vmap give the streams that they give alone."""
    _, _, data, _, life = of(s)
    together = jax.vmap(life, (0, None))(jnp.arange(3), data)
    for seed in range(3):
        assert_close(at(together, seed), life(seed, data))


QUICK: tuple[Callable[[Subject], None], ...] = (
    is_as_it_announces_itself,
    the_key_decides_everything,
    knows_nothing_that_is_held_out,
    what_has_come_does_not_depend_on_what_will,
    probes_show_what_is_held_out_or_what_was_taught,
)
PROPERTIES = (*QUICK, scan_equals_loop, vmap_equals_loop)
