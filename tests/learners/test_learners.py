"""Facts of single learners with known answers."""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.neighbors import NearestCentroid

from pcl import learners
from pcl.network.energy import energy
from pcl.network.inference import settle
from pcl.network.layers import ACTIVATIONS, forward
from pcl.types import Batch, Spec


def batch_of(x, y):
    true = jnp.ones(len(y), bool)
    return Batch(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32), true, true, jnp.zeros(len(y), jnp.int32))


def random_batch(n, d, c, seed=0):
    rng = np.random.default_rng(seed)
    return batch_of(rng.normal(size=(n, d)), rng.integers(0, c, n))


def test_ncm_agrees_with_scikit_learn_in_any_order_and_batch_size():
    learner, hp = learners.make("ncm", Spec((2, 3), 4))
    batch = random_batch(200, 6, 4)
    order = np.random.default_rng(1).permutation(200)
    state = learner.init(jax.random.key(0), hp)
    for start in range(0, 200, 7):
        rows = order[start : start + 7]
        part = jax.tree.map(lambda leaf, rows=rows: leaf[rows], batch)
        state, _ = learner.update(state, part._replace(x=part.x.reshape(-1, 2, 3)), hp)
    queries = random_batch(500, 6, 4, seed=2).x
    got = learner.predict(state, queries.reshape(-1, 2, 3), hp).logits.argmax(1)
    np.testing.assert_array_equal(got, NearestCentroid().fit(batch.x, batch.y).predict(queries))


def test_ncm_never_answers_a_label_that_it_has_not_seen():
    learner, hp = learners.make("ncm", Spec((6,), 4))
    batch = random_batch(50, 6, 3)
    state, _ = learner.update(learner.init(jax.random.key(0), hp), batch, hp)
    assert learner.predict(state, 100 * random_batch(99, 6, 4).x, hp).logits.argmax(1).max() == 2


def test_pcn_moves_its_weights_down_the_mean_energy_at_the_settled_activities():
    learner, hp = learners.make("pcn", Spec((6,), 4))
    hp = hp.replace(width=5, optimiser="sgd", lr=0.1, inference_steps=7)
    batch = random_batch(9, 6, 4)
    state = learner.init(jax.random.key(0), hp)
    y, activation = jax.nn.one_hot(batch.y, 4), ACTIVATIONS["tanh"]
    *z, _ = forward(state.network, batch.x, jnp.tanh)
    settled = settle(state.network, tuple(z), batch.x, y, activation, "gaussian", 7, hp.inference_lr)

    def mean_energy(network):
        return energy(network, settled.z, batch.x, y, jnp.tanh, "gaussian").mean()

    expected = jax.tree.map(lambda w, g: w - 0.1 * g, state.network, jax.grad(mean_energy)(state.network))
    got, info = learner.update(state, batch, hp)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), got.network, expected)
    np.testing.assert_allclose(info.energy, mean_energy(state.network), rtol=1e-5)
    assert info.energy < info.surprise  # settling lowered the energy
    assert info.inference_steps == 7


def test_pcn_without_hidden_layers_is_backprop():
    """With nothing to infer, the energy is the loss and the local rule its gradient."""
    batch = random_batch(9, 6, 4)
    states = []
    for name in ("pcn", "backprop"):
        learner, hp = learners.make(name, Spec((6,), 4))
        hp = hp.replace(depth=0, optimiser="sgd", lr=0.1)
        states.append(learner.update(learner.init(jax.random.key(0), hp), batch, hp)[0])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), *states)


def test_equal_keys_give_pcn_and_backprop_equal_weights():
    initial = []
    for name in ("pcn", "backprop"):
        learner, hp = learners.make(name, Spec((6,), 4))
        initial.append(learner.init(jax.random.key(3), hp).network)
    jax.tree.map(np.testing.assert_array_equal, *initial)
