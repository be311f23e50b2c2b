"""Horizons: sums of the learners go on to say what they should, however many samples there were."""

import jax
import jax.numpy as jnp
import numpy as np

from pcl import learners
from pcl.synapses import horizon, synapse
from pcl.types import Batch, Spec

NEVER = 2.0**24  # where float32 stops counting


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
