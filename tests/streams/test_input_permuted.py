"""Input-permuted images: the published protocol of online loss of plasticity."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from pcl import streams
from pcl.experiment import load_experiment
from pcl.streams import input_permuted
from pcl.streams.input_permuted import InputPermuted
from pcl.streams.sources import from_arrays

N, PIXELS = 12, 9


def source():
    """Images whose pixels all differ, so that the permutation and the sample of a row can be read off it."""
    x = 10.0 * np.arange(N)[:, None] + np.arange(PIXELS) + 1
    return from_arrays(x.reshape(N, 3, 3).astype(np.float32), np.arange(N) % 2, x[:0], np.zeros(0, int), scale=1.0)


def lived(seed=0, **settings):
    config = dataclasses.replace(InputPermuted(), pixel_mean=0.0, pixel_std=1.0, **settings)
    stream, data = input_permuted.make(config, source(), "test")
    world, steps, layout = jax.jit(stream.schedule)(jax.random.key(seed), data)
    return stream, layout, jax.vmap(lambda step: stream.observe(world, step, data))(steps)


def read(batches):
    """Sample and permutation of every row [steps, B], [steps, B, pixels]."""
    x = np.asarray(batches.x).reshape(*batches.valid.shape, PIXELS) - 1
    return (x[..., 0] // 10).astype(int), (x % 10).astype(int)


def test_the_permutation_changes_at_every_visit_and_the_first_one_is_permuted_too():
    stream, layout, batches = lived(contexts=4, dwell=5)
    _, permutation = read(batches)
    assert stream.steps == 20
    assert [len({tuple(row) for row in visit}) for visit in permutation[:, 0].reshape(4, 5, PIXELS)] == [1] * 4
    of_visit = [tuple(row) for row in permutation[::5, 0]]
    assert len({*of_visit, tuple(range(PIXELS))}) == 5, "two visits, or a visit and the images as they are, agree"
    np.testing.assert_array_equal(layout.visit_start, [0, 5, 10, 15])
    np.testing.assert_array_equal(batches.task[:, 0], np.repeat(np.arange(4), 5))


def test_another_key_permutes_otherwise():
    assert (read(lived(0, contexts=2, dwell=5)[2])[1] != read(lived(1, contexts=2, dwell=5)[2])[1]).any()


def test_a_visit_shows_no_sample_again_before_all_came_and_each_begins_anew():
    batches = lived(contexts=3, dwell=2 * N)[2]
    np.testing.assert_array_equal(read(batches)[0] % 2, batches.y)
    visits = read(batches)[0].reshape(3, 2, N)
    np.testing.assert_array_equal(np.sort(visits), np.tile(np.arange(N), (3, 2, 1)))
    assert len({tuple(one) for one in visits.reshape(6, N)}) == 6, "passes in the same order"


def test_visits_are_padded_to_whole_steps():
    _, layout, batches = lived(contexts=2, dwell=5, batch=4)
    np.testing.assert_array_equal(batches.valid.sum(1), [4, 1, 4, 1])
    np.testing.assert_array_equal(layout.visit_start, [0, 2])


def test_pixels_are_standardised_by_the_constants():
    config = dataclasses.replace(InputPermuted(), contexts=1, dwell=N, pixel_mean=2.0, pixel_std=4.0)
    stream, data = input_permuted.make(config, source(), "test")
    world, steps, _ = stream.schedule(jax.random.key(0), data)
    batches = jax.vmap(lambda step: stream.observe(world, step, data))(steps)
    np.testing.assert_allclose(jnp.sort(batches.x.ravel()), (np.sort(source().x_train.ravel()) - 2) / 4, rtol=1e-6)


def test_the_experiment_is_the_published_protocol():
    spec = load_experiment("ipmnist").streams["ipmnist"]
    config = streams.REGISTRY[spec.kind].config.replace(**spec.settings)
    assert (config.source, config.contexts, config.dwell, config.batch) == ("mnist", 200, 5000, 1)
    assert (config.pixel_mean, config.pixel_std) == (0.5, 0.5)
