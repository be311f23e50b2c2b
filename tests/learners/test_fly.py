"""FlyModel: its sparse code and its rule, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.errors import UsageError
from pcl.learners import fly
from pcl.types import Batch, Spec

SPEC = Spec((4,), 3)


def batch(x, y, labelled=True):
    x = jnp.asarray(x, jnp.float32)
    true = jnp.ones(len(x), bool)
    return Batch(x, jnp.asarray(y), true & labelled, true, jnp.zeros(len(x), jnp.int32))


def test_cells_add_up_what_they_read_and_the_strongest_stay():
    reads = jnp.asarray([[0, 1], [1, 2], [2, 3], [0, 3]])
    x = jnp.asarray([[2.0, 4.0, 12.0, 7.0]])  # between 0 and 1: 0, 0.2, 1, 0.5
    np.testing.assert_allclose(fly.cells(reads, x, 0.5), [[0, 1.2 / 1.5, 1, 0]], rtol=1e-6)
    np.testing.assert_allclose(fly.cells(reads, x, 0.25), [[0, 0, 1, 0]], rtol=1e-6)
    np.testing.assert_array_equal(fly.cells(reads, jnp.full((1, 4), 3.0), 0.5), np.zeros((1, 4)))


def test_the_share_of_active_cells_is_the_one_asked_for():
    learner, hp = learners.make("fly", Spec((50,), 3))
    reads = learner.init(jax.random.key(0), hp).reads
    assert reads.shape == (3200, 6)
    assert all(len(set(row)) == 6 for row in np.asarray(reads[:100]).tolist()), "a cell reads an entry twice"
    active = fly.cells(reads, jax.random.normal(jax.random.key(1), (5, 50)), hp.active) > 0
    np.testing.assert_array_equal(active.sum(1), np.full(5, 160))


def test_weights_from_active_cells_to_the_label_grow_and_no_others_change():
    learner, hp = learners.make("fly", SPEC)
    hp = hp.replace(random_features=8, reads=0.5, active=0.25, lr=0.3)
    state = learner.init(jax.random.key(0), hp)
    x = np.random.default_rng(0).normal(size=(4, 4))
    y = np.asarray([1, 1, 0, 1])
    code = np.asarray(fly.cells(state.reads, jnp.asarray(x, jnp.float32), 0.25))
    after = learner.update(state, batch(x, y), hp)[0]
    want = np.stack([np.minimum(0.3 * code[y == c].sum(0), 1) for c in range(3)], axis=1)
    np.testing.assert_allclose(after.w, want, rtol=1e-6)
    for _ in range(20):
        after = learner.update(after, batch(x, y), hp)[0]
    assert after.w.max() == 1.0
    assert not after.w[:, 2].any()


def test_no_active_cell_is_refused():
    learner, hp = learners.make("fly", SPEC)
    hp = hp.replace(random_features=4)
    with pytest.raises(UsageError, match=r"^active=0.05: of 4 cells none would be active"):
        learner.predict(learner.init(jax.random.key(0), hp), jnp.zeros((1, 4)), hp)


def test_a_probe_of_many_rows_is_expanded_a_few_at_a_time():
    reads = jax.ShapeDtypeStruct((3200, 94), jnp.int32)
    x = jax.ShapeDtypeStruct((10_000, 784), jnp.float32)
    compiled = jax.jit(lambda reads, x: fly.cells(reads, x, 0.05)).lower(reads, x).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 2e9  # 12e9 at once
