"""Split streams: every sample once, tasks in turn, nothing from the future and nothing from the test."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.streams import split
from pcl.streams.sources import make_source, samples, source

N_CLASSES = 4


def tagged_source(counts, seed=0):
    """Every sample carries its own number as its only pixel: 0 .. for training, negative for the test."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(N_CLASSES), counts))
    x = np.arange(len(y), dtype=np.float32)[:, None]
    y_test = np.arange(8) % N_CLASSES
    return make_source(x, y, -1 - np.arange(8, dtype=np.float32)[:, None], y_test, scale=1.0)


def lived(config, made_from, seed=0, probe_on="test"):
    """What a learner sees: raw tags, labels, validity and tasks, a row a step."""
    stream, data = split.make(config, made_from, probe_on)
    world, steps, _ = stream.schedule(jax.random.key(seed), data)
    batches = jax.vmap(lambda step: stream.observe(world, step, data))(steps)
    tags = jnp.round(batches.x[..., 0] * steps.moments.std[:, None] + steps.moments.mean[:, None])
    return stream, world, steps, batches, np.asarray(tags)


configs = st.builds(
    split.Split,
    classes_per_task=st.sampled_from([1, 2, 4]),
    order=st.sampled_from(["random", "natural", "iid"]),
    scenario=st.sampled_from(["class", "domain", "task"]),
    passes=st.integers(1, 3),
    batch=st.integers(1, 9),
)


@settings(max_examples=25, deadline=None)
@given(configs, st.lists(st.integers(1, 7), min_size=4, max_size=4), st.integers(0, 1000))
def test_each_pass_shows_every_training_sample_once_and_tasks_come_in_turn(config, counts, seed):
    made_from = tagged_source(counts)
    stream, world, _, batches, tags = lived(config, made_from, seed)
    assert tags.shape == (stream.steps, config.batch)
    valid = np.asarray(batches.valid)
    seen, times = np.unique(tags[valid], return_counts=True)
    np.testing.assert_array_equal(seen, np.arange(sum(counts)))
    assert (times == config.passes).all()
    task = np.asarray(world.class_task)[made_from.y_train[tags.astype(int)]]
    np.testing.assert_array_equal(np.asarray(batches.task)[valid], task[valid])
    if config.order != "iid":
        assert (np.diff(task[valid]) >= 0).all()
        step_of = np.broadcast_to(np.arange(stream.steps)[:, None], valid.shape)
        starts = np.concatenate(([0], stream.task_ends))[task]
        ends = np.asarray(stream.task_ends)[task]
        assert ((starts <= step_of) & (step_of < ends))[valid].all()


@settings(max_examples=10, deadline=None)
@given(configs, st.integers(0, 1000))
def test_equal_keys_give_equal_streams(config, seed):
    made_from = tagged_source([5, 6, 7, 8])
    np.testing.assert_array_equal(lived(config, made_from, seed)[4], lived(config, made_from, seed)[4])


@pytest.mark.parametrize("order", ["random", "natural", "iid"])
def test_different_keys_give_different_streams(order):
    made_from = tagged_source([5, 6, 7, 8])
    tags = [lived(split.Split(order=order), made_from, seed)[4] for seed in range(5)]
    assert len({t.tobytes() for t in tags}) == 5


def test_the_key_draws_the_order_of_the_classes_and_natural_keeps_it():
    made_from = tagged_source([5, 6, 7, 8])
    drawn = {tuple(np.asarray(lived(split.Split(), made_from, s)[1].class_task)) for s in range(8)}
    assert len(drawn) > 1
    assert tuple(np.asarray(lived(split.Split(order="natural"), made_from)[1].class_task)) == (0, 0, 1, 1)


def test_passes_of_a_task_are_shuffled_anew():
    tags = lived(split.Split(order="iid", passes=2, batch=1), tagged_source([5, 6, 7, 8]))[4].ravel()
    assert not np.array_equal(tags[:26], tags[26:])


