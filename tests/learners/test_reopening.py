"""A critical period opens again where the world changes and not where it does not, and nothing that is kept is lost."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.errors import UsageError
from pcl.fields import replace
from pcl.learners import generative
from pcl.learners.reopening import HParams, Past, remember
from pcl.network import fit
from pcl.types import Batch, Spec

SPEC = Spec((8, 8), 3)
SETTINGS = {"patch": "3", "atoms": "5", "grid": 2, "critical": 24, "glimpses": 10}
LEARNER, DEFAULTS = learners.make("reopening", SPEC)
HP = jax.tree.map(np.float32, replace(DEFAULTS, SETTINGS | {"memory": 400, "alarm": 20.0}))


def batches(n, smooth=True, size=8, seed=0):
    rng = np.random.default_rng(seed)
    true = jnp.ones((n, size), bool)
    y = jnp.asarray(rng.integers(0, 3, (n, size)), jnp.int32)
    noise = rng.normal(size=(n, size, 8, 8))
    x = jnp.asarray(noise.cumsum(2) if smooth else noise, jnp.float32)
    return Batch(x, y, true, true, jnp.zeros_like(y))


def joined(*parts):
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)


@functools.cache
def live():
    """A life through batches from a state, and after each of them: periods that ended, and Page's sum."""

    def step(state, batch):
        state = LEARNER.update(state, batch, HP)[0]
        return state, (state.openings, state.watch.total)

    return jax.jit(lambda state, some: jax.lax.scan(step, state, some))


@functools.cache
def with_a_code():
    """What class Gaussians know of batches by a code that stays."""
    rule = generative.gaussians(SPEC)

    def known(finished, some):
        state = rule.init(jax.random.key(0), HP.rule)._replace(code=finished)
        return jax.lax.scan(lambda s, b: (rule.update(s, b, HP.rule)[0], None), state, some)[0]

    return jax.jit(known)


def born():
    return LEARNER.init(jax.random.key(0), HP)


def assert_known(state, some):
    """Sums of float32 over the same samples in another order."""
    want = with_a_code()(state.rule.code, some)
    for got, same in zip(jax.tree.leaves(state.rule[1:]), jax.tree.leaves(want[1:]), strict=True):
        np.testing.assert_allclose(got, same, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_it_never_opens_again_in_a_world_that_stays():
    state, some = born(), batches(40)
    for turn in range(5):
        state, (openings, total) = live()(state, batches(40, seed=turn))
        np.testing.assert_array_equal(openings, (np.arange(40) >= 2) | (turn > 0))
        assert total.max() < 10  # half of the alarm
        if turn == 0:
            assert_known(state, some)


def test_it_opens_again_in_another_world_and_knows_all_that_it_remembers():
    """A memory that holds everything: it ends where it would have, had it had its last code from the start."""
    some = joined(batches(20), batches(20, smooth=False, seed=1))
    state, (openings, _) = live()(born(), some)
    assert state.openings == 2
    # Eight inputs say at most two deviations each beyond the slack: the second batch of the new world calls, and a
    # period of three begins behind it.
    np.testing.assert_array_equal(1 + np.flatnonzero(np.diff(openings)), [2, 24])
    assert state.past.seen == 320
    assert_known(state, some)


@pytest.mark.slow
def test_a_batch_of_lives_opens_where_each_must():
    both = [joined(batches(20), batches(20, smooth=smooth, seed=1)) for smooth in (True, False)]
    fresh = born()
    together, (openings, _) = jax.vmap(live(), (None, 0))(fresh, jax.tree.map(lambda *leaves: jnp.stack(leaves), *both))
    np.testing.assert_array_equal(openings[:, -1], [1, 2])
    for i, some in enumerate(both):
        alone, _ = live()(fresh, some)
        np.testing.assert_allclose(together.rule.mean[i], alone.rule.mean, rtol=1e-3, atol=1e-4)


def test_only_rows_with_a_label_are_remembered_once_each():
    some = jax.tree.map(lambda leaf: leaf[0], batches(1))
    some = some._replace(y=jnp.arange(8), labelled=jnp.arange(8) % 2 == 0, valid=jnp.arange(8) < 6)
    empty = jax.tree.map(lambda leaf: jnp.zeros((5, *leaf.shape[1:]), leaf.dtype), some)
    past = remember(Past(empty, jnp.zeros((), jnp.int32), jax.random.key(0)), some)
    np.testing.assert_array_equal(past.samples.y, [0, 2, 4, 0, 0])
    np.testing.assert_array_equal(past.samples.valid, [True, True, True, False, False])
    assert past.seen == 3


def test_pages_sum_by_hand():
    """Deviations 0.5, 9 (counts as 3), -9 (as -3), one that does not count, 2; slack 1: 0, 2, 0, 0, 1."""
    watch = fit.Watch(jnp.asarray(10.0), jnp.asarray(2.0), jnp.zeros(()))
    s, counts = 10 + 2 * jnp.asarray([0.5, 9.0, -9.0, 7.0, 2.0]), jnp.asarray([True, True, True, False, True])
    np.testing.assert_allclose(fit.observe(watch, s, counts, 1.0).total, 1, atol=1e-5)
    for i, want in enumerate([0, 2, 0, 0, 1]):  # one by one
        watch = fit.observe(watch, s[i : i + 1], counts[i : i + 1], 1.0)
        np.testing.assert_allclose(watch.total, want, atol=1e-5)


def test_what_the_code_was_made_for_is_no_surprise():
    """Over the period surprise has the mean and deviation that the watch takes it to have."""
    state, _ = live()(born(), batches(40))
    period, strange = batches(40).x[:3].reshape(24, 8, 8), batches(3, smooth=False).x.reshape(24, 8, 8)
    surprise = jax.jit(lambda x: fit.surprise(state.rule.code, x, HP.rule))
    s = np.asarray(surprise(period))
    np.testing.assert_allclose(state.watch.mean, s.mean(), rtol=1e-4)
    np.testing.assert_allclose(state.watch.deviation, s.std() + fit.LEAST, rtol=1e-3)
    assert surprise(strange).min() > s.max()


def test_surprise_costs_whitening_and_matching():
    """Ten patches of nine pixels, whitened (9 x 9) and matched with five atoms."""
    assert fit.flops(SPEC, HP.rule) == 2 * 10 * 9 * (9 + 5)


def test_what_cannot_open_is_refused():
    with pytest.raises(UsageError, match="features=code has a critical period"):
        LEARNER.init(jax.random.key(0), HParams(rule=generative.HParams()))
    with pytest.raises(UsageError, match="at least one batch"):
        LEARNER.update(born(), jax.tree.map(lambda leaf: leaf[0], batches(1, size=30)), HP)
