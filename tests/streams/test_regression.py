"""Slowly changing regression: what its docstring promises of bits, targets and probes."""

import jax
import numpy as np
import pytest

from pcl import streams
from pcl.errors import UsageError

SETTINGS = {"samples": 4000, "flip_every": 1000, "batch": 20}


def lived(seed=0, **settings):
    stream, data = streams.make("regression", **SETTINGS | settings)

    @jax.jit
    def live(key):
        world, steps, layout = stream.schedule(key, data)
        batches = jax.vmap(lambda step: stream.observe(world, step, data))(steps)
        probe = jax.vmap(lambda step: stream.probe(world, step, data, None)[0])(steps)
        return world, batches, probe, layout

    return stream, *live(jax.random.key(seed))


def test_slow_bits_flip_one_at_a_time_and_fast_bits_always():
    stream, _, batches, _, layout = lived()
    x = np.asarray(batches.x).reshape(-1, 21)
    assert set(np.unique(x)) == {-1, 1}
    assert (x[:, -1] == 1).all()
    changed = (np.diff(x[:, :15], axis=0) != 0).sum(1)
    assert np.flatnonzero(changed).tolist() == [999, 1999, 2999]
    assert (changed[[999, 1999, 2999]] == 1).all()
    assert (abs(x[:, 15:20].mean(0)) < 4 / np.sqrt(len(x))).all()
    assert layout.visit_start.tolist() == [0, 50, 100, 150]
    assert stream.steps == 200


@pytest.mark.slow
def test_target_is_the_threshold_network_by_hand():
    _, world, batches, probe, _ = lived()
    bits = (np.asarray(batches.x).reshape(-1, 21) + 1) / 2
    w, v = np.asarray(world.w), np.asarray(world.v)
    assert set(np.unique(w)) == {-1, 1}
    fires = bits @ w > 0.7 * 21 - (w < 0).sum(0)
    y = (fires @ v - world.mean) / world.std
    np.testing.assert_allclose(batches.y.reshape(-1), y, atol=1e-4)  # sums of 100 units, divided once
    # Probes ask the function that holds at their step.
    held = (np.asarray(probe.x) + 1) / 2
    want = ((held @ w > 0.7 * 21 - (w < 0).sum(0)) @ v - world.mean) / world.std
    np.testing.assert_allclose(probe.y[..., 0], want, atol=1e-4)


@pytest.mark.slow
def test_targets_have_about_unit_variance_over_all_bits_and_noise_adds_to_it():
    many = [np.asarray(lived(seed, samples=2000, flip_every=20)[2].y) for seed in range(3)]
    assert 0.5 < np.var(np.concatenate(many)) < 2  # slow bits wander through few of their 2^15 patterns
    plain, noisy = lived()[2].y, lived(noise=0.5)[2].y
    assert abs(np.std(noisy - plain) - 0.5) < 0.03  # 4,000 draws: five standard errors


@pytest.mark.slow
def test_keys_decide_and_wrong_settings_are_refused():
    one, same, other = lived(0)[2], lived(0)[2], lived(1)[2]
    np.testing.assert_array_equal(one.y, same.y)
    assert not np.array_equal(one.y, other.y)
    with pytest.raises(UsageError, match=r"samples=4010, .* must be multiples of batch=20"):
        streams.make("regression", **SETTINGS | {"samples": 4010})
