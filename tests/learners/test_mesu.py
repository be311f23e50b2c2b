"""MESU: the posterior of a linear Gaussian model, and what it forgets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.types import Batch, Spec

SPEC = Spec((2,), 0, 1)
NET = {"depth": 0, "output": "gaussian"}


def made(**settings):
    learner, hp = learners.make("mesu", SPEC)
    return learner, hp.replace(rule=hp.rule.replace(**NET), **settings)


@pytest.mark.slow
def test_a_linear_gaussian_model_ends_at_its_posterior():
    """Steps are of first order in sigma x: 400 faint inputs, in which each narrows the weights by little."""
    learner, hp = made(deviation=1.0, memory_batches=1e12, draws=200)
    rng = np.random.default_rng(0)
    x = (0.2 * rng.normal(size=(400, 1, 2))).astype(np.float32)
    y = (x @ np.asarray([[1.5], [-2.0]]) + rng.normal(size=(400, 1, 1))).astype(np.float32)
    true = jnp.ones((400, 1), bool)
    batches = Batch(jnp.asarray(x), jnp.asarray(y), true, true, jnp.zeros((400, 1), jnp.int32))
    start = learner.init(jax.random.key(0), hp)
    after = jax.jit(lambda s: jax.lax.scan(lambda s, b: (learner.update(s, b, hp)[0], None), s, batches)[0])(start)
    phi = np.concatenate([x[:, 0], np.ones((400, 1))], axis=1)
    layer, begun, wide = after.rule.network[0], start.rule.network[0], after.deviation[0]
    # A mean-field posterior has the precision of each weight, given the others, and the mean of the exact one.
    precision = np.eye(3) + phi.T @ phi
    m0 = np.append(np.asarray(begun.w)[:, 0], 0.0)
    want = np.linalg.solve(precision, m0 + phi.T @ y[:, 0, 0])
    np.testing.assert_allclose(np.append(layer.w[:, 0], layer.b), want, atol=0.25)
    np.testing.assert_allclose(np.append(wide.w[:, 0], wide.b) ** -2, np.diagonal(precision), rtol=0.2)


def test_weights_forget_towards_where_they_began():
    learner, hp = made(deviation=0.5, memory_batches=4.0)
    start = learner.init(jax.random.key(0), hp)
    moved = start.rule._replace(network=jax.tree.map(lambda w: w + 1.0, start.rule.network))
    narrow = start._replace(rule=moved, deviation=jax.tree.map(lambda w: jnp.full_like(w, 0.25), start.deviation))
    x = jnp.zeros((1, 2))  # so that weights learn nothing
    y = moved.network[0].b[None]
    true = jnp.ones(1, bool)
    after = learner.update(narrow, Batch(x, y, true, true, jnp.zeros(1, jnp.int32)), hp)[0]
    np.testing.assert_allclose(after.rule.network[0].w, moved.network[0].w - 0.25**2 / (4 * 0.5**2), rtol=1e-5)
    wider = 0.25 + 0.25 / (2 * 4 * 0.5**2) * (0.5**2 - 0.25**2)
    np.testing.assert_allclose(after.deviation[0].w, np.full((2, 1), wider), rtol=1e-5)
