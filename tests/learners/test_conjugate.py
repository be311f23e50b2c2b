"""Facts of the learners on conjugate synapses: they know what offline training would, whatever the order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from pcl import learners
from pcl.learners import features
from pcl.types import Batch, Spec

SPEC = Spec((6, 6), 4)
N = 96


def images(seed=0, n=N):
    """Small images of four classes, in order of class, each a little brighter and stronger than the one before."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) * 4 // n
    x = rng.normal(size=(4, 6, 6))[y] + rng.normal(size=(n, 6, 6)) @ rng.normal(size=(6, 6))
    return jnp.asarray(x), jnp.asarray(y)


def lived(name, x, y, settings, order=None, batch=8, spec=SPEC):
    """The learner, its numbers and its state after living through the samples in an order, in float64."""
    learner, hp = learners.make(name, spec)
    hp = hp.replace(**settings)
    order = np.arange(len(x)) if order is None else order
    true = jnp.ones(len(x), bool)
    whole = Batch(x[order], y[order], true, true, jnp.zeros(len(x), jnp.int32))
    batches = jax.tree.map(lambda leaf: leaf.reshape(-1, batch, *leaf.shape[1:]), whole)

    def step(state, rows):
        return learner.update(state, rows, hp)[0], None

    state = jax.jit(lambda b: jax.lax.scan(step, learner.init(jax.random.key(0), hp), b)[0])(batches)
    return learner, hp, state


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rls", "bpc", "generative", "ncm"])
@pytest.mark.parametrize("code", ["raw", "random"])
def test_order_batches_and_the_moments_of_the_stream_do_not_matter(name, code):
    with jax.enable_x64(True):
        x, y = images()
        settings = {"features": code, "random_features": 20}
        rng = np.random.default_rng(1)
        brightness, contrast = rng.normal(size=(N, 1, 1)), rng.uniform(0.5, 2, size=(N, 1, 1))
        *_, state = lived(name, x, y, settings)
        *_, other = lived(name, x * contrast + brightness, y, settings, rng.permutation(N), batch=12)
        # Two float64 computations of the same sums; means of images as bright as they are contrasted lose a digit.
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9), other, state)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rls", "bpc"])
def test_answers_are_those_of_ridge_regression_on_one_hot_labels(name):
    with jax.enable_x64(True):
        x, y = images()
        learner, hp, state = lived(name, x, y, {"ridge": 0.3})
        queries, _ = images(seed=1)
        phi, asked = (features.encode((), part, hp) for part in (x, queries))
        want = Ridge(alpha=0.3, fit_intercept=False).fit(phi, np.eye(4)[y]).predict(asked)
        got = learner.predict(state, queries, hp).logits
        if name == "bpc":  # a confidence that falls with the leverage scales each row
            got = got * (want.max(1) / got.max(1))[:, None]
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-9)


def test_class_gaussians_are_linear_discriminant_analysis_shrunk_by_the_prior_scatter():
    """(scatter + prior I) / n is (1 - s) scatter / n + s mu I but for its scale, s = prior / (prior + tr / D)."""
    with jax.enable_x64(True):
        x, y = images()
        prior = 0.5
        learner, hp, state = lived("generative", x, y, {"prior_scatter": prior})
        queries, _ = images(seed=1)
        phi, asked = (np.asarray(features.encode((), part, hp)[:, :-1]) for part in (x, queries))
        scatter = sum(np.cov(phi[y == c].T, bias=True) * (y == c).sum() for c in range(4))
        np.testing.assert_allclose(np.linalg.inv(state.p[0]), scatter + prior * np.eye(36), rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(state.discriminant, state.mean @ state.p[0], rtol=1e-8, atol=1e-9)
        share = prior / (prior + np.trace(scatter) / 36)
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=share).fit(phi, y)
        got = learner.predict(state, queries, hp).logits
        # scikit-learn's covariance is (1 - s) times ours; without the log prior, equal here, scores scale as well.
        centred, want = got - got.mean(1, keepdims=True), model.decision_function(asked)
        want = (1 - share) * (want - want.mean(1, keepdims=True))
        np.testing.assert_allclose(centred, want, rtol=1e-7, atol=1e-8)


@pytest.mark.slow
def test_one_sample_of_nlms_is_the_normalised_step():
    with jax.enable_x64(True):
        x, y = images()
        for step in ("plain", "normalised"):
            _, hp, state = lived("nlms", x[:1], y[:1], {"step": step, "lr": 0.2}, batch=1)
            phi = features.encode((), x[:1], hp)
            size = 0.2 if step == "plain" else 1 / (1 / 0.2 + jnp.sum(phi**2))
            np.testing.assert_allclose(state.w, size * phi.T @ np.eye(4)[y[:1]], rtol=1e-9, atol=1e-12)


def regression(n=4000, seed=0):
    """A linear world with noise of standard deviations 0.3 and 0.6."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5))
    y = x @ np.random.default_rng(9).normal(size=(5, 2)) / np.sqrt(5) + rng.normal(size=(n, 2)) * (0.3, 0.6)
    return jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)


@pytest.mark.parametrize("depth", [0, 1])
def test_bpc_knows_the_variance_of_its_answers(depth):
    spec = Spec((5,), 0, 2)
    settings = {"depth": depth, "hidden_units": 16, "ridge": 0.1}
    learner, hp, state = lived("bpc", *regression(), settings, spec=spec)
    x, y = regression(seed=1)
    prediction = learner.predict(state, x, hp)
    square = ((y - prediction.mean) ** 2 / prediction.variance).mean(0)
    # 4,000 squares of standard normals: 0.09 is four standard errors. A hidden layer is only approximately conjugate.
    np.testing.assert_allclose(square, 1, atol=0.09 if depth == 0 else 0.3)


def test_queries_are_for_what_is_not_known():
    spec = Spec((5,), 0, 2)
    x, y = regression(200)
    for name in ("rls", "bpc"):
        learner, hp, state = lived(name, x * jnp.asarray([1, 1, 1, 1, 0.0]), y, {}, spec=spec)
        known, unknown = jnp.eye(5)[:1], jnp.eye(5)[4:]
        gain = [learner.predict(state, asked, hp).query[0] for asked in (known, unknown)]
        assert gain[1] > 5 * gain[0]


@pytest.mark.slow
def test_drift_lets_bpc_follow_a_world_that_turns():
    spec = Spec((5,), 0, 2)
    x, y = regression()
    turned = y.at[2000:].set(-y[2000:])
    error = {}
    for drift in (0.0, 0.05):
        learner, hp, state = lived("bpc", x, turned, {"drift": drift}, spec=spec)
        error[drift] = float(jnp.mean((learner.predict(state, x[2000:], hp).mean - turned[2000:]) ** 2))
    assert error[0.05] < 0.5 * error[0.0]
    noise = (0.3**2 + 0.6**2) / 2
    assert error[0.05] < 1.2 * noise
