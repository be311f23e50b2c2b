"""Split streams: every sample once, tasks in turn, nothing from the future and nothing from the test."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.streams import split
from pcl.streams.sources import from_arrays, samples, source

N_CLASSES = 4


def tagged_source(counts, seed=0):
    """Every sample carries its own number as its only pixel: 0 .. for training, negative for the test."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(N_CLASSES), counts))
    x = np.arange(len(y), dtype=np.float32)[:, None]
    y_test = np.arange(8) % N_CLASSES
    return from_arrays(x, y, -1 - np.arange(8, dtype=np.float32)[:, None], y_test, scale=1.0)


def lived(config, made_from, seed=0, probe_on="test"):
    """What a learner sees: raw tags, labels, validity and tasks, a row a step."""
    stream, data = split.make(config, made_from, probe_on)

    @jax.jit
    def live(key, data):
        world, steps, _ = stream.schedule(key, data)
        return world, steps, jax.vmap(lambda step: stream.observe(world, step, data))(steps)

    world, steps, batches = live(jax.random.key(seed), data)
    tags = jnp.round(batches.x[..., 0] * steps.moments.std[:, None] + steps.moments.mean[:, None])
    return stream, world, steps, batches, np.asarray(tags)


def task_of(world, made_from, tags):
    return np.asarray(world.sample_task)[tags.astype(int)]


@st.composite
def configs(draw):
    boundary = draw(st.sampled_from(["sharp", "sharp", "blurry", "gaussian"]))
    content = draw(st.sampled_from(["classes", "classes", "instances"]))
    return split.Split(
        content=content,
        classes_per_task=draw(st.sampled_from([1, 2, 4])),
        order=draw(st.sampled_from(["random", "natural", "iid"] if boundary == "sharp" else ["random", "natural"])),
        scenario=draw(st.sampled_from(["class", "domain", "task"])) if content == "classes" else "class",
        boundary=boundary,
        blur=draw(st.sampled_from([0.0, 0.3, 1.0])),
        passes=draw(st.integers(1, 3)),
        batch=draw(st.integers(1, 9)),
    )


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(configs(), st.lists(st.integers(2, 7), min_size=4, max_size=4), st.integers(0, 1000))
def test_each_pass_shows_every_training_sample_once_and_tasks_come_in_turn(config, counts, seed):
    made_from = tagged_source(counts)
    stream, world, _, batches, tags = lived(config, made_from, seed)
    assert tags.shape == (stream.steps, config.batch)
    valid = np.asarray(batches.valid)
    seen, times = np.unique(tags[valid], return_counts=True)
    np.testing.assert_array_equal(seen, np.arange(sum(counts)))
    assert (times == config.passes).all()
    task = task_of(world, made_from, tags)
    np.testing.assert_array_equal(np.asarray(batches.task)[valid], task[valid])
    n_tasks = N_CLASSES // config.classes_per_task
    if config.content == "classes":
        of_class = np.asarray(world.group_task)[made_from.y_train[tags.astype(int)]]
        np.testing.assert_array_equal(task[valid], of_class[valid])
    else:
        sizes = np.bincount(np.asarray(world.sample_task), minlength=n_tasks)
        assert sizes.max() - sizes.min() <= 1
        assert stream.task_ends in ((), (stream.steps,))
    assert (stream.task_ends == ()) == (config.boundary != "sharp")
    if config.boundary != "sharp":
        assert valid.sum(1)[:-1].min(initial=config.batch) == config.batch  # only the last step is padded
    in_turn = config.boundary == "sharp" or config.blur == 0
    if in_turn and config.order != "iid":
        assert (np.diff(task[valid]) >= 0).all()
    if config.content == "classes" and config.boundary == "sharp" and config.order != "iid":
        step_of = np.broadcast_to(np.arange(stream.steps)[:, None], valid.shape)
        starts = np.concatenate(([0], stream.task_ends))[task]
        ends = np.asarray(stream.task_ends)[task]
        assert ((starts <= step_of) & (step_of < ends))[valid].all()


@pytest.mark.slow
@settings(max_examples=3, deadline=None)
@given(configs(), st.integers(0, 1000))
def test_equal_keys_give_equal_streams(config, seed):
    made_from = tagged_source([5, 6, 7, 8])
    np.testing.assert_array_equal(lived(config, made_from, seed)[4], lived(config, made_from, seed)[4])


def schedules(config, n_keys):
    """One schedule a key, stacked."""
    stream, data = split.make(config, tagged_source([5, 6, 7, 8]), "test")
    keys = jax.vmap(jax.random.key)(jnp.arange(n_keys))
    return jax.jit(jax.vmap(lambda key: stream.schedule(key, data)))(keys)


@pytest.mark.parametrize("order", ["random", "natural", "iid"])
def test_different_keys_give_different_streams(order):
    samples = np.asarray(schedules(split.Split(order=order), 5).step.sample)
    assert len({row.tobytes() for row in samples}) == 5


def test_the_key_draws_the_order_of_the_classes_and_natural_keeps_it():
    drawn = np.asarray(schedules(split.Split(), 8).world.group_task)
    assert len({tuple(row) for row in drawn}) > 1
    assert (np.asarray(schedules(split.Split(order="natural"), 2).world.group_task) == [0, 0, 1, 1]).all()


