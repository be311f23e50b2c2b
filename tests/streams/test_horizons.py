"""How long a stream may be: sums, counts, drifts and places in time, where they are as large as is stated here."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl.streams import contexts, drift, regression
from pcl.streams.inputs import PixelMoments, feature_moments, running_moments

ROWS = 2**25  # twice where a float32 stops counting


@pytest.mark.slow
def test_moments_of_pixels_are_right_to_1e_4_after_2_25_rows():
    rows = jnp.full((2**20, 32), 0.97).at[:, ::2].set(0.31)
    found = jax.jit(running_moments)(PixelMoments(rows, rows**2 + 0.04), jnp.ones(rows.shape, bool))
    for step in (0, 2**10, 2**20 - 1):
        assert found.mean[step] == pytest.approx(0.64, abs=1e-4)
        assert found.std[step] == pytest.approx(np.hypot(0.33, 0.2), abs=1e-4)


@pytest.mark.slow
def test_moments_of_features_are_right_to_1e_4_after_2_25_rows():
    rows = jnp.full((2**20, 32, 1), 1000.97).at[:, ::2].set(1000.31)
    found = jax.jit(feature_moments)(rows, jnp.ones(rows.shape[:2], bool))
    exact = np.asarray(rows[0, :, 0], float)
    for step in (0, 2**10, 2**20 - 1):
        np.testing.assert_allclose(found.mean[step, 0], exact.mean(), atol=1e-4)
        np.testing.assert_allclose(found.std[step, 0], exact.std(), rtol=1e-4)


@pytest.mark.parametrize("concept", ["sea", "rbf"])
def test_a_concept_is_where_it_should_be_after_10_7_samples(concept):
    config = drift.Drift(concept=concept, samples=10_000_000)
    stream, data = drift.make(config, None, "test")
    part, moved = jax.jit(lambda key: stream.schedule(key, data).step[1:])(jax.random.key(0))
    # A float32 of 10^4, as far as it has come, is 1e-3 from its neighbours.
    np.testing.assert_allclose(moved, np.arange(stream.steps) * 0.01, atol=1e-3)
    parts = {"sea": 4, "rbf": 1}[concept]
    np.testing.assert_array_equal(part, np.repeat(np.arange(parts), stream.steps // parts))


@pytest.mark.slow
def test_slow_bits_flip_in_turn_beyond_2_24_flips():
    config = regression.Regression(slow=1, fast=1, units=1)
    flips = 2**24 + 8
    slow = jax.jit(lambda key: regression._world(key, config, 3, flips + 1).slow[-16:, 0])(jax.random.key(0))
    assert abs(np.diff(slow)).tolist() == [1] * 15


def test_visits_begin_where_they_should_in_10_8_steps():
    config = contexts.Contexts(contexts=5, visits=1000, dwell=1_000_000, dwell_spread=0.5, batch=10)
    steps = 100_000_000
    start = np.asarray(contexts._visit_starts(jax.random.key(0), config, steps), np.int64)
    length = np.diff(start, append=steps)
    assert (start[0], length.sum()) == (0, steps)
    dwell = np.asarray(jax.random.uniform(jax.random.key(0), (1000,), minval=0.5, maxval=1.5), float)
    # Places are float32, of which those near 10^8 are 8 apart, and so are the sums that they are made of.
    np.testing.assert_allclose(length, steps * dwell / dwell.sum(), atol=64)


def test_visits_are_to_another_context_after_10_6_of_them():
    visited = np.asarray(contexts.visit_contexts(jax.random.key(0), 7, 1_000_000))
    assert visited.min() == 0
    assert visited.max() == 6
    assert (np.diff(visited) != 0).all()


def test_a_context_fades_out_evenly_after_10_7_rows():
    config = contexts.Contexts(contexts=2, visits=10, dwell=1_000_000, fade=1.0, batch=10)
    steps = 1_000_000
    start = jnp.arange(10) * (steps // 10)
    visit = jnp.arange(10) % 2
    of_rows = jax.jit(lambda key: contexts._contexts_of_rows(key, config, visit, start, steps))(jax.random.key(0))
    last = np.asarray(of_rows[-steps // 10 :] == 0).reshape(10, -1).mean(1)  # still the one before, by tenths
    np.testing.assert_allclose(last, np.arange(95, 0, -10) / 100, atol=0.006)  # four standard errors
