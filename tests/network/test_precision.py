"""Learned precision recovers a known noise covariance, stays positive definite, and is a gain on the error."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from draws import assert_close, problem
from hypothesis import given, settings
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.network.energy import errors
from pcl.network.precision import inverse, learn_variance, log_determinant, unit_variance, weigh

learn = jax.jit(learn_variance)


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_learned_precision_recovers_the_noise_covariance(kind):
    """500 batches of 200 errors at a rate of 0.01: about 40,000 samples' worth, so 2 % is four standard errors."""
    rng = np.random.default_rng(0)
    half = rng.normal(size=(4, 4))
    covariance = half @ half.T + 0.1 * np.eye(4)
    noise = rng.multivariate_normal(np.zeros(4), covariance, size=(1000, 200)).astype(np.float32)
    weight_B = jnp.full(200, 1 / 200)

    def seen(variance, e):
        return learn(variance, e, weight_B, 0.01, 0.0), None

    variance, _ = jax.lax.scan(seen, unit_variance(kind, (4,)), noise)
    want = covariance if kind == "full" else np.diag(covariance)
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance))) if kind == "full" else want
    assert (np.abs(variance - want) / scale).max() < 0.02
    product = inverse(variance)
    got = np.asarray(product) @ np.asarray(variance) if kind == "full" else product * variance
    np.testing.assert_allclose(got, np.eye(4) if kind == "full" else np.ones(4), atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), rate=st.floats(0, 1), size=st.sampled_from([0.0, 1e-3, 1.0, 1e3]))
def test_no_eigenvalue_of_the_covariance_falls_below_the_floor(seed, rate, size):
    with jax.enable_x64(True):
        rng, variance = np.random.default_rng(seed), jnp.eye(3)
        for _ in range(4):
            e = jnp.asarray(size * rng.normal(size=(2, 1)) * np.asarray([1.0, 2.0, -1.0]))  # of rank one
            variance = learn(variance, e, jnp.full(2, 0.5), rate, 0.01)
        # A convex combination of matrices above the floor, up to rounding of sums that are 1e7 at most.
        assert jnp.linalg.eigvalsh(variance)[0] >= 0.01 - 1e-8
        assert jnp.linalg.eigvalsh(inverse(variance))[0] > 0


def test_a_batch_without_weight_teaches_no_precision():
    variance = learn(unit_variance("full", (3,)), jnp.full((2, 3), 7.0), jnp.zeros(2), 0.5, 0.01)
    np.testing.assert_array_equal(variance, np.eye(3))
    assert learn_variance(None, jnp.ones((2, 3)), jnp.ones(2), 0.5, 0.01) is None


def test_images_have_diagonal_precision():
    assert unit_variance("full", (4, 5, 2)).shape == (4, 5, 2)
    assert unit_variance("identity", (4,)) is None


def test_a_diagonal_precision_is_the_full_one_with_that_diagonal():
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        e, diagonal = jnp.asarray(rng.normal(size=(2, 3))), jnp.asarray([0.5, 2.0, 3.0])
        full = jnp.diag(diagonal)
        assert_close(weigh(diagonal, e), weigh(full, e))
        assert_close(log_determinant(diagonal, e), log_determinant(full, e))


def test_precision_is_a_gain_on_the_error():
    with jax.enable_x64(True):
        p, z = problem("dense")
        doubled = dataclasses.replace(p, precision=(None, jnp.full(3, 2.0), None))
        plain, gained = errors(p, z), errors(doubled, z)
        assert_close(gained.raw, plain.raw)
        assert_close(gained.delta, (plain.delta[0], 2 * plain.delta[1], plain.delta[2]))


def test_unknown_kinds_and_variances_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="unknown precision 'diagnoal'; known: diagonal, full, identity"):
        unit_variance("diagnoal", (3,))
    with pytest.raises(UsageError, match=r"precision of the errors has shape \(1,\)"):
        learn_variance(jnp.ones(1), jnp.ones((2, 3)), jnp.ones(2), 0.1, 0.1)
