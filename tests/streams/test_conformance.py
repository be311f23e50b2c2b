"""What every stream of the registry promises; a new file of a stream is tested without a new test.

Which sample is in a row is found by samples that are not finite: they stay so under every transform, and leave no trace
in the moments of others. Source k has those whose number has bit k.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import streams
from pcl.fields import fields, replace
from pcl.streams.sources import SOURCES, from_arrays, samples

CLASSES, EACH = 4, 16
N = CLASSES * EACH
# A context of one pass over all samples, or one group of classes over its own: so none comes more often than others.
SHORT = {"dwell": EACH * 2, "revisit_dwell": N, "revisits": 2, "samples": 400, "groups": 4, "pairs": 8, "repeats": 2}


def made(name, sourced):
    """Entry, settings and whether a source is given, which the default settings may do without."""
    entry = streams.REGISTRY[name]
    config = replace(entry.config, {key: value for key, value in SHORT.items() if key in fields(entry.config)})
    return entry, config, sourced


def takes(name, sourced):
    source = getattr(streams.REGISTRY[name].config, "source", None)
    return source is not None if sourced else source not in SOURCES


CASES = [(name, sourced) for name in streams.REGISTRY for sourced in (True, False) if takes(name, sourced)]
SOURCED = [name for name, sourced in CASES if sourced]


@functools.cache
def arrays():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N + N // 2, 4, 4)).astype(np.float32)
    y = np.tile(np.arange(CLASSES), len(x) // CLASSES)
    return x[:N], y[:N], x[N:], y[N:]


def source_of(change=lambda x, x_test: (x, x_test)):
    """The source, or one of other inputs."""
    x, y, x_test, y_test = arrays()
    x, x_test = change(x.copy(), x_test.copy())
    return from_arrays(x, y, x_test, y_test, 1.0)


@functools.cache
def stream_of(name, sourced, probe_on="test"):
    """The stream, its data, and what makes data of another source; all of these share one program."""
    entry, config, _ = made(name, sourced)

    def data_of(source):
        return entry.make(config, source if sourced else None, probe_on)[1]

    stream, data = entry.make(config, source_of() if sourced else None, probe_on)

    @jax.jit
    def lived(seed, data):
        world, steps, layout = stream.schedule(jax.random.key(seed), data)
        batches = jax.lax.scan(lambda _, step: (None, stream.observe(world, step, data)), None, steps)[1]
        last = jax.tree.map(lambda leaf: leaf[-1], steps)
        probe = stream.probe(world, last, data, None) if stream.probe else None
        return batches, layout, probe

    return stream, data, data_of, lived


def assert_same(got, want):
    jax.tree.map(np.testing.assert_array_equal, got, want)


def assert_close(got, want):
    """Sums in another order, in float32."""
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), got, want)


def differ(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return any((np.asarray(a) != np.asarray(b)).any() for a, b in pairs)


@functools.cache
def numbers(name, seed):
    """The number of the training sample in each row, -1 in padding [steps, B]."""
    _, _, data_of, lived = stream_of(name, True)
    number = 0
    for bit in range(N.bit_length()):
        marked = (np.arange(N) + 1) >> bit & 1

        def change(x, x_test, marked=marked):
            x[marked == 1] = np.nan
            return x, x_test

        batches = lived(seed, data_of(source_of(change)))[0]
        strange = ~np.isfinite(np.asarray(batches.x)).reshape(*batches.valid.shape, -1).all(axis=2)
        number = number + (strange << bit)
    return np.where(np.asarray(batches.valid), number, 0) - 1


@pytest.mark.parametrize(("name", "sourced"), CASES)
def test_a_stream_is_as_it_announces_itself(name, sourced):
    stream, data, _, lived = stream_of(name, sourced)
    batches, layout, probe = lived(0, data)
    rows = (stream.steps, made(name, sourced)[1].batch)
    spec, steps = stream.spec, stream.steps
    assert batches.x.shape == (*rows, *spec.input_shape)
    assert batches.labelled.shape == batches.valid.shape == batches.task.shape == rows
    assert batches.valid.any(axis=1).all()
    assert np.isfinite(batches.x).all()
    if spec.num_targets:
        assert batches.y.shape == (*rows, spec.num_targets)
    else:
        assert set(np.unique(batches.y)) <= set(range(spec.num_labels))
    assert layout.visit_start[0] == 0
    assert (np.diff(layout.visit_start) > 0).all()
    assert (np.append(layout.visit_start, stream.task_ends) <= steps).all()
    assert len(layout.visit_task) == len(layout.visit_start)
    assert (probe is not None) == bool(len(layout.group_task))
    if probe is not None:
        assert set(np.unique(probe[1])) == set(range(len(layout.group_task)))
        assert probe[0].x.shape == (len(probe[1]), *spec.input_shape)
        assert probe[0].valid.all()


@pytest.mark.parametrize(("name", "sourced"), CASES)
def test_the_key_decides_everything(name, sourced):
    stream, data, _, lived = stream_of(name, sourced)
    key = jax.random.key(0)
    program = jax.make_jaxpr(stream.schedule)(key, data).jaxpr
    read = any(program.invars[0] in equation.invars for equation in program.eqns)
    assert_same(lived(3, data), lived(3, data))
    assert differ(lived(3, data)[0], lived(4, data)[0]) == read


@pytest.mark.parametrize("name", SOURCED)
def test_every_sample_comes_as_often_as_any_other(name):
    count = np.bincount(numbers(name, 0)[numbers(name, 0) >= 0], minlength=N)
    assert np.ptp(count[count > 0]) <= 1
    assert (count > 0).sum() >= N // 2


@pytest.mark.parametrize("probe_on", ["test", "validation"])
@pytest.mark.parametrize("name", SOURCED)
def test_nothing_that_is_held_out_is_known_to_the_stream(name, probe_on):
    stream, data, data_of, lived = stream_of(name, True, probe_on)
    if stream.probe is None or streams.REGISTRY[name].recall:
        pytest.skip("holds nothing out")
    kept = samples(source_of(), probe_on).x
    held = ~(arrays()[0][:, None] == kept[None]).all(axis=(2, 3)).any(axis=1)
    assert held.any() == (probe_on == "validation")

    def change(x, x_test):
        x[held] = x[held][::-1] ** 2
        return x, 3 + x_test

    before, after = lived(0, data), lived(0, data_of(source_of(change)))
    assert_same(after[0], before[0])
    assert differ(after[2], before[2])


@pytest.mark.parametrize("name", SOURCED)
def test_what_has_come_does_not_depend_on_what_will(name):
    _, data, data_of, lived = stream_of(name, True)
    number = numbers(name, 0)
    half = len(number) // 2
    later = np.setdiff1d(np.arange(N), number[: half + 1])  # the target of a sequence is the next input

    def change(x, x_test):
        x[later] = 5 - x[later]
        return x, x_test

    before, after = lived(0, data)[0], lived(0, data_of(source_of(change)))[0]
    assert_same(*(jax.tree.map(lambda leaf: leaf[:half], batches) for batches in (after, before)))
    assert not len(later) or differ(before, after)


@pytest.mark.parametrize("name", SOURCED)
def test_probes_show_what_is_held_out_or_what_was_taught(name):
    stream, data, data_of, lived = stream_of(name, True)
    if stream.probe is None:
        pytest.skip("holds nothing out")
    before, after = lived(0, data)[2], lived(0, data_of(source_of(lambda x, x_test: (x, 3 + x_test))))[2]
    assert differ(before, after) != streams.REGISTRY[name].recall


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sourced"), CASES)
def test_scan_equals_loop(name, sourced):
    stream, data, _, lived = stream_of(name, sourced)
    world, steps, _ = stream.schedule(jax.random.key(1), data)
    observe = jax.jit(stream.observe)
    batches = lived(1, data)[0]
    for i in range(0, stream.steps, max(1, stream.steps // 20)):
        here = observe(world, jax.tree.map(lambda leaf, i=i: leaf[i], steps), data)
        assert_close(here, jax.tree.map(lambda leaf, i=i: leaf[i], batches))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sourced"), CASES)
def test_vmap_equals_loop(name, sourced):
    _, data, _, lived = stream_of(name, sourced)
    together = jax.vmap(lived, (0, None))(jnp.arange(3), data)
    for seed in range(3):
        assert_close(jax.tree.map(lambda leaf, i=seed: leaf[i], together), lived(seed, data))
