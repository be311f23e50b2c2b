"""Horizons: sums of the learners go on to say what they should, however many samples there were."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.synapses import horizon, statistics, synapse
from pcl.types import Batch, Spec

NEVER = 2.0**24  # where float32 stops counting


@pytest.mark.slow
def test_class_means_follow_the_last_million_samples():
    """Of a class at 3, the other's mean stays; sums in float32 would grow while the count of samples stands still."""
    learner, hp = learners.make("ncm", Spec((1,), 2))
    yes = jnp.ones(1000, bool)
    batch = Batch(jnp.full((1000, 1), 3.0), jnp.zeros(1000, jnp.int32), yes, yes, jnp.zeros(1000, jnp.int32))
    state = learner.init(jax.random.key(0), hp)
    for _ in range(3):
        state = jax.jit(learner.update)(state, batch, hp)[0]
    many = state._replace(total=jnp.asarray([[3.0, 1.0], [5.0, 1.0]]) * NEVER, size=jnp.full(2, NEVER))
    live = jax.jit(lambda state: jax.lax.fori_loop(0, 20_000, lambda _, s: learner.update(s, batch, hp)[0], state))
    after = live(many)
    np.testing.assert_allclose(after.total / after.size[:, None], [[3.0, 1.0], [5.0, 1.0]], rtol=1e-6)
    assert after.size[0] < horizon.MOST + 1000
    assert after.size[1] == NEVER  # what is not met does not fade
    nothing = learner.update(many, batch._replace(valid=~yes), hp)[0]
    np.testing.assert_array_equal(nothing.size, many.size)


def test_noise_is_that_of_the_last_million_samples():
    """Squared errors are added one at a time, 0.5 and 1.5 in turn: the variance is 1."""
    prior = synapse.noise_prior(1, 1.0)
    many = synapse.Noise(prior.nu + NEVER, prior.psi + NEVER)

    @jax.jit
    def live(noise):
        def one(i, noise):
            square = jnp.where(i % 2 == 0, 0.5, 1.5)
            return synapse.learn_noise(noise, jnp.sqrt(square)[None, None], 1)

        return jax.lax.fori_loop(0, 3_000_000, one, noise)

    np.testing.assert_allclose(synapse.noise_covariance(live(many)), 1.0, rtol=1e-4)
    still = synapse.learn_noise(many, jnp.zeros((1, 1)), 0)
    assert (still.nu, still.psi) == (many.nu, many.psi)


@pytest.mark.slow
def test_class_gaussians_follow_the_last_million_samples():
    """Of 2^24 samples around 0 nothing is left after three million around other means, with another scatter."""
    learner, hp = learners.make("generative", Spec((2,), 2))
    yes, y = jnp.ones(20, bool), jnp.arange(20, dtype=jnp.int32) % 2
    noise = np.random.default_rng(0).normal(size=(20, 2))
    x = jnp.asarray(noise @ [[1.0, 0.5], [0.0, 2.0]] + np.where(y[:, None] > 0, 3.0, -3.0), jnp.float32)
    fresh, batch = learner.init(jax.random.key(0), hp), Batch(x, y, yes, yes, y)
    # As a learner is that has met so many: no mean, hence no discriminant, and a scatter of 1 in every direction.
    many = fresh._replace(size=jnp.full(2, NEVER / 2), p=jnp.eye(2)[None] / NEVER)
    live = jax.jit(lambda state: jax.lax.fori_loop(0, 150_000, lambda _, s: learner.update(s, batch, hp)[0], state))
    after, codes = live(many), np.asarray(x) / np.sqrt(2)
    means = np.stack([codes[y == c].mean(0) for c in range(2)])
    np.testing.assert_allclose(after.mean, means, rtol=0.05)
    within = np.cov((codes - means[y]).T)
    np.testing.assert_allclose(np.linalg.inv(after.p[0] * after.size.sum()), within, atol=0.1 * within.max())
    np.testing.assert_allclose(after.discriminant, after.mean @ after.p[0], rtol=1e-2)
    assert horizon.MOST / 2 <= after.size.sum() < horizon.MOST + 20
    nothing = learner.update(many, batch._replace(valid=~yes), hp)[0]
    jax.tree.map(np.testing.assert_array_equal, nothing, many)


@pytest.mark.slow
def test_gathered_sums_follow_the_last_million_samples():
    phi = jnp.asarray(np.random.default_rng(0).normal(size=(500, 3)), jnp.float32).at[:, 2].set(1.0)
    old, new = jnp.asarray([[1.0], [-1.0], [0.5]]), jnp.asarray([[0.0], [2.0], [-0.5]])
    xx = phi.T @ phi * (8 * NEVER / 500)
    many = statistics.nothing_gathered(3, 1, 1000)._replace(w=old, xx=xx, xy=xx @ old)
    yes, solve = jnp.ones(500, bool), functools.partial(statistics.ridge_weights, ridge=0.1)

    @jax.jit
    def live(held):
        return jax.lax.fori_loop(0, 12_000, lambda _, s: statistics.gather(s, phi, phi @ new, yes, solve), held)

    after = live(many)
    np.testing.assert_allclose(after.w, new, atol=0.02)
    assert after.xx[2, 2] < horizon.MOST + 1000
