"""Temporal predictive coding against autodiff, closed forms and the Kalman filter, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import solve_discrete_are, solve_discrete_lyapunov

from pcl.errors import UsageError
from pcl.network import temporal
from pcl.network.energy import feedforward
from pcl.network.halting import Budget
from pcl.network.inference import Numbers
from pcl.network.rules import RULES
from pcl.network.temporal import Dynamics, Precisions

# Both sides are sums of at most a hundred float64 products of numbers near 1.
EXACT = {"rtol": 1e-9, "atol": 1e-11}

# A slowly fading rotation seen through two noisy channels. Row vectors: z' = z A + w, x = z C + v.
A = 0.97 * np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
C = np.array([[1.0, 0.3], [0.4, 1.0]])
B = np.array([[0.5, -0.2]])
Q, R = np.array([[0.3, 0.1], [0.1, 0.2]]), np.diag([0.5, 0.3])


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def descent(steps, rate):
    return lambda problem, z: RULES["gd"].settle(problem, z, Budget(steps), Numbers(rate))


def true_weights():
    return Dynamics(*map(jnp.asarray, (A, C, B))), Precisions(jnp.linalg.inv(Q), jnp.linalg.inv(R))


def simulate(sequences, steps, seed):
    """States, observations and controls of the system above, led by the step."""
    rng = np.random.default_rng(seed)
    z, u = np.zeros((sequences, 2)), rng.normal(size=(steps, sequences, 1))
    w = rng.multivariate_normal(np.zeros(2), Q, (steps, sequences))
    v = rng.multivariate_normal(np.zeros(2), R, (steps, sequences))
    states = np.stack([z := z @ A + u_t @ B + w_t for u_t, w_t in zip(u, w, strict=True)])
    return states, jnp.asarray(states @ C + v), jnp.asarray(u)


def filtered(x, u):
    """States after settling with the true weights, for so long that nothing is left of the start."""
    dynamics, precisions = true_weights()
    # The error shrinks by 1 - 0.12 * (smallest eigenvalue of the curvature, 3.6) or better at every step.
    start = jnp.zeros((x.shape[1], 2))
    return temporal.filter_sequences(dynamics, precisions, start, x, u, "identity", descent(60, 0.12))


def random_problem(seed):
    """Weights, full precisions, two states, an observation and controls: 4 latent, 3 observed, 2 controls."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return jnp.asarray(rng.normal(size=shape))

    dynamics = Dynamics(draw(4, 4) / 2, draw(4, 3), draw(2, 4))
    precisions = Precisions(*(np.eye(n) + 0.3 * f @ f.T for n, f in ((4, draw(4, 4)), (3, draw(3, 3)))))
    return dynamics, precisions, draw(5, 4), draw(5, 4), draw(5, 3), draw(5, 2)


@pytest.mark.parametrize("activation", ["tanh", "identity"])
def test_rules_are_minus_the_gradient_of_the_energy(activation):
    dynamics, precisions, before, _, x, u = random_problem(0)
    weight = jnp.linspace(0.0, 1.0, 5)

    def total(dynamics, z, weight):
        return weight @ temporal.energy(temporal.problem(dynamics, precisions, before, u, x, activation), z)

    @jax.jit
    def both():
        now = temporal.problem(dynamics, precisions, before, u, x, activation)
        start = feedforward(now)
        settled = descent(1, 0.1)(now, start)
        direction = temporal.hebbian_update(now, settled.z, settled.errors, weight)
        by_weights = jax.grad(total)(dynamics, settled.z, weight)
        by_state = jax.grad(total, argnums=1)(dynamics, start, jnp.ones(5))
        return (settled.z[0], direction), (start[0] - 0.1 * by_state[0], jax.tree.map(jnp.negative, by_weights))

    jax.tree.map(lambda got, want: np.testing.assert_allclose(got, want, **EXACT), *both())


