"""Facts of single learners with known answers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.neighbors import NearestCentroid

from pcl import learners
from pcl.fields import replace
from pcl.learners import mlp
from pcl.network.plasticity import learn
from pcl.types import Batch, Spec


def batch_of(x, y):
    true = jnp.ones(len(y), bool)
    return Batch(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32), true, true, jnp.zeros(len(y), jnp.int32))


def random_batch(n, d, c, seed=0):
    rng = np.random.default_rng(seed)
    return batch_of(rng.normal(size=(n, d)), rng.integers(0, c, n))


@pytest.mark.slow
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


@pytest.mark.slow
def test_an_annealed_rate_starts_as_given_and_ends_at_zero():
    learner, hp = learners.make("backprop", Spec((6,), 4))
    plain, annealed = hp.replace(width=8, optimiser="sgd"), hp.replace(width=8, optimiser="sgd", anneal_steps=3)
    batch, states = random_batch(9, 6, 4), []
    for numbers in (plain, annealed):
        state = learner.init(jax.random.key(0), numbers)
        for _ in range(4):
            state, _ = learner.update(state, batch, numbers)
            states.append(state.network)
    jax.tree.map(np.testing.assert_array_equal, states[0], states[4])  # the first update, at the whole rate
    jax.tree.map(np.testing.assert_array_equal, states[6], states[7])  # the third and the fourth, at none
    assert (states[4][0].w != states[5][0].w).any()


@pytest.mark.slow
def test_annealing_counts_batches_that_teach_whatever_happens_in_them():
    """Of 4 batches, one teaches nothing and each makes 5 updates: the rate of each batch is that of its number."""
    spec, rate = Spec((6,), 4), optax.cosine_decay_schedule(0.1, 3)
    learner, hp = learners.make("pcn", spec)
    hp = hp.replace(width=8, optimiser="sgd", lr=0.1, inference="ipc", inference_steps=5)
    batch, update = random_batch(9, 6, 4), jax.jit(learner.update)
    state = learner.init(jax.random.key(0), hp.replace(anneal_steps=3))
    for number, teaches in enumerate((True, True, False, True, True)):
        rows = batch._replace(labelled=jnp.full(9, teaches))
        after, _ = update(state, rows, hp.replace(anneal_steps=3))
        taught = number - (number > 2)
        plain = learner.init(jax.random.key(0), hp)._replace(network=state.network, directions=state.directions)
        want, _ = update(plain, rows, hp.replace(lr=rate(taught)))
        for got, right in zip(jax.tree.leaves(after.network), jax.tree.leaves(want.network), strict=True):
            np.testing.assert_allclose(got, right, rtol=1e-6, atol=1e-7)
        moved = (after.network[0].w != state.network[0].w).any()
        assert moved == (teaches and taught < 3)
        state = after


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"architecture": "vgg5", "width": 2}], ids=["mlp", "vgg5"])
def test_weights_decay_and_biases_do_not(settings):
    """Half of each weight in one update without a gradient, as lr x weight_decay says."""
    learner, hp = learners.make("pcn", Spec((8, 8), 4))
    hp = replace(hp, {"width": 3, "optimiser": "adamw", "lr": 0.1, "weight_decay": 5.0} | settings)
    state = learner.init(jax.random.key(0), hp)
    network = jax.tree.map(lambda w: jnp.ones_like(w) if w.ndim == 1 else w, state.network)
    optimiser, zero = mlp.optimiser(hp), jax.tree.map(jnp.zeros_like, network)
    moved, _ = learn(network, state.optimiser, zero, optimiser, (1.0,) * len(network))
    for layer, before in zip(moved, network, strict=True):
        np.testing.assert_allclose(layer.w, 0.5 * before.w, rtol=1e-6)
        np.testing.assert_array_equal(layer.b, before.b)


def test_cost_is_relative_to_backpropagation_on_the_same_network_and_not_on_a_code():
    spec = Spec((64,), 10)
    _, narrow = learners.make("backprop", spec)
    narrow = narrow.replace(width=16)
    assert learners.cost_ratio("backprop", spec, narrow, 0, 10) == 1
    _, hp = learners.make("ncm", spec)
    on_default = learners.REGISTRY["ncm"].flops(spec, hp, 0, 10) / learners.REGISTRY["backprop"].flops(
        spec, learners.REGISTRY["backprop"].hparams, 0, 10
    )
    assert learners.cost_ratio("ncm", spec, hp.replace(random_features=5000), 0, 10) == pytest.approx(on_default)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("pcn", {}),
        ("pcn", {"inference": "momentum"}),
        ("pcn", {"precision": "full"}),
        ("er_pcn", {"precision": "diagonal"}),
        ("tpc", {"observed_precision": 9.0}),
    ],
    ids=lambda v: v if isinstance(v, str) else "".join(map(str, v.values())),
)
def test_the_stated_bound_parts_rates_that_settle_from_those_that_diverge(name, settings):
    """At fresh weights, which are others than those that the bound was measured at; gains of 50 change nothing."""
    rng, spec = np.random.default_rng(0), Spec((5,), 0, 5)
    learner, hp = learners.make(name, spec)
    hp = replace(hp, {"activation": "identity", "width": 16, "inference_steps": 60, "step_limit": "nothing"} | settings)
    bound = learners.REGISTRY[name].step_bound(spec, hp)
    state = learner.init(jax.random.key(1), hp)
    if name == "pcn":
        state = state._replace(variance=jax.tree.map(lambda v: 0.02 * v, state.variance))
    true = jnp.ones(8, bool)
    batch = Batch(*(jnp.asarray(rng.normal(size=(8, 5)), jnp.float32) for _ in "xy"), true, true, jnp.zeros(8, int))
    update = jax.jit(learner.update)
    risen = [update(state, batch, replace(hp, {"inference_lr": float(f * bound)}))[1].risen for f in (0.7, 1.5)]
    assert risen == [0, 1]
