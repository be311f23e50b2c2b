"""Streams of contexts: who comes when, what a context does, and nothing from the test."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pcl import streams
from pcl.errors import UsageError
from pcl.streams import contexts
from pcl.streams.contexts import Contexts
from pcl.streams.sources import from_arrays
from pcl.streams.transforms import TRANSFORMS, rotations

pytestmark = pytest.mark.slow

N, N_CLASSES = 20, 4


def tagged_source(shape=(4,), n=N):
    """Sample i has the pixels 4i .. 4i+3, so that any one tells the sample; those of the test are negative."""
    y, y_test = np.arange(n) % N_CLASSES, np.arange(8) % N_CLASSES
    x, x_test = np.arange(4.0 * n, dtype=np.float32), -1 - np.arange(32.0, dtype=np.float32)
    return from_arrays(x.reshape(n, *shape), y, x_test.reshape(8, *shape), y_test, scale=1.0)


def raw(batch, moments):
    """Inputs as they were before they were standardised, in steps of a half."""
    expand = (...,) + (None,) * (batch.x.ndim - np.ndim(moments.mean))
    return np.rint(2 * np.asarray(batch.x * moments.std[expand] + moments.mean[expand])) / 2


def lived(config, seed=0, made_from=None):
    """Stream, schedule, and what a learner sees, a row a step."""
    stream, data = contexts.make(config, made_from or tagged_source(), "test")

    @jax.jit
    def live(key, data):
        schedule = stream.schedule(key, data)
        return schedule, jax.vmap(lambda step: stream.observe(schedule.world, step, data))(schedule.step)

    return stream, *live(jax.random.key(seed), data)


def samples_of(batches, schedule):
    return (raw(batches, schedule.step.moments).min(-1) // 4).astype(int)


def visit_of(schedule, steps):
    return np.searchsorted(np.asarray(schedule.layout.visit_start), np.arange(steps), side="right") - 1


@st.composite
def configs(draw):
    n_contexts = draw(st.integers(1, 4))
    spread = draw(st.sampled_from([0.0, 0.5]))
    batch = draw(st.integers(1, 6))
    return Contexts(
        transform=draw(st.sampled_from(["permutation", "labels"])),
        contexts=n_contexts,
        visits=n_contexts + draw(st.integers(0, 5)),
        dwell=batch * (3 if spread else 1) + draw(st.integers(0, 20)),
        dwell_spread=spread,
        fade=draw(st.sampled_from([0.0, 0.0, 0.4])),
        batch=batch,
    )


@settings(max_examples=8, deadline=None)
@given(configs(), st.integers(0, 1000))
def test_each_context_is_visited_then_others_and_all_samples_come_equally_often(config, seed):
    stream, schedule, batches = lived(config, seed)
    valid, layout = np.asarray(batches.valid), schedule.layout
    assert valid.shape == (stream.steps, config.batch)
    assert valid.sum() == config.visits * config.dwell
    shown = samples_of(batches, schedule)[valid]
    counts = np.bincount(shown, minlength=N)
    assert counts.max() - counts.min() <= 1
    for start in range(0, len(shown) - N + 1, N):  # a pass shows every sample once
        assert len(set(shown[start : start + N])) == N
    visit = visit_of(schedule, stream.steps)
    length = np.bincount(visit, minlength=config.visits)
    assert length.sum() == stream.steps
    spread = config.dwell_spread
    if spread:
        share = length * config.batch / config.dwell
        slack = 2 * config.batch / config.dwell  # boundaries lie between steps
        assert (share >= (1 - spread) / (1 + spread) - slack).all()
        assert (share <= (1 + spread) / (1 - spread) + slack).all()
        assert length.min() >= 1
    else:
        per_visit = np.bincount(np.broadcast_to(visit[:, None], valid.shape)[valid])
        assert (per_visit == config.dwell).all()
    true = np.arange(N)[shown] % N_CLASSES
    context = np.asarray(batches.task)[valid]
    np.testing.assert_array_equal(np.asarray(batches.y)[valid], np.asarray(schedule.world.label)[context, true])
    visits = np.asarray(layout.visit_task)
    assert visits[: config.contexts].tolist() == list(range(config.contexts))
    assert len(visits) == config.visits
    assert config.contexts == 1 or (np.diff(visits) != 0).all()
    now, before = visits[visit][:, None], visits[np.maximum(visit - 1, 0)][:, None]
    assert ((batches.task == now) | ((batches.task == before) & (config.fade > 0))).all()
    assert layout.group_task.tolist() == list(range(config.contexts))


def test_later_visits_are_drawn_evenly_among_the_other_contexts():
    visits = np.asarray(contexts.visit_contexts(jax.random.key(0), 4, 4000))
    counts = np.zeros((4, 4), int)
    np.add.at(counts, (visits[4:-1], visits[5:]), 1)
    off_diagonal = counts[~np.eye(4, dtype=bool)]
    assert np.diag(counts).max() == 0
    assert abs(off_diagonal - 333).max() < 4 * np.sqrt(333)  # four standard deviations of a count


def test_dwell_as_long_as_the_source_makes_each_visit_one_fresh_pass():
    stream, schedule, batches = lived(Contexts(contexts=3, visits=5, dwell=N, batch=6))
    shown, valid = samples_of(batches, schedule), np.asarray(batches.valid)
    visit = visit_of(schedule, stream.steps)
    orders = [tuple(shown[visit == v][valid[visit == v]]) for v in range(5)]
    assert all(sorted(order) == list(range(N)) for order in orders)
    assert len(set(orders)) == 5


def test_equal_keys_give_equal_streams_and_different_keys_different_ones():
    config = Contexts(contexts=3, visits=6, dwell=20, dwell_spread=0.4, fade=0.3, batch=4)
    one, same, other = (lived(config, seed)[1] for seed in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, one, same)
    differing = ["world.maps", "step.sample", "step.context", "layout.visit_start"]
    for name in differing:
        part, leaf = name.split(".")
        assert not np.array_equal(getattr(getattr(one, part), leaf), getattr(getattr(other, part), leaf)), name


def test_a_visit_fades_in_linearly():
    config = Contexts(contexts=2, visits=2, dwell=4000, fade=0.5, batch=10)
    _, schedule, batches = lived(config)
    task = np.asarray(batches.task)
    assert (task[:400] == 0).all()
    assert (task[600:] == 1).all()
    share = task[400:600].reshape(4, -1).mean(1)  # quarters of the fade, 500 rows each
    np.testing.assert_allclose(share, [0.125, 0.375, 0.625, 0.875], atol=4 * 0.5 / np.sqrt(500))
    assert schedule.layout.visit_start.tolist() == [0, 400]


@pytest.mark.parametrize("transform", ["permutation", "rotation", "inversion", "labels"])
def test_the_first_context_is_the_source_as_it_is(transform):
    config = Contexts(transform=transform, contexts=2, visits=2, dwell=N)
    _, schedule, batches = lived(config, made_from=tagged_source((2, 2)))
    first = np.asarray(batches.task[0]) == 0
    assert first.all()
    shown = np.asarray(schedule.step.sample[0])
    np.testing.assert_array_equal(
        raw(batches, schedule.step.moments)[0].reshape(-1, 4) - 4 * shown[:, None], [[0, 1, 2, 3]] * 10
    )
    np.testing.assert_array_equal(batches.y[0], shown % N_CLASSES)


@pytest.mark.parametrize(("transform", "size"), [("permutation", 4), ("labels", N_CLASSES)])
def test_maps_are_bijections_that_the_key_draws(transform, size):
    config = Contexts(transform=transform, contexts=6, visits=6, dwell=N)

    def maps(seed):
        world = lived(config, seed)[1].world
        return np.asarray(world.maps if transform == "permutation" else world.label)

    one, other = maps(0), maps(1)
    assert one.shape == (6, size)
    assert one[0].tolist() == list(range(size))
    np.testing.assert_array_equal(np.sort(one, axis=1), [list(range(size))] * 6)
    assert not np.array_equal(one, other)
    assert len({tuple(row) for row in one}) > 2


@pytest.mark.parametrize("shape", [(4,), (2, 2), (2, 1, 2)])
def test_permuted_pixels_by_hand(shape):
    """Channels move together with their pixel."""
    config = Contexts(contexts=3, visits=3, dwell=N)
    _, schedule, batches = lived(config, made_from=tagged_source(shape))
    x = raw(batches, schedule.step.moments)
    n_pixels = np.prod(shape[:2])
    for t in (0, 3, 5):
        for row in range(10):
            image = 4 * schedule.step.sample[t, row] + np.arange(4).reshape(n_pixels, -1)
            moved = np.asarray(image)[np.asarray(schedule.world.maps)[batches.task[t, row]]]
            np.testing.assert_array_equal(x[t, row], moved.reshape(shape))


def test_inversion_by_hand():
    made_from = tagged_source()._replace(scale=1 / 79)
    _, schedule, batches = lived(Contexts(transform="inversion", contexts=2, visits=2, dwell=N), made_from=made_from)
    x = batches.x * schedule.step.moments.std[:, None, None] + schedule.step.moments.mean[:, None, None]
    pixels = (4 * schedule.step.sample[..., None] + jnp.arange(4)) / 79
    np.testing.assert_allclose(x, jnp.where(batches.task[..., None] == 1, 1 - pixels, pixels), atol=1e-5)


def test_colours_come_with_the_second_context():
    colour, x = TRANSFORMS["colour"], jnp.arange(12.0).reshape(4, 3)
    colourless = colour.draw(jax.random.key(0), 2, (2, 2, 3), None)
    np.testing.assert_array_equal(
        colour.apply(colourless[0], x), jnp.repeat(jnp.asarray([1.0, 4, 7, 10]), 3).reshape(4, 3)
    )
    np.testing.assert_array_equal(colour.apply(colourless[1], x), x)


@pytest.mark.parametrize(("side", "n_contexts"), [(5, 2), (8, 3), (9, 6)])
def test_rotations_are_those_of_scipy(side, n_contexts):
    image = np.random.default_rng(0).uniform(size=(side, side)).astype(np.float32)
    maps = rotations(jax.random.key(1), n_contexts, (side, side))
    turned = [image.ravel()[maps.pixel[c]] * maps.weight[c] for c in range(n_contexts)]
    turned = np.stack(turned).sum(-1).reshape(n_contexts, side, side)
    degrees = 180 / n_contexts * np.arange(n_contexts)
    want = np.stack([ndimage.rotate(image, d, reshape=False, order=1, mode="grid-constant") for d in degrees])
    np.testing.assert_allclose(turned[0], image, atol=0)
    if n_contexts == 2:
        np.testing.assert_allclose(turned[1], np.rot90(image), atol=1e-5)
    distance = abs(turned[:, None] - want[None]).max((2, 3))
    assert sorted(distance.argmin(1)) == list(range(n_contexts))  # every angle once, in some order
    assert distance.min(1).max() < 1e-4


@pytest.mark.parametrize("transform", ["permutation", "rotation"])
def test_standardisation_uses_what_has_arrived_as_it_looked(transform):
    config = Contexts(transform=transform, contexts=3, visits=3, dwell=N, batch=6)
    _, schedule, batches = lived(config, made_from=tagged_source((2, 2)))
    moments, valid = schedule.step.moments, np.asarray(batches.valid)
    x = np.asarray(batches.x * moments.std[:, None, None, None] + moments.mean[:, None, None, None])
    for t in range(len(x)):
        arrived = x[: t + 1][valid[: t + 1]]
        np.testing.assert_allclose(moments.mean[t], arrived.mean(), rtol=1e-4)
        np.testing.assert_allclose(moments.std[t], arrived.std(), rtol=1e-3)  # a difference of squares, in float32


def test_no_test_sample_enters_a_stream_and_a_probe_shows_them_under_every_context():
    made_from = tagged_source()
    config = Contexts(transform="labels", contexts=3, visits=3, dwell=N)
    stream, schedule, batches = lived(config, made_from=made_from)
    assert raw(batches, schedule.step.moments).min() >= 0
    _, data = contexts.make(config, made_from, "test")
    last = jax.tree.map(lambda leaf: leaf[-1], schedule.step)
    for size, count in ((None, 8), (5, 5)):
        probe, group = stream.probe(schedule.world, last, data, size)
        np.testing.assert_array_equal(group, np.repeat(np.arange(3), count))
        np.testing.assert_array_equal(probe.task, group)
        tags = (-1 - raw(probe, last.moments).max(-1)) // 4
        assert len(set(tags)) == count
        np.testing.assert_array_equal(tags.reshape(3, count), [tags[:count]] * 3)
        np.testing.assert_array_equal(probe.y, np.asarray(schedule.world.label)[group, tags.astype(int) % N_CLASSES])


@pytest.mark.parametrize("transform", ["permutation", "rotation", "inversion"])
def test_a_probe_looks_as_the_stream_would(transform):
    """With test samples equal to training samples, both show the same images in each context."""
    made_from = tagged_source((2, 2))
    made_from = made_from._replace(x_test=made_from.x_train, y_test=made_from.y_train)
    config = Contexts(transform=transform, contexts=2, visits=2, dwell=N, batch=N)
    stream, schedule, batches = lived(config, made_from=made_from)
    _, data = contexts.make(config, made_from, "test")
    step = jax.tree.map(lambda leaf: leaf[1], schedule.step)
    probe, group = stream.probe(schedule.world, step, data, None)
    shown, probed = (np.asarray(x).reshape(N, 4) for x in (batches.x[1], probe.x[group == 1]))
    np.testing.assert_allclose(np.sort(shown, axis=0), np.sort(probed, axis=0), atol=1e-5)


def test_ends_are_those_of_contexts_that_come_once_and_abruptly():
    def ends(**changes):
        settings = {"contexts": 3, "visits": 3, "dwell": N, "batch": 6} | changes
        return contexts.make(Contexts(**settings), tagged_source(), "test")[0].task_ends

    assert ends() == (4, 8, 12)
    assert ends(visits=4) == ends(dwell_spread=0.1) == ends(fade=0.1) == ()


@pytest.mark.parametrize("transform", ["permutation", "rotation"])
def test_schedules_of_many_keys_in_one_program(transform):
    config = Contexts(transform=transform, contexts=3, visits=5, dwell=12, dwell_spread=0.3, fade=0.2, batch=4)
    stream, data = contexts.make(config, tagged_source((2, 2)), "test")

    @jax.jit
    def last_batch(key, data):
        world, steps, layout = stream.schedule(key, data)
        return stream.observe(world, jax.tree.map(lambda leaf: leaf[-1], steps), data), layout

    keys = jax.random.split(jax.random.key(0), 3)
    together = jax.vmap(last_batch, (0, None))(keys, data)
    for i, key in enumerate(keys):
        alone = last_batch(key, data)
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b, atol=1e-5), together, alone)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dwell": 0}, "dwell=0: must be finite and within"),
        ({"contexts": 0}, "contexts=0: must be finite and within"),
        ({"visits": 4}, "visits=4: every context is visited, so give at least contexts=5"),
        ({"fade": 1.1}, r"fade=1.1: must be finite and within \[0, 1\]"),
        ({"dwell_spread": -0.1}, "dwell_spread=-0.1: must be finite and within"),
        ({"dwell_spread": 1.0}, "dwell_spread=1.0: must be below 1"),
        ({"batch": 20, "dwell": 15}, "batch=20: larger than the shortest visit of dwell=15 .* dwell to at least 20"),
        ({"batch": 20, "dwell": 50, "dwell_spread": 0.5}, "batch=20: larger .* dwell to at least 60"),
        ({"transform": "inversion"}, "contexts=5: transform=inversion has two"),
        ({"transform": "colour"}, "contexts=5: transform=colour has two"),
        ({"transform": "mirror"}, "choose one of permutation, rotation"),
    ],
)
def test_settings_that_contradict_each_other(changes, message):
    with pytest.raises(UsageError, match=message) as caught:
        streams.make("contexts", **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 4), (4, 1, 1)])
def test_only_square_images_are_rotated(shape):
    with pytest.raises(UsageError, match="transform=rotation: needs square images"):
        contexts.make(Contexts(transform="rotation"), tagged_source(shape), "test")


def test_real_digits_come_as_contexts():
    stream, data = streams.make("contexts", transform="rotation", contexts=3, visits=3, dwell=100)
    _, steps, layout = stream.schedule(jax.random.key(0), data)
    assert stream.task_ends == (10, 20, 30)
    assert steps.sample.shape == (30, 10)
    assert layout.visit_task.tolist() == [0, 1, 2]
    assert stream.spec == ((64,), 10, 0)
