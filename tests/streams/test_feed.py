"""Samples that stay with the host until their step: the same lives, from files that are never loaded whole."""

import jax
import numpy as np
import pytest

from pcl import learners, streams
from pcl.errors import UsageError
from pcl.runner.run import make_run
from pcl.streams import split
from pcl.streams.inputs import AT_ONCE, fed, pixel_moments, pixel_moments_of_many
from pcl.streams.sources import from_arrays


@pytest.mark.slow
def test_lives_are_the_same():
    """Up to rounding: it is another program."""
    records = []
    for feed in split.FEEDS:
        stream, data = streams.make("split", source="digits", feed=feed, batch=50)
        assert ("x" in data) == (feed == "device")
        learner, hp = learners.make("ncm", stream.spec)
        lives = jax.jit(jax.vmap(make_run(learner, stream), (0, None, None)))
        records.append(lives(jax.random.split(jax.random.key(0), 3), jax.tree.map(np.float32, hp), data))
    np.testing.assert_array_equal(records[0].hits, records[1].hits)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), *records)


def test_samples_are_taken_one_by_one_or_for_many_lives_at_once():
    x = np.arange(60, dtype=np.uint8).reshape(20, 3)
    number = np.asarray([[3, 1, 1], [19, 0, 7]])
    np.testing.assert_array_equal(jax.jit(jax.vmap(fed(x)))(number), x[number])
    np.testing.assert_array_equal(jax.jit(lambda n: jax.lax.map(fed(x), n))(number), x[number])


def test_samples_are_read_from_the_file_when_their_step_comes(tmp_path):
    """What stands in the file at that time is what arrives: nothing was copied before."""
    file = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (40, 5))
    file[:] = np.arange(200).reshape(40, 5)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    source = from_arrays(x, np.arange(40) % 2, x[:4], np.arange(4) % 2, 1 / 255)
    stream, data = split.make(split.Split(feed="host", classes_per_task=1, batch=4), source, "test")
    schedule = jax.jit(stream.schedule)(jax.random.key(0), data)
    step = jax.tree.map(lambda leaf: leaf[3], schedule.step)
    observe = jax.jit(stream.observe)
    before = np.asarray(observe(schedule.world, step, data).x)
    file[:] = 0
    file.flush()
    after = np.asarray(observe(schedule.world, step, data).x)
    sample, mean, std = (np.asarray(part) for part in (step.sample, step.moments.mean, step.moments.std))
    pixels = np.arange(200).reshape(40, 5)[sample]
    np.testing.assert_allclose(before, (pixels / 255 - mean) / std, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(after, np.broadcast_to(-mean / std, (4, 5)), rtol=1e-5)


def test_moments_of_many_samples_are_those_of_all_at_once():
    x = np.random.default_rng(0).integers(0, 256, (AT_ONCE + 7, 3, 2), np.uint8)
    jax.tree.map(np.testing.assert_array_equal, pixel_moments_of_many(x, 1 / 255), pixel_moments(x, 1 / 255))


def test_features_of_own_units_are_refused():
    x = np.arange(20.0).reshape(10, 2)
    source = from_arrays(x, np.arange(10) % 2, x[:4], np.arange(4) % 2, own_units=True)
    with pytest.raises(UsageError, match="feed=host: features of digits are standardised one by one"):
        split.make(split.Split(feed="host", classes_per_task=1), source, "test")