def test_passes_over_a_task_are_the_epochs_of_the_classic_protocol():
    """Three passes over each of two tasks: each in another order, none before its task, held-out samples in none."""
    made_from = tagged_source([5, 6, 7, 8])
    stream, _, _, _, tags = lived(split.Split(order="natural", passes=3, batch=1), made_from)
    assert stream.task_ends == (33, 78)
    for visit, of_task in enumerate((tags[:33].reshape(3, 11), tags[33:].reshape(3, 15))):
        assert len({tuple(one) for one in of_task}) == 3
        theirs = np.flatnonzero(made_from.y_train // 2 == visit)  # held-out samples are negative
        np.testing.assert_array_equal(np.sort(of_task), np.tile(theirs, (3, 1)))


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


@pytest.mark.slow
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
    assert sorted(np.asarray(world.group_task * 2 + world.class_label)) == [0, 1, 2, 3]
    assert set(np.unique(batches.y)) == {0, 1}

    layout = layout_of("task")
    assert layout.allowed.sum(1).tolist() == [2, 2]
    assert all(layout.allowed[layout.group_task[c], c] for c in range(N_CLASSES))


@pytest.mark.slow
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
    assert layout.group_task.tolist() == world.group_task.tolist()
    few, _ = stream.probe(world, last, data, 4)
    assert sorted(few.y.tolist()) == [0, 1, 2, 3]  # a mix of all classes


def test_validation_samples_are_stratified_and_held_out_of_the_stream():
    digits = source("digits")
    x, y, probe_x, probe_y = samples(digits, "validation")[:4]
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


def test_blurry_samples_swap_their_task_with_the_given_probability_for_any_other():
    task, passes = jnp.arange(4000) % 4, 2
    config = split.Split(boundary="blurry", blur=0.3, passes=passes)
    time = np.asarray(split._blurred(jax.random.key(0), config, task, 4))
    assert (time % passes == np.arange(passes)[:, None]).all()  # within a task, one pass after the other
    further = (time // passes - np.asarray(task)) % 4
    expected = 8000 * np.asarray([0.7, 0.1, 0.1, 0.1])
    assert (abs(np.bincount(further.ravel()) - expected) < 4 * np.sqrt(expected)).all()
    assert not np.array_equal(further[0], further[1])


def test_gaussian_arrivals_are_normal_around_their_task():
    task = jnp.arange(4000) % 4
    time = split._blurred(jax.random.key(0), split.Split(boundary="gaussian", blur=0.5), task, 4)
    from_middle = np.asarray(time - task).reshape(-1, 4)
    assert (abs(from_middle.mean(0)) < 4 * 0.5 / np.sqrt(1000)).all()
    assert (abs(from_middle.std(0) - 0.5) < 4 * 0.5 / np.sqrt(2000)).all()


@pytest.mark.parametrize(
    ("boundary", "blur", "low", "high"),
    [
        ("gaussian", 0.2, 0.9, 0.99),
        ("gaussian", 20.0, -0.15, 0.15),
        ("blurry", 0.1, 0.8, 0.95),
        ("blurry", 0.75, -0.15, 0.15),
    ],
)
def test_blur_goes_from_tasks_in_turn_to_no_boundary(boundary, blur, low, high):
    """The correlation of task with time of arrival; at 3/4 a blurry sample is in any of four tasks alike."""
    config = split.Split(boundary=boundary, blur=blur, classes_per_task=1, batch=10)
    _, _, _, batches, _ = lived(config, tagged_source([250] * 4))
    task = np.asarray(batches.task).ravel()
    assert low < np.corrcoef(task, np.arange(1000))[0, 1] < high


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"boundary": "blurry"}, {"boundary": "gaussian"}, {"content": "instances"}])
def test_streams_without_ends_of_classes_are_one_visit(settings):
    made_from = tagged_source([5, 6, 7, 8])
    stream, data = split.make(split.Split(**settings), made_from, "test")
    layout = stream.schedule(jax.random.key(0), data).layout
    assert layout.visit_start.tolist() == layout.visit_task.tolist() == [0]
    instances = "content" in settings
    assert sorted(layout.group_task.tolist()) == ([0, 0, 0, 0] if instances else [0, 0, 1, 1])
    assert stream.task_ends == ((stream.steps,) if instances else ())


def test_instances_are_random_shares_of_all_classes():
    made_from = tagged_source([100] * 4)
    worlds = [lived(split.Split(content="instances", batch=50), made_from, seed)[1] for seed in range(2)]
    tasks = [np.asarray(world.sample_task) for world in worlds]
    assert not np.array_equal(*tasks)
    for k in range(N_CLASSES):
        assert abs(tasks[0][made_from.y_train == k].mean() - 0.5) < 4 * 0.05  # four standard deviations


@pytest.mark.parametrize("boundary", ["blurry", "gaussian"])
def test_blurred_streams_of_many_keys_in_one_program(boundary):
    stream, data = split.make(split.Split(boundary=boundary), tagged_source([5, 6, 7, 8]), "test")
    sample_of = jax.jit(lambda key: stream.schedule(key, data).step.sample)
    keys = jax.random.split(jax.random.key(0), 3)
    together = jax.vmap(sample_of)(keys)
    np.testing.assert_array_equal(together, jnp.stack([sample_of(key) for key in keys]))
    assert len({row.tobytes() for row in np.asarray(together)}) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes_per_task": 3}, "classes_per_task=3: must divide the 4 classes"),
        ({"content": "instances", "scenario": "task"}, "scenario=task: tasks of instances share all classes"),
        ({"boundary": "blurry", "order": "iid"}, "boundary=blurry: order=iid has no tasks to blur"),
        ({"boundary": "blurry", "blur": 1.5}, "blur=1.5: is a probability where boundary=blurry"),
    ],
)
def test_settings_that_contradict_each_other(settings, message):
    with pytest.raises(UsageError, match=message):
        split.make(split.Split(**settings), tagged_source([2, 2, 2, 2]), "test")