def test_energy_by_hand():
    """One of each: m = 1, z = 2, predicted observation 3 * 2, x = 5: F = 1/2 * 4 * 1^2 + 1/2 * 2 * 1^2."""
    dynamics = Dynamics(jnp.ones((1, 1)), jnp.full((1, 1), 3.0), jnp.zeros((0, 1)))
    precisions = Precisions(jnp.full((1, 1), 4.0), jnp.full((1, 1), 2.0))
    before, z, x = (jnp.full((1, 1), value) for value in (1.0, 2.0, 5.0))
    now = temporal.problem(dynamics, precisions, before, jnp.zeros((1, 0)), x, "identity")
    assert temporal.energy(now, (z,)) == pytest.approx(3.0)


def test_energy_never_rises_at_the_largest_step_that_is_stated():
    @jax.jit
    def energies(dynamics, precisions, before, u, x):
        now = temporal.problem(dynamics, precisions, before, u, x, "identity")
        rate = temporal.step_bound(dynamics, precisions)
        return jnp.stack([temporal.energy(now, descent(k, rate)(now, feedforward(now)).z) for k in range(4)])

    for seed in range(10):
        dynamics, precisions, before, _, x, u = random_problem(seed)
        assert (jnp.diff(energies(dynamics, precisions, before, u, x), axis=0) <= 1e-9).all()


def test_settled_states_are_those_of_a_kalman_filter_that_forgets_its_variance():
    _, x, u = simulate(sequences=3, steps=40, seed=0)
    _, trace = filtered(x, u)
    gain = Q @ C @ np.linalg.inv(C.T @ Q @ C + R)  # Kalman's, for the prior covariance Q
    z = np.zeros((3, 2))
    for t in range(40):
        m = z @ A + u[t] @ B
        z = m + (x[t] - m @ C) @ gain.T
        np.testing.assert_allclose(trace.prediction[t], m @ C, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(trace.z[t], z, rtol=1e-8, atol=1e-10)


def test_its_error_is_the_one_of_that_filter_and_somewhat_above_the_optimal():
    optimal_prior = solve_discrete_are(A, C, Q, R)  # with row vectors A and C are already transposed
    optimal_gain = optimal_prior @ C @ np.linalg.inv(C.T @ optimal_prior @ C + R)
    optimal = (np.eye(2) - optimal_gain @ C.T) @ optimal_prior
    gain = Q @ C @ np.linalg.inv(C.T @ Q @ C + R)
    kept = np.eye(2) - gain @ C.T  # what an update leaves of an error in the prediction
    expected = solve_discrete_lyapunov(kept @ A.T, kept @ Q @ kept.T + gain @ R @ gain.T)
    assert np.linalg.eigvalsh(expected - optimal).min() > 0
    assert np.trace(expected) / np.trace(optimal) == pytest.approx(1.15, abs=0.01)

    states, x, u = simulate(sequences=400, steps=150, seed=1)
    _, trace = filtered(x, u)
    errors = np.sum((trace.z - states)[50:] ** 2, -1).mean(0)  # 0.97^50 < 0.22 is left of the start, before updates
    # Sequences are independent, so their spread gives the standard error; 4 of them are allowed.
    assert abs(errors.mean() - np.trace(expected)) < 4 * errors.std() / np.sqrt(400)


@pytest.mark.slow
def test_learning_recovers_the_predictions_of_a_known_system():
    """From random weights and unit precisions; the state's basis is free, so what is compared is predictions.

    The learned filter may do better than the true weights, whose gain is too small, but not than Kalman's.
    """
    _, x, u = simulate(sequences=32, steps=4000, seed=2)
    _, held_out_x, held_out_u = simulate(sequences=200, steps=150, seed=3)
    fresh = temporal.init_dynamics(jax.random.key(0), 2, 2, 1)

    def error(dynamics):
        start = jnp.zeros((200, 2))
        settle = descent(30, 0.1)
        _, trace = temporal.filter_sequences(dynamics, Precisions(), start, held_out_x, held_out_u, "identity", settle)
        return np.sum((trace.prediction - held_out_x)[50:] ** 2, -1).mean()

    start, settle = jnp.zeros((32, 2)), descent(30, 0.1)
    learned, _ = temporal.filter_sequences(fresh, Precisions(), start, x, u, "identity", settle, 0.003, 0.1)
    _, trace = filtered(held_out_x, held_out_u)
    with_true_weights = np.sum((trace.prediction - held_out_x)[50:] ** 2, -1).mean()
    prior = solve_discrete_are(A, C, Q, R)
    optimal = np.trace(C.T @ prior @ C + R)
    assert error(fresh) > 2 * with_true_weights
    assert 0.98 * optimal < error(learned) < 1.05 * with_true_weights


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": jnp.ones((5, 4))}, r"observations have shape \(1, 5, 4\); their last two axes must be \(5, 3\)"),
        ({"z": jnp.full((5, 4), jnp.nan)}, "state hold NaN"),
        ({"u": jnp.full((5, 2), jnp.inf)}, "controls hold NaN or infinite"),
        ({"precisions": Precisions(observed=jnp.zeros(3))}, "precision of the observations is not positive definite"),
        ({"precisions": Precisions(latent=jnp.eye(3))}, r"precision of the state has shape \(3, 3\)"),
    ],
)
def test_bad_input_is_refused(change, message):
    dynamics, precisions, z, _, x, u = random_problem(0)
    given = {"precisions": precisions, "z": z, "x": x, "u": u} | change
    with pytest.raises(UsageError, match=message):
        temporal.filter_sequences(
            dynamics, given["precisions"], given["z"], given["x"][None], given["u"][None], "identity", descent(1, 0.1)
        )


