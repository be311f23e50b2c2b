"""A chain as a generative model against the closed forms of linear-Gaussian networks, in float64."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pcl.errors import UsageError
from pcl.network import generative
from pcl.network.energy import Problem, feedforward
from pcl.network.halting import Budget
from pcl.network.inference import descend
from pcl.network.layers import Dense
from pcl.network.plasticity import hebbian_update

LATENT, HIDDEN, DATA = 2, 3, 5
PRIOR = 2.0  # precision of the free bottom
SEEN = np.array([1.0, 0.0, 1.0, 1.0, 0.0])


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def linear(seed=0, samples=4):
    """A linear network from a free latent over a hidden layer to data; full, then diagonal precision."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return jnp.asarray(rng.normal(size=shape))

    network = (Dense(draw(LATENT, HIDDEN), draw(HIDDEN)), Dense(draw(HIDDEN, DATA), draw(DATA)))
    root = 0.5 * draw(HIDDEN, HIDDEN)
    precision = (jnp.eye(HIDDEN) + root @ root.T, jnp.exp(0.5 * draw(DATA)))
    return Problem(network, None, draw(samples, DATA), precision=precision, prior=PRIOR)


def moments(problem):
    """Mean and covariance of (latent, hidden, data) before anything is seen, worked out by hand."""
    (first, second), (pi_1, pi_2) = problem.network, problem.precision
    w_1, w_2 = first.w.T, second.w.T
    s_0 = jnp.eye(LATENT) / PRIOR
    s_1 = w_1 @ s_0 @ w_1.T + jnp.linalg.inv(pi_1)
    s_2 = w_2 @ s_1 @ w_2.T + jnp.diag(1 / pi_2)
    s_10, s_21 = w_1 @ s_0, w_2 @ s_1
    s_20 = w_2 @ s_10
    covariance = np.block([[s_0, s_10.T, s_20.T], [s_10, s_1, s_21.T], [s_20, s_21, s_2]])
    mean = np.concatenate([np.zeros(LATENT), first.b, w_2 @ first.b + second.b])
    return mean, covariance


def conditional(mean, covariance, seen, values):
    """Mean and covariance of all numbers, given `values` [B, ...] of those whose indices are `seen`."""
    gain = covariance[:, seen] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
    return mean + (values - mean[seen]) @ gain.T, covariance - gain @ covariance[seen]


def start(problem):
    return feedforward(problem, jnp.zeros((len(problem.top), LATENT)))


