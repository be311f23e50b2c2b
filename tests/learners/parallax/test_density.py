"""Facts of the specialists: closed forms, order, and gates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_t

from pcl.learners.parallax.sensors import density, shared
from pcl.learners.parallax.sensors.bank import sensor
from pcl.learners.parallax.sensors.density import densities
from pcl.learners.parallax.sensors.interface import Message, Seen
from pcl.learners.parallax.sensors.inverse import inverted
from pcl.learners.parallax.sensors.tails import degrees_of_freedom
from tests.learners.parallax.streams import set_to

D, L = 5, 3


def samples(n=60, seed=0):
    rng = np.random.default_rng(seed)
    k = np.arange(n) % 2  # the third latent stays empty
    return 2 * rng.normal(size=(L, D))[k] + rng.normal(size=(n, D)), k


def taught(kind, x, k, keep=1.0):
    keep, gates = np.broadcast_to(keep, len(x)), jnp.ones(len(x))
    messages = Message(seen(x), jnp.asarray(k, jnp.int32), gates, jnp.asarray(keep, float))
    return alone(
        jax.jit(lambda m: jax.lax.scan(lambda s, one: (learn(kind, s, one), None), empty(kind), m)[0])(messages)
    )


def seen(x):
    """Inputs whose codes are their own features."""
    code = jnp.asarray(x, float)
    return Seen(code, code)


def empty(kind, slots=1):
    return jax.vmap(kind.init)(jax.random.split(jax.random.key(0), slots))


def learn(kind, states, message, slot=0):
    return kind.learn(states, jnp.asarray(slot), message)


def ask(kind, state, code):
    return kind.vote(jax.tree.map(lambda leaf: leaf[None], state), jnp.asarray(0), seen(code))


def alone(states):
    return jax.tree.map(lambda leaf: leaf[0], states)


@pytest.mark.slow
def test_score_is_the_log_density_of_a_multivariate_t_of_counts_mean_and_shrunk_scatter():
    with jax.enable_x64(True):
        x, k = samples()
        kind = densities(L, D)
        state = density.renew(taught(kind, x, k))
        vote, freedom = ask(kind, state, x[0] + 1), float(degrees_of_freedom(state.square, D))
        scatters = [np.cov(x[k == c].T, bias=True) * (k == c).sum() for c in range(2)]
        pooled = (sum(scatters) + 20 * 0.5 * np.eye(D)) / (len(x) - 2 + 20)
        pooled = pooled + 0.02 * np.trace(pooled) / D * np.eye(D)
        for c in range(2):
            n = (k == c).sum()
            sigma = (scatters[c] + D * pooled) / (n - 1 + D)
            shape = sigma * (1 + 1 / n) * (freedom - 2) / freedom
            want = multivariate_t.logpdf(x[0] + 1, x[k == c].mean(0), shape, df=freedom)
            np.testing.assert_allclose(vote.score[c], want, rtol=1e-8)
        assert vote.score[2] < -1e29


@pytest.mark.slow
def test_order_does_not_matter_to_counts_means_and_scatter():
    with jax.enable_x64(True):
        x, k = samples()
        order = np.random.default_rng(1).permutation(len(x))
        one, other = (taught(densities(L, D), x[o], k[o]) for o in (np.arange(len(x)), order))
        for name in ("size", "mean", "scatter"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-10, atol=1e-12)
        one, other = density.renew(one), density.renew(other)
        np.testing.assert_allclose(one.inverse, other.inverse, rtol=1e-8, atol=1e-12)


@pytest.mark.slow
def test_inverse_carried_along_is_the_inverse():
    with jax.enable_x64(True):
        matrix = np.cov(np.random.default_rng(0).normal(size=(13, 40)))
        inverse, logdet = inverted(jnp.asarray(matrix))
        np.testing.assert_allclose(inverse @ matrix, np.eye(13), atol=1e-9)
        np.testing.assert_allclose(logdet, np.linalg.slogdet(matrix)[1], rtol=1e-9)


KINDS = {
    "density": densities(L, D),
    "shared": shared.densities(L, D),
    "both": sensor(L, D, set_to(random_features=D)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("keep", [1.0, 0.1])
def test_a_gate_of_0_leaves_a_specialist_bit_identical_and_no_slot_but_its_own_learns(kind, keep):
    x, k = samples()
    state = taught(kind, x, k)
    message = Message(seen(x[0]), jnp.asarray(1), jnp.zeros(()), jnp.full((), keep))
    states = jax.tree.map(lambda leaf: jnp.stack([leaf] * 2), state)
    teach = jax.jit(lambda message: learn(kind, states, message, slot=1))
    jax.tree.map(np.testing.assert_array_equal, teach(message), states)
    changed = teach(message._replace(gate=jnp.ones(())))
    jax.tree.map(np.testing.assert_array_equal, alone(changed), state)
    assert any((a != b).any() for a, b in zip(jax.tree.leaves(changed), jax.tree.leaves(states), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [densities(L, D), shared.densities(L, D)], ids=["density", "shared"])
def test_whether_a_latent_moves_is_asked_from_the_two_hundredth_sample_on(kind):
    lately, teach = jnp.full(D, 0.9), jax.jit(lambda states, message: learn(kind, states, message))
    message = Message(seen(lately), jnp.asarray(0), jnp.ones(()), jnp.ones(()))
    for before, asked in ((199, False), (200, True)):
        known = empty(kind)
        sizes = known.size.at[0, 0].set(before)
        # The mean of all is 0, that of lately where the sample is; coordinates and inverses were found a moment ago.
        renewed = sizes if known.renewed.ndim == 2 else sizes.sum(1)
        states = known._replace(size=sizes, recent=known.recent.at[0, 0].set(lately), renewed=renewed)
        assert (teach(states, message).drift[0, 0] > 0) == asked


@pytest.mark.slow
@pytest.mark.parametrize("kind", [densities(L, D), shared.densities(L, D)], ids=["density", "shared"])
def test_a_latent_that_moves_is_found_and_goes_on_from_there_while_one_that_stays_forgets_nothing(kind):
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(800, D)), np.zeros(800, int)
    still, gone = taught(kind, x, k), taught(kind, x + 2 * (np.arange(800)[:, None] >= 700), k)
    assert still.drift[0] < 10
    assert gone.drift[0] > 20
    vote = ask(kind, gone, jnp.zeros(D))
    np.testing.assert_allclose(vote.fresh[0], 100 / 800)
    message = Message(seen(jnp.full(D, 2.0)), jnp.asarray(0), jnp.ones(()), vote.fresh[0])
    after = alone(learn(kind, jax.tree.map(lambda leaf: leaf[None], gone), message))
    np.testing.assert_allclose(after.size[0], 801 / 8)
    assert jnp.abs(after.mean[0] - 2).max() < 1 < jnp.abs(gone.mean[0] - 2).max()
    assert after.drift[0] == 0


def test_a_bank_of_nothing_is_what_its_sums_say():
    """Written in closed form; a renewal gives the same but for the jitter of an inversion, 4 D eps."""
    empty = densities(L, D).init(jax.random.key(0))
    renewed = jax.jit(density.renew)(empty)
    jax.tree.map(lambda got, want: np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6), renewed, empty)