def test_scan_equals_loop():
    dynamics, precisions, z, *_ = random_problem(0)
    x, u = (jnp.asarray(np.random.default_rng(1).normal(size=(6, 5, n))) for n in (3, 2))
    weight = jnp.full(5, 0.2)

    @jax.jit
    def step(dynamics, z, x, u):
        now = temporal.problem(dynamics, precisions, z, u, x, "tanh")
        settled = descent(7, 0.1)(now, feedforward(now))
        direction = temporal.hebbian_update(now, settled.z, settled.errors, weight)
        return temporal.learn(dynamics, direction, 0.05, 0.1), settled.z[0]

    learned, trace = temporal.filter_sequences(dynamics, precisions, z, x, u, "tanh", descent(7, 0.1), 0.05, 0.1)
    for t in range(6):
        dynamics, z = step(dynamics, z, x[t], u[t])
        np.testing.assert_allclose(trace.z[t], z, **EXACT)
    jax.tree.map(lambda got, want: np.testing.assert_allclose(got, want, **EXACT), learned, dynamics)


def test_what_is_no_dynamics_is_refused():
    with pytest.raises(UsageError, match="latent=0, observed=2, controls=0: give at least 1, 1 and 0"):
        temporal.init_dynamics(jax.random.key(0), 0, 2)
    dynamics = temporal.init_dynamics(jax.random.key(0), 3, 2)
    given = temporal.Precisions(), jnp.zeros((4, 3)), jnp.zeros((4, 0)), jnp.zeros((4, 2)), "identity"
    with pytest.raises(UsageError, match="transition and control have shapes"):
        temporal.problem(dynamics._replace(transition=jnp.eye(2)), *given)


def test_learning_sequences_is_filtering_them_by_the_numbers_that_its_page_names():
    x = jnp.asarray(np.random.default_rng(3).normal(size=(4, 2, 3)))
    dynamics = temporal.init_dynamics(jax.random.key(0), 5, 3)
    precisions, none = Precisions(observed=jnp.full(3, 10.0)), jnp.zeros((4, 2, 0))
    # The rule's own rate is 0.1 of the state's error, over the largest gain, 10; these weights allow it.
    rates = "tanh", descent(20, 0.01), 0.1, 0.01
    want = temporal.filter_sequences(dynamics, precisions, jnp.zeros((2, 5)), x, none, *rates)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **EXACT), temporal.learn_sequences(dynamics, x), want)
    with pytest.raises(UsageError, match="2 controls"):
        temporal.learn_sequences(temporal.init_dynamics(jax.random.key(0), 5, 3, 2), x)


def test_a_rollout_turns_the_state_by_the_transition_alone():
    dynamics = Dynamics(jnp.asarray(A), jnp.asarray(C), jnp.zeros((0, 2)))
    z = np.array([[1.0, -2.0]])
    want = [z @ np.linalg.matrix_power(A, k) @ C for k in (1, 2, 3)]
    np.testing.assert_allclose(temporal.rollout(dynamics, jnp.asarray(z), 3, "identity"), want, **EXACT)