@pytest.mark.slow
@pytest.mark.parametrize("observed", [SEEN, np.ones(DATA)], ids=["masked", "all"])
def test_completion_is_the_conditional_mean(observed):
    problem = dataclasses.replace(linear(), observed=jnp.asarray(observed))
    seen = LATENT + HIDDEN + np.flatnonzero(observed)
    mean, _ = conditional(*moments(problem), seen, np.asarray(problem.top)[:, observed > 0])
    settled = descend(problem, start(problem), Budget(700), optax.sgd(0.05))
    # The smallest curvature of F is above 0.9, so that (1 - 0.05 * 0.9)^700 < 1e-13 of the start is left.
    np.testing.assert_allclose(settled.z[0], mean[:, :LATENT], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(settled.z[1], mean[:, LATENT : LATENT + HIDDEN], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(generative.complete(problem, settled.z), mean[:, -DATA:], rtol=1e-8, atol=1e-10)


def test_reconstruction_is_what_the_settled_state_expects():
    problem = linear()
    settled = descend(problem, start(problem), Budget(10), optax.sgd(0.05))
    second = problem.network[1]
    np.testing.assert_allclose(generative.expected_output(problem, settled.z), settled.z[1] @ second.w + second.b)
    np.testing.assert_array_equal(generative.complete(problem, settled.z), problem.top)


def test_predictive_covariance_and_variance_are_the_closed_forms():
    problem = linear()
    mean, covariance = moments(problem)
    for observed in (SEEN, np.zeros(DATA), np.ones(DATA)):
        masked = dataclasses.replace(problem, observed=jnp.asarray(observed))
        seen = LATENT + HIDDEN + np.flatnonzero(observed)
        _, left = conditional(mean, covariance, seen, np.asarray(problem.top)[:, observed > 0])
        want = np.broadcast_to(np.diag(left)[-DATA:], problem.top.shape)
        np.testing.assert_allclose(generative.predictive_variance(masked, start(masked)), want, rtol=1e-9, atol=1e-12)
    got = generative.predictive_covariance(problem, start(problem))
    np.testing.assert_allclose(got, np.broadcast_to(covariance[-DATA:, -DATA:], got.shape), rtol=1e-9)


def test_a_clamped_bottom_adds_no_uncertainty():
    problem = linear()
    labelled = dataclasses.replace(problem, bottom=jnp.ones((4, LATENT)), observed=jnp.zeros(DATA))
    w, (pi_1, pi_2) = problem.network[1].w, problem.precision
    want = jnp.diagonal(w.T @ jnp.linalg.inv(pi_1) @ w) + 1 / pi_2
    got = generative.predictive_variance(labelled, feedforward(labelled))
    np.testing.assert_allclose(got, jnp.broadcast_to(want, got.shape), rtol=1e-9)


def test_variance_of_a_nonlinear_network_is_that_of_its_slopes():
    """One unit a layer: data = w tanh(v z) + noise has slope w v tanh'(v z)."""
    network = (Dense(jnp.full((1, 1), 0.7), activation="tanh"), Dense(jnp.full((1, 1), 3.0)))
    problem = Problem(network, None, jnp.zeros((1, 1)), observed=jnp.zeros(1), prior=PRIOR)
    z = (jnp.full((1, 1), 0.4), jnp.full((1, 1), 0.1))
    slope = 0.7 * (1 - math.tanh(0.28) ** 2)
    want = 3.0**2 * (slope**2 / PRIOR + 1) + 1
    assert generative.predictive_variance(problem, z).item() == pytest.approx(want, rel=1e-9)


@pytest.mark.slow
def test_langevin_draws_have_the_moments_of_the_posterior():
    """Every row of the batch is a chain of its own with the same data, so draws are independent."""
    chains, rate = 20_000, 0.05
    one = linear(samples=1)
    problem = dataclasses.replace(one, top=jnp.tile(one.top, (chains, 1)), observed=jnp.asarray(SEEN))
    seen = LATENT + HIDDEN + np.flatnonzero(SEEN)
    mean, covariance = conditional(*moments(problem), seen, np.asarray(problem.top)[:1, SEEN > 0])
    free = LATENT + HIDDEN
    curvature = np.linalg.inv(covariance[:free, :free])
    visited = np.linalg.inv(curvature - rate / 2 * curvature @ curvature)

    optimiser = generative.langevin(jax.random.key(0), rate)
    z = jax.jit(lambda: descend(problem, start(problem), Budget(600), optimiser).z)()
    draws = np.concatenate(z, 1)
    np.testing.assert_allclose(visited, covariance[:free, :free], rtol=0.5, atol=0.05)  # the bias of a finite step
    spread = np.diag(visited)
    # Standard errors of a mean, sqrt(S_ii / n), and of a covariance, below sqrt(2 S_ii S_jj / n); 5 of each.
    assert (np.abs(draws.mean(0) - mean[0, :free]) < 5 * np.sqrt(spread / chains)).all()
    assert (np.abs(np.cov(draws.T) - visited) < 5 * np.sqrt(2 * np.outer(spread, spread) / chains)).all()


@pytest.mark.slow
def test_draws_of_the_output_have_the_noise_of_the_output():
    n = 50_000
    root = np.random.default_rng(0).normal(size=(3, 3))
    covariance = root @ root.T + np.eye(3)
    network = (Dense(jnp.zeros((1, 3)), jnp.asarray([-1.0, 0.0, 2.0])),)
    problem = Problem(network, jnp.zeros((n, 1)), jnp.zeros((n, 3)), precision=(jnp.linalg.inv(covariance),))
    draws = generative.sample_output(jax.random.key(0), problem, ())
    spread = np.diag(covariance)
    assert (np.abs(draws.mean(0) - network[0].b) < 5 * np.sqrt(spread / n)).all()
    assert (np.abs(np.cov(draws.T) - covariance) < 5 * np.sqrt(2 * np.outer(spread, spread) / n)).all()
    for output, mean in (("bernoulli", jax.nn.sigmoid), ("categorical", jax.nn.softmax)):
        other = dataclasses.replace(problem, precision=None, output=output)
        draws = generative.sample_output(jax.random.key(1), other, ())
        assert set(np.unique(draws)) == {0.0, 1.0}
        assert (np.abs(draws.mean(0) - mean(network[0].b)) < 5 * np.sqrt(0.25 / n)).all()
        with pytest.raises(UsageError, match=f"output={output}"):
            generative.predictive_variance(other, ())


@pytest.mark.slow
def test_learning_from_draws_recovers_the_distribution_of_the_data():
    """Data of covariance w w^T + I. Draws carry the latent's uncertainty; settled states do not, and w grows."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=(1, 4))
    data = jnp.asarray(rng.normal(size=(2000, 1)) @ w + rng.normal(size=(2000, 4)))
    empirical = np.asarray(data.T @ data) / len(data)
    weight = jnp.full(len(data), 1 / len(data))

    def learned(optimiser_of):
        def step(carry, key):
            network, z = carry
            problem = Problem(network, None, data)
            settled = descend(problem, z, Budget(10), optimiser_of(key))
            direction = hebbian_update(problem, settled.z, settled.errors, weight)
            return (jax.tree.map(lambda p, d: p + 0.1 * d, network, direction), settled.z), None

        carry = ((Dense(jnp.asarray(0.1 * rng.normal(size=(1, 4)))),), (jnp.zeros((2000, 1)),))
        (network, _), _ = jax.lax.scan(step, carry, jax.random.split(jax.random.key(0), 300))
        return np.asarray(network[0].w.T @ network[0].w + jnp.eye(4))

    # What separates two estimates of a covariance: 5 of the standard errors that 2,000 samples give the largest.
    close = 5 * np.sqrt(2 / len(data)) * empirical.diagonal().max()
    assert np.abs(learned(lambda key: generative.langevin(key, 0.05)) - empirical).max() < close
    assert np.abs(learned(lambda key: optax.sgd(0.05)) - empirical).max() > 5 * close
