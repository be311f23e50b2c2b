"""Horizons: what grows with the stream goes on to count, and to say what it should, however long a life is.

Sums are set to those of lives of millions of samples, and then live on.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl.learners.parallax import ablations, life, sleep, succession, verdict
from pcl.learners.parallax.contexts import belief
from pcl.learners.parallax.contexts import names as maps
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.sensors import density, shared
from pcl.synapses import horizon
from tests.learners.parallax.streams import fresh

MOST = horizon.MOST
NEVER = 2.0**24  # where float32 stops counting


def test_sums_end_where_float32_still_counts_singly_and_adds_a_tenth():
    assert np.float32(NEVER) + np.float32(1) == NEVER
    assert horizon.OF_ALL + 1 < NEVER
    np.testing.assert_allclose(np.float32(MOST) + np.float32(0.1) - np.float32(MOST), 0.1, rtol=0.3)


@pytest.mark.parametrize(
    ("sizes", "want"), [([10, 3 * MOST, 0, MOST], [10, MOST, 0, MOST]), ([MOST] * 16, [MOST / 2] * 16)]
)
def test_a_bank_keeps_the_samples_that_it_may_stand_for(sizes, want):
    size_L = jnp.asarray(sizes, jnp.float32)
    np.testing.assert_allclose(horizon.share_kept(size_L) * size_L, want, rtol=1e-6)
    # Below the horizon nothing is touched, bit for bit.
    np.testing.assert_array_equal(horizon.share_kept(jnp.asarray([0.0, 7.0, MOST])), 1)


def test_names_are_read_out_by_their_shares_whatever_was_counted():
    """Two labels of one latent, three of the first to one of the second, after thirty million samples."""
    many, hit = 10_000_000, jnp.asarray([0.75, 0.25])
    votes, met = MOST * jnp.asarray([[0.75, 0.25]] * 2), jnp.asarray([3 * many, many], jnp.int32)
    names = jax.tree.map(lambda leaf: leaf[None], maps.of(votes, jnp.full(2, -1, jnp.int32), met))
    slot, size, score = jnp.asarray(0), jnp.full(2, 1e6), jnp.zeros(2)
    teach = jax.jit(lambda names, label: maps.name(names, slot, label, hit, score, -jnp.ones(()), size))
    for label in (0, 0, 0, 1):
        naming = teach(names, jnp.asarray(label))
        names = naming.names
        assert (naming.latent, naming.sure) == (0, True)
    names = jax.tree.map(lambda leaf: leaf[0], names)
    np.testing.assert_array_equal(names.met, [3 * many + 3, many + 1])
    np.testing.assert_array_equal(names.named, [4 * many + 4, 0])
    np.testing.assert_allclose(names.votes / names.votes.sum(1, keepdims=True), [[0.75, 0.25]] * 2, rtol=1e-5)
    assert names.votes.sum(1).max() < MOST
    np.testing.assert_allclose(maps.read_out(names, jnp.asarray([1.0, 0.0]), 2), [0.75, 0.25], rtol=1e-6)


@pytest.mark.slow
def test_the_rate_of_switches_is_that_of_the_stream_after_thirty_million_samples():
    hp, million = ablations.of(HParams(max_contexts=2)), 1_000_000
    state = fresh(hp, 2)
    state = state._replace(
        contexts=state.contexts._replace(number=jnp.asarray(2, jnp.int32)),
        course=state.course._replace(
            taught=state.course.taught + 30 * million, switches=state.course.switches + 3 * million
        ),
    )
    yes, no, zero = jnp.asarray(True), jnp.asarray(False), jnp.zeros(())
    after = state
    for slot in (1, 1, 0):
        found = verdict.Verdict(yes, jnp.asarray(slot, jnp.int32), no, no, zero, no)
        contexts, course = life.carried_out(after, found)
        after = after._replace(contexts=contexts, course=course)
    assert (int(after.course.taught), int(after.course.switches)) == (30 * million + 3, 3 * million + 2)
    np.testing.assert_allclose(belief.prior(state, hp)[1], 0.1 / 2, rtol=1e-4)
    # Sleep comes an eighth of a life after the last one, and not before.
    rested = after.course._replace(rested=after.course.taught)
    assert not sleep.due(rested, hp)
    assert sleep.due(rested._replace(taught=rested.taught + 4 * million), hp)


@pytest.mark.slow
def test_labels_are_as_frequent_and_as_sticky_as_they_were():
    """Nine of ten are label 0, whose neighbours are of one label as often as chance has it."""
    kind = succession.init(2)
    state = kind._replace(
        met=jnp.asarray([27_000_000, 3_000_000], jnp.int32),
        follows=(MOST - 1) * jnp.asarray([[0.9, 0.1], [0.09, 0.01]]),
        stays=jnp.asarray([1.0, 0.82, 0.82]) * (MOST - 1),
        latest=jnp.asarray([1.0, 0.0]),
    )
    before, yes = state, jnp.ones(1, bool)
    told = succession.Foretold(jnp.zeros((1, 2, 2)), jnp.full((1, 2), np.log(0.5), jnp.float32))
    learn = jax.jit(lambda state, label: succession.learn(state, told, label, yes, yes, ablations.of(HParams())))
    for label in (0, 0, 0):
        state = learn(state, jnp.asarray([label]))
    assert state.met.tolist() == [27_000_003, 3_000_000]
    assert state.stays[0] == state.follows[0].sum() == MOST / 2 + 2
    np.testing.assert_allclose(succession.frequencies(state), succession.frequencies(before), atol=1e-5)
    for latest in jnp.eye(2):
        np.testing.assert_allclose(succession.after(state, latest), succession.after(before, latest), atol=1e-4)
    # What has no label is no sample.
    full = before._replace(stays=before.stays.at[0].set(MOST))
    unheard = succession.learn(full, told, jnp.asarray([0]), yes, ~yes, ablations.of(HParams()))
    for name in ("met", "follows", "stays"):
        np.testing.assert_array_equal(getattr(unheard, name), getattr(full, name))


@pytest.mark.parametrize("kind", [density, shared], ids=["density", "shared"])
def test_a_bank_of_ten_million_samples_has_the_covariance_of_them_and_counts_on(kind):
    latents, inputs, many = 3, 4, 1e7
    empty = kind.densities(latents, inputs).init(jax.random.key(0))
    size_L = jnp.asarray([many, 200.0, 0.0])
    variance = jnp.diag(jnp.asarray([0.5, 1.0, 1.5, 2.0]))
    scatter = size_L[:, None, None] * variance if kind is density else size_L.sum() * variance
    sums = empty._replace(size=size_L, scatter=scatter, square=many * jnp.asarray([1.0, 1.0, 1.5]))
    renewed = jax.jit(kind.renew)(sums)
    np.testing.assert_allclose(renewed.size, [MOST, 200, 0], rtol=1e-6)
    np.testing.assert_allclose(renewed.square / renewed.square[0], [1, 1, 1.5], rtol=1e-6)
    assert renewed.square[0] <= MOST
    if kind is density:
        np.testing.assert_allclose(renewed.scatter[:2], renewed.size[:2, None, None] * variance, rtol=1e-5)
        np.testing.assert_allclose(MOST * renewed.inverse[0], np.linalg.inv(variance), rtol=1e-3, atol=1e-4)
    else:
        np.testing.assert_allclose(renewed.scatter, renewed.size.sum() * variance, rtol=1e-5)
        np.testing.assert_allclose(renewed.turn.T @ renewed.turn, np.linalg.inv(variance), rtol=1e-3, atol=1e-4)
    assert (renewed.size + 1 > renewed.size).all()
    assert (renewed.size + 1).sum() - renewed.size.sum() == latents