def test_standardisation_uses_what_has_arrived_and_nothing_else():
    made_from = tagged_source([5, 6, 7, 8])
    _, _, steps, batches, tags = lived(split.Split(batch=3), made_from)
    valid = np.asarray(batches.valid)
    for t in range(len(tags)):
        arrived = tags[: t + 1][valid[: t + 1]]
        np.testing.assert_allclose(steps.moments.mean[t], arrived.mean(), rtol=1e-5)
        np.testing.assert_allclose(
            steps.moments.std[t], arrived.std(), rtol=1e-3
        )  # a difference of squares, in float32


def test_labels_and_masks_of_the_scenarios():
    made_from = tagged_source([5, 6, 7, 8])

    def layout_of(scenario):
        stream, data = split.make(split.Split(scenario=scenario), made_from, "test")
        return stream.schedule(jax.random.key(0), data).layout

    _, world, _, batches, tags = lived(split.Split(scenario="class"), made_from)
    true = made_from.y_train[tags.astype(int)]
    valid = np.asarray(batches.valid)
    np.testing.assert_array_equal(np.asarray(batches.y)[valid], true[valid])
    assert layout_of("class").allowed is None

    stream, world, _, batches, _ = lived(split.Split(scenario="domain"), made_from)
    assert stream.spec.num_labels == 2
    assert sorted(np.asarray(world.class_task * 2 + world.class_label)) == [0, 1, 2, 3]
    assert set(np.unique(batches.y)) == {0, 1}

    layout = layout_of("task")
    assert layout.allowed.sum(1).tolist() == [2, 2]
    assert all(layout.allowed[layout.group_task[c], c] for c in range(N_CLASSES))


def test_no_test_sample_enters_a_stream_and_the_probe_is_the_whole_test_set():
    made_from = tagged_source([5, 6, 7, 8])
    _, _, _, batches, tags = lived(split.Split(), made_from)
    assert tags[np.asarray(batches.valid)].min() >= 0
    stream, data = split.make(split.Split(), made_from, "test")
    world, steps, layout = stream.schedule(jax.random.key(0), data)
    last = jax.tree.map(lambda leaf: leaf[-1], steps)
    probe, group = stream.probe(world, last, data, None)
    tags = np.rint(probe.x[:, 0] * last.moments.std + last.moments.mean)
    assert sorted(tags) == sorted(made_from.x_test[:, 0])
    np.testing.assert_array_equal(group, made_from.y_test[-1 - tags.astype(int)])
    assert layout.group_task.tolist() == world.class_task.tolist()
    few, _ = stream.probe(world, last, data, 4)
    assert sorted(few.y.tolist()) == [0, 1, 2, 3]  # a mix of all classes


def test_validation_samples_are_stratified_and_held_out_of_the_stream():
    digits = source("digits")
    x, y, probe_x, probe_y = samples(digits, "validation")
    assert len(x) + len(probe_x) == len(digits.x_train) == 1437
    share = np.bincount(probe_y) / np.bincount(digits.y_train)
    assert (abs(share - 0.2) < 0.01).all()
    pooled = np.concatenate([x, probe_x]).reshape(1437, -1)
    assert sorted(map(bytes, pooled)) == sorted(map(bytes, digits.x_train))
    assert len(y) == len(x)
    assert samples(digits, "test").x is digits.x_train
    assert np.bincount(probe_y[:50]).tolist() == [5] * 10


def test_digits_are_the_real_ones():
    digits = source("digits")
    assert (digits.x_train.shape, digits.x_test.shape) == ((1437, 64), (360, 64))
    assert np.bincount(digits.y_train).min() >= 139
    assert digits.x_train.max() * digits.scale == 1.0
    both = {bytes(row) for row in digits.x_train} & {bytes(row) for row in digits.x_test}
    assert not both


def test_tasks_must_divide_the_classes():
    with pytest.raises(UsageError, match="classes_per_task=3: must divide the 4 classes"):
        split.make(split.Split(classes_per_task=3), tagged_source([2, 2, 2, 2]), "test")
