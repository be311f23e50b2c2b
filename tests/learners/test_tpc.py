"""The learner of sequences: what it predicts, what it keeps of each sequence, what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl.errors import UsageError
from pcl.learners import tpc
from pcl.network import temporal
from pcl.network.halting import Budget
from pcl.network.inference import Numbers
from pcl.network.rules import RULES
from pcl.types import Batch, Spec

SPEC = Spec((5,), 0, 5)
LEARNER = tpc.make(SPEC)
HP = tpc.HParams()


def oscillators(sequences, steps, seed):
    """Two oscillators of drifting phase in five noisy channels: each observation with the next one as target."""
    rng, mixing = np.random.default_rng(seed), np.random.default_rng(99).normal(size=(4, 5)) / np.sqrt(2)
    drift = np.array([0.3, 0.7]) + 0.05 * rng.normal(size=(steps + 1, sequences, 2))
    phase = rng.uniform(0, 2 * np.pi, (sequences, 2)) + np.cumsum(drift, 0)
    x = np.concatenate([np.cos(phase), np.sin(phase)], -1) @ mixing + 0.3 * rng.normal(size=(steps + 1, sequences, 5))
    x = jnp.asarray(x, jnp.float32)
    true = jnp.ones((steps, sequences), bool)
    return Batch(x[:-1], x[1:], true, true, jnp.zeros(true.shape, jnp.int32))


@jax.jit
def live(batches):
    """The state after a life, and the squared error of each step's prediction."""

    def step(state, batch):
        state, info = LEARNER.update(state, batch, HP)
        return state, (2 * info.log["surprise"].value, info.prediction.mean)

    return jax.lax.scan(step, LEARNER.init(jax.random.key(0), HP), batches)


def at(batches, i):
    return jax.tree.map(lambda leaf: leaf[i], batches)


def assert_same(got, want):
    jax.tree.map(np.testing.assert_array_equal, got, want)


def regression_error(x, past):
    """Mean squared error of the best linear prediction from the last `past` observations, in hindsight."""
    steps, _, size = x.shape
    inputs = np.concatenate([x[past - 1 - k : steps - 1 - k] for k in range(past)], -1).reshape(-1, past * size)
    outputs = np.asarray(x[past:]).reshape(-1, size)
    weights, *_ = np.linalg.lstsq(inputs, outputs)
    return np.sum((inputs @ weights - outputs) ** 2, -1).mean()


def test_predicts_better_than_linear_regression_on_the_last_observations():
    """One observation does not tell an oscillator's velocity from noise; a latent state gathers it."""
    batches = oscillators(10, 3000, seed=0)
    _, (error, _) = live(batches)
    x = np.asarray(batches.x)
    assert error[-500:].mean() < regression_error(x, 2) < regression_error(x, 1)
    assert error[-500:].mean() > 5 * 0.3**2  # no prediction reaches below the noise of the five channels


def test_a_life_is_filtering_with_learning():
    batches = oscillators(10, 50, seed=1)
    state, _ = live(batches)
    start = LEARNER.init(jax.random.key(0), HP)
    dynamics, trace = temporal.filter_sequences(
        start.dynamics,
        temporal.Precisions(),
        start.z,
        batches.x,
        jnp.zeros((50, 10, 0)),
        "tanh",
        lambda problem, z: RULES["gd"].settle(problem, z, Budget(HP.inference_steps), Numbers(HP.inference_lr)),
        HP.lr,
        HP.decay,
    )
    # Two float32 programs that add in another order, over 50 contracting steps.
    for got, want in zip((*state.dynamics, state.z), (*dynamics, trace.z[-1]), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_prediction_of_the_update_is_that_of_a_query_and_depends_on_the_past():
    batches = oscillators(10, 30, seed=2)
    state, _ = live(batches)
    batch = at(oscillators(10, 1, seed=3), 0)
    _, info = LEARNER.update(state, batch, HP)
    np.testing.assert_allclose(info.prediction.mean, LEARNER.predict(state, batch.x, HP).mean, rtol=1e-5, atol=1e-6)
    forgetful = state._replace(z=jnp.zeros_like(state.z))
    assert jnp.abs(LEARNER.predict(forgetful, batch.x, HP).mean - info.prediction.mean).max() > 0.01


@pytest.mark.slow
def test_rows_are_sequences_of_their_own():
    batches = oscillators(10, 30, seed=2)
    state, _ = live(batches)
    x = oscillators(12, 1, seed=3).x[0]
    all_rows = LEARNER.predict(state, x, HP).mean
    fresh = LEARNER.predict(state._replace(z=jnp.zeros_like(state.z)), x, HP).mean
    np.testing.assert_allclose(all_rows[:3], LEARNER.predict(state, x[:3], HP).mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(all_rows[10:], fresh[10:])  # two rows too many are sequences that begin


@pytest.mark.parametrize("missing", ["valid", "labelled"])
def test_rows_that_do_not_teach_change_nothing(missing):
    state, _ = live(oscillators(10, 30, seed=2))
    batch = at(oscillators(10, 1, seed=3), 0)
    teaches = jnp.arange(10) < 6
    quiet = batch._replace(**{missing: teaches})
    learned, _ = LEARNER.update(state, quiet, HP)
    assert_same(learned.z[6:], state.z[6:])
    assert (learned.z[:6] != state.z[:6]).any()
    other = quiet._replace(x=jnp.where(teaches[:, None], batch.x, 7.0), y=jnp.where(teaches[:, None], batch.y, 7.0))
    assert_same(LEARNER.update(state, other, HP)[0], learned)
    assert_same(LEARNER.update(state, batch._replace(**{missing: jnp.zeros(10, bool)}), HP)[0], state)


@pytest.mark.parametrize("value", [0.0, 1e4, -1e4])
def test_finite_on_extreme_inputs(value):
    batches = oscillators(10, 30, seed=0)
    constant = batches._replace(x=jnp.full_like(batches.x, value), y=jnp.full_like(batches.y, value))
    for leaf in jax.tree.leaves(live(constant)):
        assert jnp.isfinite(leaf).all()


def test_bad_input_is_named():
    with pytest.raises(UsageError, match="needs 5 real targets, not 2"):
        tpc.make(Spec((5,), 0, 2))
    with pytest.raises(UsageError, match="set sequences=12"):
        LEARNER.update(LEARNER.init(jax.random.key(0), HP), at(oscillators(12, 1, seed=0), 0), HP)
