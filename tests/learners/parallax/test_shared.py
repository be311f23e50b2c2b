"""Facts of densities that share one covariance: the float64 posterior, and what few samples are worth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.stats import multivariate_t

from pcl.learners.parallax import ablations, numbers
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.sensors import bank, coordinates, density, shared
from pcl.learners.parallax.sensors.interface import Message
from pcl.learners.parallax.sensors.tails import degrees_of_freedom
from tests.learners.parallax.test_density import ask, empty, learn, seen, taught

D, L = 6, 8


def lived(n, moves=(), seed=0):
    """Samples of L - 1 latents, and counts, means and scatter within in float64 as they come one by one."""
    rng = np.random.default_rng(seed)
    k = rng.integers(0, L - 1, n)  # the last stays empty
    x = (3 * rng.normal(size=(L, D))[k] + rng.normal(size=(n, D)) @ rng.normal(size=(D, D))).astype(np.float32)
    size, mean, recent, scatter = np.zeros(L), np.zeros((L, D)), np.zeros((L, D)), np.zeros((D, D))
    for i in range(n):
        off = x[i] - mean[k[i]]
        scatter += size[k[i]] / (size[k[i]] + 1) * np.outer(off, off)
        recent[k[i]] += (x[i] - recent[k[i]]) / (min(size[k[i]], 100) + 1)
        mean[k[i]], size[k[i]] = mean[k[i]] + off / (size[k[i]] + 1), size[k[i]] + 1
        if i in moves:
            scatter *= 1 - (1 - 0.3) * size[k[i]] / size.sum()
            mean[k[i]], size[k[i]] = recent[k[i]], 0.3 * size[k[i]]
    return x, k, size, mean, scatter


@pytest.mark.slow
def test_votes_are_those_of_float64_sums_after_hundreds_of_steps_and_moves():
    moves = (120, 250)
    x, k, size, mean, scatter = lived(400, moves)
    keep = np.where(np.isin(np.arange(400), moves), 0.3, 1.0)
    kind = shared.densities(L, D)
    state = taught(kind, x, k, keep=keep)
    np.testing.assert_allclose(state.size, size, rtol=1e-5)
    # As if all directions were independent, which makes it a plain multivariate t.
    state = jax.jit(shared.renew)(state)._replace(alike=jnp.asarray([1, 1 / D]))
    code = x[7] + 1
    vote, freedom = ask(kind, state, code), float(degrees_of_freedom(state.square, D))

    prior, seen = 20, size > 0
    samples = np.maximum(size - 1, 0).sum() + prior
    variance = (np.trace(scatter) + prior * 0.5 * D) / samples / D
    w = (scatter + prior * variance * np.eye(D)) / samples
    centre, count = mean[seen].mean(0), seen.sum()
    apart = (mean[seen] - centre).T @ (mean[seen] - centre)
    found, v = eigh(apart, w)
    b = (np.maximum(found - (count - 1) * np.mean(1 / size[seen]), 0) + 3) / (count + 2)
    between = w @ (v * b) @ v.T @ w
    for c in np.flatnonzero(seen):
        gain = between @ np.linalg.inv(between + w / size[c])
        spread = w + between - gain @ between
        want = multivariate_t.logpdf(
            code, centre + gain @ (mean[c] - centre), spread * (freedom - 2) / freedom, df=freedom
        )
        np.testing.assert_allclose(vote.score[c], want, rtol=1e-4)
    want = multivariate_t.logpdf(code, centre, (w + between) * (freedom - 2) / freedom, df=freedom)
    np.testing.assert_allclose(vote.novel, min(want, vote.score.max() + numbers.STRANGEST), rtol=1e-4)
    assert vote.score[~seen].max() < -1e29


def test_between_renewals_a_latent_moves_in_the_same_coordinates():
    x, k, _, mean, _ = lived(150)
    state = taught(shared.densities(L, D), x, k)
    assert 0 < state.size.sum() - state.renewed.sum() < 40
    s, v = coordinates.predictive(state.between, state.size[:, None])
    u = (mean - np.asarray(state.centre)) @ np.asarray(state.turn).T
    np.testing.assert_allclose(state.precision[:-1], 1 / v[:-1], rtol=1e-4)
    np.testing.assert_allclose(state.linear[:-1], (s * u / v)[:-1], rtol=1e-3, atol=1e-3)


def test_deviations_that_lie_along_few_directions_count_for_as_many():
    rng = np.random.default_rng(0)
    sums = jnp.ones(2)
    for off, latest in jnp.asarray(rng.normal(size=(300, 2, 40)) * (np.arange(40) < 10)):
        sums = coordinates.alike(sums, off, latest, jnp.ones(()))
    np.testing.assert_allclose(coordinates.directions(sums), 10, rtol=0.3)


def test_a_class_that_the_coordinates_do_not_know_has_them_found_anew_once_it_is_a_fiftieth_of_all():
    kind, sizes = shared.densities(L, D), jnp.zeros((1, L)).at[0, :2].set(200.0)
    states = jax.vmap(kind.init)(jax.random.split(jax.random.key(0), 1))._replace(size=sizes, renewed=sizes)
    message = Message(seen(jnp.ones(D)), jnp.asarray(2), jnp.ones(()), jnp.ones(()))
    teach = jax.jit(lambda states: kind.learn(states, jnp.asarray(0), message))
    for _ in range(8):
        states = teach(states)
    np.testing.assert_array_equal(states.renewed[0], sizes[0])  # 8 of 408 are less, and far from a quarter
    states = teach(states)
    np.testing.assert_array_equal(states.renewed[0], sizes[0].at[2].set(9))


@pytest.mark.slow
@pytest.mark.parametrize(("samples", "known"), [(1, False), (10, True)])
def test_a_latent_speaks_for_other_contexts_once_the_coordinates_were_found_with_a_share_of_it(samples, known):
    x, k, *_ = lived(200)
    kind = shared.densities(L, D)
    state = taught(kind, [*x, *x[:samples]], [*k, *[L - 1] * samples])
    renewed = jax.jit(shared.renew)(state)
    np.testing.assert_array_equal(ask(kind, renewed, x[0]).speaks, [True] * (L - 1) + [known])
    assert not ask(kind, renewed._replace(renewed=jnp.zeros(L)), x[0]).speaks.any()


@pytest.mark.slow
@pytest.mark.parametrize("of", [density, shared], ids=["density", "shared"])
def test_sums_fade_in_the_sensor_of_a_sample_that_teaches_and_only_there(of):
    retention = ablations.of(HParams(without="retention")).retention
    kinds = [of.densities(L, D, share) for share in (1.0, retention)]
    states = empty(kinds[0], 2)
    states = states._replace(size=states.size + 1, scatter=states.scatter + 1)
    message = Message(seen(jnp.ones(D)), jnp.asarray(0), jnp.ones(()), jnp.ones(()))
    lasting, faded = (jax.jit(lambda m, kind=kind: learn(kind, states, m, slot=1))(message) for kind in kinds)
    for name in ("size", "scatter"):
        got, want = getattr(faded, name), getattr(lasting, name)
        np.testing.assert_array_equal(got[0], want[0])
        np.testing.assert_allclose(got[1], 0.999 * want[1], rtol=1e-6)
    jax.tree.map(
        np.testing.assert_array_equal, learn(kinds[1], states, message._replace(gate=jnp.zeros(())), 1), states
    )


def test_many_latents_or_a_wide_code_share_one_covariance():
    assert bank.apart(10, 64)
    assert not bank.apart(10, 1280)
    assert not bank.apart(1623, 64)
