"""Class-incremental contexts: who comes when, and contexts that share their sensor, their names, or their moments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import streams
from pcl.errors import UsageError
from pcl.streams.transforms import TRANSFORMS, exchanges, principal_axes

SETTINGS = {
    "source": "digits",
    "transform": "labels",
    "contexts": 2,
    "samples_per_task": 30,
    "revisits": 3,
    "revisit_dwell": 21,
}
PAIRS, BATCH = 5, 10


def test_contexts_come_class_by_class_and_return_with_all_classes():
    stream, data = streams.make("class_contexts", **SETTINGS)

    @jax.jit
    def live(key, data):
        world, steps, layout = stream.schedule(key, data)
        batches = jax.vmap(lambda step: stream.observe(world, step, data))(steps)
        last = jax.tree.map(lambda leaf: leaf[-1], steps)
        return world, steps.sample, layout, batches, stream.revisit(world, last, data, jnp.asarray(1), 2)

    world, sample, layout, batches, again = live(jax.random.key(0), data)
    first = 2 * PAIRS * 3  # steps
    assert stream.steps == first + 3 * 3
    assert layout.visit_start.tolist() == [0, 15, 30, 33, 36]
    assert layout.visit_task.tolist() == [0, 1, 0, 1, 0]
    assert layout.group_task.tolist() == [0, 1]
    valid, task = np.asarray(batches.valid), np.asarray(batches.task)
    assert valid.sum(1).tolist() == [10] * first + [10, 10, 1] * 3
    assert (task == np.repeat([0, 1, 0, 1, 0], [15, 15, 3, 3, 3])[:, None]).all()
    true = np.asarray(data["y"])[sample]
    np.testing.assert_array_equal(batches.y, np.asarray(world.label)[task, true])
    blocks = true[:first].reshape(2, PAIRS, 30)
    pairs = [[set(block) for block in context] for context in blocks]
    assert pairs[0] == pairs[1]  # the same order in every context
    assert sorted(k for pair in pairs[0] for k in pair) == list(range(10))
    assert len(set(true[first:][valid[first:]])) > 7
    for block in sample[:first].reshape(-1, 30):  # a pair has more samples than that
        assert len(set(np.asarray(block).tolist())) == 30
    assert (again.task == 1).all()
    assert again.y.shape == (2, BATCH)


def test_a_group_that_stays_longer_than_its_samples_last_comes_again():
    stream, data = streams.make("class_contexts", **SETTINGS | {"contexts": 1, "samples_per_task": 500, "revisits": 0})
    sample = np.asarray(jax.jit(lambda key: stream.schedule(key, data).step.sample)(jax.random.key(0)))
    for block in sample.reshape(PAIRS, 500):
        assert np.ptp(np.bincount(block)[np.unique(block)]) <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes_per_task": 3}, "classes_per_task=3: must divide the 10 classes of digits"),
        ({"transform": "inversion", "contexts": 3}, "contexts=3: transform=inversion has two"),
    ],
)
def test_settings_that_contradict_each_other(changes, message):
    with pytest.raises(UsageError, match=message):
        streams.make("class_contexts", **SETTINGS | changes)


def test_weak_contexts_leave_mean_and_covariance_and_change_every_image_but_those_of_the_first():
    x = np.random.default_rng(0).normal(size=(400, 6)) @ np.diag([3, 2, 1, 1, 0.5, 0]) + 1
    by = exchanges(jax.random.key(0), 3, (6,), principal_axes(x.astype(np.float32)))
    assert by.change.shape == (3, 6, 5)  # no axis without variance
    apply = TRANSFORMS["weak"].apply
    first = apply(jax.tree.map(lambda leaf: leaf[0], by), jnp.asarray(x[0], jnp.float32)[:, None])
    np.testing.assert_array_equal(first[:, 0], x[0].astype(np.float32))
    for c in (1, 2):
        linear = np.eye(6) + np.asarray(by.change[c] @ by.whiten[c].T)  # from the right: images are rows
        shifted = (x - x.mean(0)) @ linear.T
        np.testing.assert_allclose(np.cov(shifted.T), np.cov(x.T), atol=1e-3)
        assert abs(shifted - (x - x.mean(0))).mean() > 0.3
        one = apply(jax.tree.map(lambda leaf, c=c: leaf[c], by), jnp.asarray(x[0], jnp.float32)[:, None])[:, 0]
        np.testing.assert_allclose(one, x.mean(0) + shifted[0], atol=1e-3)


def test_contexts_of_both_kinds_share_sensors_by_row_and_names_by_column():
    both = TRANSFORMS["both"]
    pixels = np.asarray(both.draw(jax.random.key(0), 4, (5, 5), None))
    names = np.asarray(both.names(jax.random.key(1), 4, 10))
    for shared, together in ((pixels, [[0, 1], [2, 3]]), (names, [[0, 2], [1, 3]])):
        for one, other in together:
            np.testing.assert_array_equal(shared[one], shared[other])
        assert len({tuple(row) for row in shared}) == 2
    np.testing.assert_array_equal(names[0], np.arange(10))
