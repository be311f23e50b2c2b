"""Classifiers of sums: equal to what is fitted on all samples at once, in any order, and to scikit-learn's."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.covariance import OAS
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from pcl import learners
from pcl.learners import closed_form
from pcl.types import Batch, Spec

SPEC, N = Spec((6,), 4), 80


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def samples():
    """As many of each of three classes (none of the fourth), with correlated inputs."""
    rng = np.random.default_rng(0)
    y = np.arange(N - 2) % 3
    x = 2 * rng.normal(size=(3, 6))[y] + rng.normal(size=(len(y), 6)) @ rng.normal(size=(6, 6))
    return x, y


@functools.cache
def lived(name, order_seed=None, **settings):
    """The learner's numbers, and its scores and fixed features of all samples after it has seen them two at a time."""
    learner, hp = learners.make(name, SPEC)
    x, y = samples()
    hp = hp.replace(block=len(y), **settings)
    order = np.arange(len(y)) if order_seed is None else np.random.default_rng(order_seed).permutation(len(y))
    rows = [jnp.asarray(leaf[order]).reshape(-1, 2, *leaf.shape[1:]) for leaf in (x, y)]
    true = jnp.ones(rows[1].shape, bool)
    batches = Batch(*rows, true, true, jnp.zeros_like(rows[1]))
    state = learner.init(jax.random.key(0), hp)
    state = jax.lax.scan(lambda s, b: (learner.update(s, b, hp)[0], None), state, batches)[0]
    return hp, np.asarray(learner.predict(state, jnp.asarray(x), hp).logits), state.fixed


def test_discriminants_are_those_of_scikit_learn():
    x, y = samples()
    _, scores, _ = lived("slda", shrinkage=1e-9)
    reference = LinearDiscriminantAnalysis(solver="lsqr").fit(x, y)
    want = reference.decision_function(x)
    got = scores[:, :3] + np.log(1 / 3)  # the classes are as frequent as each other
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    assert (scores[:, 3] < -1e29).all(), "a class that never came may be predicted"


def test_the_covariance_is_shrunk_to_the_identity():
    x, y = samples()
    mean = np.stack([x[y == c].mean(0) for c in range(3)])
    within = (x - mean[y]).T @ (x - mean[y]) / len(y)
    w = np.linalg.solve(0.7 * within + 0.3 * np.eye(6), mean.T)
    want = x @ w - 0.5 * np.sum(mean.T * w, axis=0)
    np.testing.assert_allclose(lived("slda", shrinkage=0.3)[1][:, :3], want, rtol=1e-7, atol=1e-7)


def test_the_estimated_shrinkage_is_that_of_scikit_learn():
    x, y = samples()
    mean = np.stack([x[y == c].mean(0) for c in range(3)])
    want = OAS(assume_centered=True).fit(x - mean[y]).covariance_
    within = jnp.asarray((x - mean[y]).T @ (x - mean[y]) / len(y))
    np.testing.assert_allclose(closed_form._oas(within, len(y)), want, rtol=1e-7)


@pytest.mark.parametrize("name", ["slda", "randumb", "ranpac", "acil"])
def test_the_order_of_samples_does_not_matter(name):
    settings = {} if name == "slda" else {"random_features": 9}
    np.testing.assert_allclose(lived(name, 1, **settings)[1], lived(name, **settings)[1], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["ranpac", "acil"])
def test_scores_are_those_of_ridge_regression_on_all_samples_at_once(name):
    x, y = samples()
    hp, scores, (w,) = lived(name, random_features=9)
    phi = np.maximum(x @ np.asarray(w), 0)
    want = Ridge(alpha=hp.ridge, fit_intercept=False).fit(phi, np.eye(4)[y]).predict(phi)
    np.testing.assert_allclose(scores[:, :3], want[:, :3], rtol=1e-6, atol=1e-8)


def test_uniform_projections_have_the_bounds_of_a_fresh_linear_layer():
    w = np.asarray(closed_form.drawn(jax.random.key(0), Spec((25,), 2), closed_form.HParams(feature_map="uniform"))[0])
    assert 0.199 < w.max() <= 0.2
    assert -0.2 <= w.min() < -0.199


def test_fourier_features_have_the_inner_products_of_the_gaussian_kernel():
    hp = closed_form.HParams(feature_map="fourier", random_features=40_000, gamma=1.5)
    x = jax.random.normal(jax.random.key(1), (5, 6))
    phi = closed_form.encode(closed_form.drawn(jax.random.key(0), SPEC, hp), x, hp)[:, :-1]
    want = np.exp(-1.5 / 6 * np.sum((x[:, None] - x[None]) ** 2, axis=2))
    np.testing.assert_allclose(phi @ phi.T, want, atol=0.02)  # a mean of 40,000 bounded products: 4 standard errors


def test_brightness_and_contrast_of_images_do_not_matter():
    hp = closed_form.HParams(feature_map="fourier", random_features=7)
    spec = Spec((6, 6), 2)
    fixed = closed_form.drawn(jax.random.key(0), spec, hp)
    x = jax.random.normal(jax.random.key(1), (3, 6, 6))
    plain = closed_form.encode(fixed, x, hp)
    np.testing.assert_allclose(closed_form.encode(fixed, 3 + 5 * x, hp), plain, rtol=1e-9)
    raw = closed_form.encode((), x, closed_form.HParams())[:, :-1]
    np.testing.assert_allclose(raw.mean(1), np.zeros(3), atol=1e-12)
    np.testing.assert_allclose((raw**2).mean(1), np.ones(3), rtol=1e-12)
