"""Steps of the activities stay stable as weights grow, for every learner that settles by gradient descent."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.fields import as_dict, replace
from pcl.learners import steps
from pcl.network.layers import Dense
from pcl.types import Batch, Spec

SPEC = Spec((5,), 0, 5)
CASES = [
    ("pcn", {"inference": "gd", "step_share": 0.9}),
    ("pcn", {"inference": "momentum", "step_share": 0.9}),
    ("bpc", {"depth": 2}),
    ("tpc", {"observed_precision": 3.0}),
]


def batch(rng):
    true = jnp.ones(8, bool)
    return Batch(*(jnp.asarray(rng.normal(size=(8, 5)), jnp.float32) for _ in "xy"), true, true, jnp.zeros(8, int))


def grown(state):
    """The state after all weights have become ten times as large."""
    if hasattr(state, "dynamics"):
        dynamics = state.dynamics._replace(observation=10 * state.dynamics.observation)
        return state._replace(dynamics=dynamics)
    if hasattr(state, "layers"):
        return state._replace(layers=tuple(layer._replace(w=10 * layer.w) for layer in state.layers))
    return state._replace(network=jax.tree.map(lambda w: 10 * w, state.network))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings"), CASES, ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v)))
def test_weights_ten_times_as_large_let_a_fixed_step_diverge_and_not_a_limited_one(name, settings):
    learner, hp = learners.make(name, SPEC)
    common = {"activation": "identity", "inference_lr": 0.1, **settings}
    risen = []
    for limit in ("curvature", "nothing"):
        numbers = common | {"step_limit": limit} | ({"width": 16} if "width" in as_dict(hp) else {})
        chosen = replace(hp, numbers)
        update, rng = jax.jit(learner.update), np.random.default_rng(0)
        state, first = update(learner.init(jax.random.key(0), chosen), batch(rng), chosen)
        state, last = update(grown(state), batch(rng), chosen)
        risen.append((float(first.risen), float(last.risen)))
    assert risen == [(0, 0), (0, 1)]


def test_a_step_below_the_limit_is_as_it_is_said_and_one_above_is_a_share_of_what_is_stable():
    """One hidden layer that its output reads threefold: curvature 1 + 9."""
    network = Dense(jnp.zeros((2, 1))), Dense(3 * jnp.ones((1, 1)))
    _, hp = learners.make("pcn", SPEC)
    hp = hp.replace(inference="momentum")
    kept = steps.start(network, (2,), hp)
    for share, lr, momentum, want in ((0.5, 0.01, 0.0, 0.01), (0.5, 1.0, 0.0, 0.1), (0.5, 1.0, 0.5, 0.15)):
        chosen = hp.replace(step_share=share, inference_lr=lr, inference_momentum=momentum)
        rate, _ = steps.limit(network, kept, jnp.ones((), bool), chosen)
        np.testing.assert_allclose(rate, want, rtol=1e-6)
    assert steps.start(network, (2,), hp.replace(step_limit="nothing")) is None
    assert steps.limit(network, None, jnp.ones((), bool), hp) == (0.1, None)


def test_nothing_moves_where_nothing_is_taught():
    rng = np.random.default_rng(0)
    network = Dense(jnp.zeros((3, 4))), Dense(jnp.asarray(rng.normal(size=(4, 2)), jnp.float32))
    before = (jnp.ones((1, 4)),)
    _, hp = learners.make("pcn", SPEC)
    for teaches, same in ((False, True), (True, False)):
        _, after = steps.limit(network, before, jnp.asarray(teaches), hp)
        assert jnp.array_equal(after[0], before[0]) == same


@pytest.mark.parametrize("name", ["pcn", "tpc"])
def test_no_bound_of_the_rate_is_stated_where_the_step_is_limited(name):
    learner_entry = learners.REGISTRY[name]
    assert learner_entry.step_bound(SPEC, learner_entry.hparams) is None
    assert learner_entry.step_bound(SPEC, replace(learner_entry.hparams, {"step_limit": "nothing"})) > 0


@pytest.mark.parametrize("inference", ["adam", "gauss_newton", "epc", "anderson"])
def test_rules_with_a_scale_of_their_own_keep_no_directions(inference):
    learner, hp = learners.make("pcn", SPEC)
    state = learner.init(jax.random.key(0), replace(hp, {"inference": inference, "width": 4}))
    assert state.directions is None
