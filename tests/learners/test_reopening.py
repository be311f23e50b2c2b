"""A critical period opens again where the world changes and not where it does not, and nothing that is kept is lost."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.code import code, fit
from pcl.errors import UsageError
from pcl.fields import replace
from pcl.learners import generative
from pcl.learners.inputs import teaching_rows
from pcl.learners.parallax.eye import encode
from pcl.learners.reopening import HParams, Past, around, remember
from pcl.types import Batch, Info, Learner, Spec

SPEC = Spec((8, 8), 3)
SETTINGS = {"patch": "3", "atoms": "5", "grid": 2, "critical": 24, "glimpses": 10, "memory": 500, "alarm": 20.0}


def made(name):
    learner, defaults = learners.make(name, SPEC)
    return learner, jax.tree.map(np.float32, replace(defaults, SETTINGS))


LEARNER, HP = made("reopening")


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
def live(name="reopening"):
    """A life through batches from a state, and after each of them: periods that ended, and Page's sum."""
    learner, hp = made(name)

    def step(state, batch):
        state = learner.update(state, batch, hp)[0]
        return state, (state.openings, state.watch.total)

    return jax.jit(lambda state, some: jax.lax.scan(step, state, some))


@functools.cache
def with_a_code(rule, hp):
    """What a rule knows of batches by a code that stays."""

    def known(finished, some):
        state = rule.init(jax.random.key(0), hp)._replace(code=finished)
        return jax.lax.scan(lambda s, b: (rule.update(s, b, hp)[0], None), state, some)[0]

    return jax.jit(known)


def born():
    return LEARNER.init(jax.random.key(0), HP)


def assert_known(state, some):
    """Sums of float32 over the same samples in another order."""
    want = with_a_code(generative.gaussians(SPEC), HP.rule)(state.rule.code, some)
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


@pytest.mark.slow
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
def test_parallax_tells_contexts_apart_again_and_is_in_the_one_that_it_was_in():
    learner, hp = made("reopening_parallax")
    worlds = [2 * np.random.default_rng(seed).normal(size=(3, 8, 8)) for seed in (5, 6)]
    home, away, again = batches(30), batches(20, smooth=False, seed=1), batches(8, seed=2)
    worlds[0] = worlds[0].cumsum(1)
    lived = [some._replace(x=some.x + worlds[at][some.y]) for some, at in ((home, 0), (away, 1), (again, 0))]
    some = joined(*lived)
    state, _ = live("reopening_parallax")(learner.init(jax.random.key(0), hp), some)
    known_by = state.rule
    assert state.openings == known_by.contexts.number == 2
    assert known_by.contexts.current == 0
    # All that a bank knows is sums of the new code of its samples; of the last ones nobody has learned yet.
    held = known_by.window.code[: known_by.window.size]
    known = known_by.sensors.banks.density
    for bank, (samples, waiting) in enumerate(((joined(home, again), held), (away, held[:0]))):
        x = (samples.x + worlds[bank][samples.y]).reshape(-1, 8, 8)
        assert known.size[bank].sum() + len(waiting) == len(x)
        total = known.size[bank] @ known.mean[bank] + waiting.sum(0)
        np.testing.assert_allclose(total, encode(state.rule.code, x, hp.rule).sum(0), rtol=1e-3, atol=1e-2)


class Witness(NamedTuple):
    """A rule that checks the order of what it is taught."""

    code: code.Code
    lived: jax.Array  # samples
    latest: jax.Array
    in_order: jax.Array


@pytest.mark.slow
def test_what_is_remembered_is_lived_through_in_the_order_in_which_it_came():
    """Of 160 samples of the old world 50 are remembered, and of a new one the 24 of the period; a label is a number."""

    def init(key, hp):
        return Witness(code.init(key, SPEC, hp), jnp.zeros((), int), jnp.full((), -1), jnp.ones((), bool))

    def update(state, batch, hp):
        teaches = teaching_rows(batch)
        number = jnp.where(teaches, batch.y, 1000)  # padding goes last
        in_order = (jnp.diff(jnp.append(state.latest, number)) >= 0).all()
        latest = jnp.maximum(state.latest, jnp.where(teaches, batch.y, -1).max())
        return Witness(state.code, state.lived + teaches.sum(), latest, state.in_order & in_order), Info()

    rule = around(Learner(init, None, update), SPEC)
    hp = HP.replace(memory=50)
    some = joined(batches(20), batches(5, smooth=False, seed=1))
    some = some._replace(y=jnp.arange(some.y.size, dtype=jnp.int32).reshape(some.y.shape))

    def step(state, batch):
        state = rule.update(state, batch, hp)[0]
        return state, (state.openings, state.rule.lived, state.rule.in_order)

    _, (openings, lived, in_order) = jax.jit(lambda s, b: jax.lax.scan(step, s, b))(
        rule.init(jax.random.key(0), hp), some
    )
    assert openings[-1] == 2
    assert lived[-1] == 50 + 24
    assert in_order.all()


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
    none = jnp.zeros((), jnp.int32)
    past = remember(Past(empty, jnp.zeros(5, jnp.int32), none, jax.random.key(0)), some)
    np.testing.assert_array_equal(past.samples.y, [0, 2, 4, 0, 0])
    np.testing.assert_array_equal(past.samples.valid, [True, True, True, False, False])
    np.testing.assert_array_equal(past.number, [0, 1, 2, 0, 0])
    assert past.seen == 3


def test_pages_sum_by_hand():
    """Deviations 0.5, 9 (counts as 3), -9 (as -3), one that does not count, 2; slack 1: 0, 2, 0, 0, 1."""
    watch = fit.Watch(jnp.asarray(10.0), jnp.asarray(2.0), jnp.zeros(()))
    s, counts = 10 + 2 * jnp.asarray([0.5, 9.0, -9.0, 7.0, 2.0]), jnp.asarray([True, True, True, False, True])
    np.testing.assert_allclose(fit.observe(watch, s, counts, 1.0).total, 1, atol=1e-5)
    for i, want in enumerate([0, 2, 0, 0, 1]):  # one by one
        watch = fit.observe(watch, s[i : i + 1], counts[i : i + 1], 1.0)
        np.testing.assert_allclose(watch.total, want, atol=1e-5)


@pytest.mark.slow
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
