"""Settling finds the equilibrium, as plain loops do; early stops, bounds and residuals say what they should."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from draws import assert_close, problem
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree
from sklearn.datasets import load_digits

from pcl import learners
from pcl.errors import UsageError
from pcl.network.energy import Problem, activity_gradient, energy, errors, feedforward
from pcl.network.halting import Budget, Halt
from pcl.network.inference import Numbers, descend, rose
from pcl.network.rules import RULES
from pcl.network.samples import norm
from pcl.network.stability import step_bound
from pcl.types import Batch, Spec

seeds = st.integers(0, 2**31)
energies = jax.jit(energy)
gradients = jax.jit(lambda p, z: activity_gradient(p, z, errors(p, z)))
starts = jax.jit(feedforward)
bounds = jax.jit(step_bound, static_argnames="iterations")


@functools.partial(jax.jit, static_argnames=("steps", "rule", "optimiser"))
def settle(p, z, rate, steps, rule=None, tolerance=0.0, optimiser=optax.sgd):
    return descend(p, z, Budget(steps, rule and Halt(rule, tolerance)), optimiser(rate))


def linear(seed=0, **kwargs):
    """A linear network with Gaussian errors: the energy is quadratic."""
    return problem("dense", "identity", precision="full", seed=seed, **kwargs)


@jax.jit
def hessian_and_slope(p, z, row=0):
    """Hessian [N, N] and gradient [N] of one sample's energy by its free activities."""
    one = dataclasses.replace(p, bottom=p.bottom[row][None], top=p.top[row][None])
    flat, unflatten = ravel_pytree(tuple(z_l[row][None] for z_l in z))

    def of(flat):
        return energy(one, unflatten(flat))[0]

    return jax.hessian(of)(flat), jax.grad(of)(flat)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dense", "max"])
@pytest.mark.parametrize(
    "optimiser", [optax.sgd(0.02), optax.sgd(0.01, 0.7), optax.adam(0.05)], ids=["gd", "momentum", "adam"]
)
def test_settling_is_the_plain_loop(optimiser, kind):
    @jax.jit
    def loop(p, z):
        memory = optimiser.init(z)
        for _ in range(4):
            updates, memory = optimiser.update(jax.grad(lambda z: energy(p, z).sum())(z), memory, z)
            z = optax.apply_updates(z, updates)
        return z

    with jax.enable_x64(True):
        p, z = problem(kind, output="categorical")
        settled = jax.jit(lambda p, z: descend(p, z, Budget(4), optimiser))(p, z)
        want = loop(p, z)
        assert_close(settled.z, want)
        assert_close(settled.errors, jax.jit(errors)(p, want))
        assert_close(settled.residual, norm(gradients(p, want), 3) / norm(gradients(p, starts(p)), 3))
        assert (settled.steps == 4).all()


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(seed=seeds)
def test_the_equilibrium_of_a_linear_network_is_the_closed_form(seed):
    """The energy is quadratic, so its minimum is z - H^{-1} g from anywhere."""
    with jax.enable_x64(True):
        p, z = linear(seed)
        settled = settle(p, z, bounds(p, z).min() / 2, 200_000, "gradient", 1e-10)
        assert (settled.residual <= 1e-10).all()
        hessian, slope = hessian_and_slope(p, z)
        want = ravel_pytree(tuple(z_l[0] for z_l in z))[0] - jnp.linalg.solve(hessian, slope)
        # |z - z*| <= |gradient| / the smallest eigenvalue; the gradient is at most 1e-10 of its start.
        start = norm(gradients(p, starts(p)), 3)[0]
        error = 1e-10 * start / jnp.linalg.eigvalsh(hessian)[0]
        got = ravel_pytree(tuple(z_l[0] for z_l in settled.z))[0]
        assert jnp.linalg.norm(got - want) <= error + 1e-9 * jnp.linalg.norm(want)


@settings(max_examples=5, deadline=None)
@given(seed=seeds)
def test_steps_below_the_bound_never_raise_a_quadratic_energy_and_steps_above_diverge(seed):
    with jax.enable_x64(True):
        p, z = linear(seed, batch=1)
        hessian, _ = hessian_and_slope(p, z)
        bound = 2 / jnp.linalg.eigvalsh(hessian)[-1]
        before = energies(p, z)
        for _ in range(5):
            z = settle(p, z, 0.999 * bound, 1).z
            after = energies(p, z)
            assert (after <= before + 1e-9 * jnp.abs(before)).all()
            before = after
        diverged = settle(p, z, 1.05 * bound, 1000).z  # the largest direction grows 1.1-fold a step
        assert (energies(p, diverged) > before + 1e6).any()


def test_the_bound_is_two_over_the_largest_eigenvalue():
    with jax.enable_x64(True):
        p, z = problem("dense", "tanh", output="categorical", batch=1)
        largest = jnp.abs(jnp.linalg.eigvalsh(hessian_and_slope(p, z)[0])).max()
        np.testing.assert_allclose(bounds(p, z, iterations=1000), [2 / largest], rtol=1e-6)
        np.testing.assert_allclose(bounds(p, z, 3.0, iterations=1000), [3 / largest], rtol=1e-6)


@settings(max_examples=5, deadline=None)
@given(seed=seeds)
@pytest.mark.parametrize("kind", ["dense", "mupc"])
def test_small_steps_never_raise_the_energy_of_nonlinear_networks(seed, kind):
    """A tenth of the bound leaves room for a Hessian that grows tenfold on the way."""
    with jax.enable_x64(True):
        p, z = problem(kind, "tanh", seed=seed)
        before = energies(p, z)
        for _ in range(5):
            z = settle(p, z, 0.1 * bounds(p, z).min(), 1).z
            after = energies(p, z)
            assert (after <= before + 1e-12).all()
            before = after


@pytest.mark.parametrize(
    ("halt", "optimiser"), [(("gradient", 0.3), optax.sgd), (("saturation", 0.2), optax.adam)], ids=["gd", "adam"]
)
def test_a_batch_that_stops_early_settles_as_each_sample_alone(halt, optimiser):
    with jax.enable_x64(True):
        p, _ = problem("dense", batch=6)
        z = starts(p)
        settled = settle(p, z, 0.03, 60, *halt, optimiser)
        assert 0 < settled.steps.min() < settled.steps.max()  # samples differ
        assert settled.steps.min() < 60  # and some stop early
        for row in range(6):
            alone = dataclasses.replace(p, bottom=p.bottom[row][None], top=p.top[row][None])
            other = settle(alone, tuple(z_l[row][None] for z_l in z), 0.03, 60, *halt, optimiser)
            assert_close(other.z, tuple(z_l[row][None] for z_l in settled.z))
            assert other.steps == settled.steps[row]


def test_the_gradient_stop_is_the_first_step_below_its_tolerance():
    with jax.enable_x64(True):
        p, _ = problem("dense")
        z = starts(p)
        settled = settle(p, z, 0.03, 200, "gradient", 0.3)
        assert (settled.residual <= 0.3).all()
        residuals, way = [settled.residual * 0 + 1.0], [z]
        for _ in range(int(settled.steps.max())):
            moved = settle(p, way[-1], 0.03, 1)
            residuals.append(moved.residual)
            way.append(moved.z)
        np.testing.assert_array_equal(settled.steps, (jnp.stack(residuals) <= 0.3).argmax(0))
        # There each sample stays, while others go on.
        assert settled.steps.min() < settled.steps.max()
        for row, steps in enumerate(settled.steps.astype(int)):
            assert_close([z_l[row] for z_l in settled.z], [z_l[row] for z_l in way[steps]])


def heavy_ball(rate):
    return optax.sgd(rate, 0.9)


@pytest.mark.parametrize(
    ("optimiser", "tolerance"),
    [(optax.sgd, 0.1), (optax.adam, 0.1), (heavy_ball, 1.0)],
    ids=["gd", "adam", "momentum"],
)
def test_the_saturation_stop_by_hand(optimiser, tolerance):
    """It waits for a mean that falls, and is small beside the largest one and the way from the start.

    The steps of momentum grow at first: at a tolerance of 1 all that they wait for is the first that is shorter.
    """
    with jax.enable_x64(True):
        p, _ = problem("dense", batch=1)
        z, mean, means, steps, rule = starts(p), 0.0, [], 0, optimiser(0.03)
        start, memory = z, rule.init(z)
        while steps < 2 or not (means[-1] < means[-2] and means[-1] <= tolerance * min(max(means), distance(z, start))):
            updates, memory = rule.update(gradients(p, z), memory, z)
            moved = optax.apply_updates(z, updates)
            steps, mean = steps + 1, 0.3 * mean + 0.7 * distance(moved, z)
            means.append(mean / (1 - 0.3**steps))
            z = moved
        settled = settle(p, start, 0.03, 1000, "saturation", tolerance, optimiser)
        assert settled.steps == steps > 2
        assert_close(settled.z, z)


def distance(a, b):
    return np.sqrt(sum(((x - y) ** 2).sum() for x, y in zip(a, b, strict=True)))


@pytest.fixture(scope="module")
def of_digits():
    """Networks 64-64-64-10, fresh and trained on digits, clamped to 50 others of them."""
    digits = load_digits()
    x = jnp.asarray((digits.data - digits.data.mean()) / digits.data.std(), jnp.float32)
    learner, hp = learners.make("pcn", Spec((64,), 10))
    hp = hp.replace(width=64, lr=np.float32(0.003))
    state, true = learner.init(jax.random.key(0), hp), jnp.ones((50, 32), bool)
    lessons = Batch(
        x[:1600].reshape(50, 32, 64),
        jnp.asarray(digits.target[:1600], jnp.int32).reshape(50, 32),
        true,
        true,
        jnp.zeros((50, 32), jnp.int32),
    )
    live = jax.jit(lambda s: jax.lax.scan(lambda s, lesson: (learner.update(s, lesson, hp)[0], None), s, lessons)[0])
    top = jax.nn.one_hot(digits.target[1600:1650], 10)
    trained = state
    for _ in range(10):
        trained = live(trained)
    return [Problem(s.network, x[1600:1650], top) for s in (state, trained)]


@functools.partial(jax.jit, static_argnums=(1, 2))
def residuals_where_halted(p, optimiser, halt):
    return descend(p, feedforward(p), Budget(300, halt), optimiser).residual


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimiser", [optax.sgd(0.1), optax.sgd(0.1, 0.5), optax.adam(0.1)], ids=["gd", "momentum", "adam"]
)
def test_both_stops_leave_about_the_same_residual(of_digits, optimiser):
    """At equal tolerance, within a factor of 3, on fresh and trained networks; a mean that peaks is no equilibrium."""
    for tolerance in (0.1, 0.01):
        by_gradient, by_saturation = (
            [np.median(residuals_where_halted(p, optimiser, Halt(rule, tolerance))) for p in of_digits]
            for rule in ("gradient", "saturation")
        )
        ratios = np.divide(by_saturation, by_gradient)
        assert (np.asarray(by_gradient) <= tolerance).all()
        assert (ratios > 1 / 3).all()
        assert (ratios < 3).all()


@pytest.mark.parametrize(
    ("name", "numbers", "halt"),
    [
        ("momentum", Numbers(0.02, momentum=0.9), None),
        ("adam", Numbers(0.2), Halt("saturation", 0.3)),
        ("conjugate", Numbers(0.1), Halt("gradient", 0.2)),
        ("anderson", Numbers(0.05), None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settling_in_parts_is_settling_at_once(name, numbers, halt):
    """The memory of each part is the next one's; without it, the optimiser would start anew unseen."""
    with jax.enable_x64(True):
        p, z = problem("dense", "tanh", free_bottom=halt is not None)

        @functools.partial(jax.jit, static_argnames="steps")
        def rest(p, start, steps):
            return RULES[name].settle(p, start, Budget(steps, halt), numbers)

        whole, part, taken = rest(p, z, 20), None, 0
        for _ in range(20):
            part = rest(p, part or z, 1)
            taken += part.steps
        assert_close(part.z, whole.z)
        assert_close(part.residual, whole.residual)
        assert_close(part.memory.optimiser, whole.memory.optimiser)
        np.testing.assert_array_equal(taken, whole.steps)
        assert (whole.steps.min() < 20) == (halt is not None)
        if halt is None:
            forgotten = z
            for _ in range(20):
                forgotten = rest(p, forgotten, 1).z
            assert max(jnp.abs(a - b).max() for a, b in zip(forgotten, whole.z, strict=True)) > 1e-3


def test_early_stops_are_per_member_under_vmap():
    with jax.enable_x64(True):
        p, _ = problem("dense")
        z, rates = starts(p), jnp.asarray([0.01, 0.04])
        together = jax.vmap(lambda rate: settle(p, z, rate, 300, "gradient", 0.1))(rates)
        assert (together.steps[0] > together.steps[1]).all()
        for i in range(2):
            assert_close(
                jax.tree.map(lambda leaf, i=i: leaf[i], together), settle(p, z, rates[i], 300, "gradient", 0.1)
            )


@pytest.mark.parametrize("rule", [None, "gradient"])
def test_nothing_to_settle_is_settled(rule):
    settled = settle(problem("single")[0], (), 0.1, 7, rule, 0.1)
    assert not settled.steps.any()
    assert not settled.residual.any()


def test_activities_that_leave_an_equilibrium_settle_back():
    """Nothing of the top is observed, so the feed-forward pass is the equilibrium and has no gradient at all."""
    with jax.enable_x64(True):
        p, z = problem("dense")
        p = dataclasses.replace(p, observed=jnp.zeros((3, 1)))
        assert not settle(p, starts(p), 0.1, 50, "gradient", 0.1).steps.any()
        away = settle(p, z, 0.02, 20_000, "gradient", 0.1)
        assert away.steps.all()
        assert_close(away.z, starts(p), rtol=1e-6, atol=1e-6)


def test_the_clamped_input_is_outside_of_the_loop():
    p, z = problem("dense")
    jaxpr = jax.make_jaxpr(lambda p, z: RULES["gd"].settle(p, z, Budget(5), Numbers(0.1)).z)(p, z)
    (loop,) = (e for e in jaxpr.eqns if e.primitive.name in ("scan", "while"))
    # Two predictions and two errors carried down; a third prediction would be the input's.
    assert str(loop).count("dot_general") == 4


def test_a_rise_is_what_rounding_does_not_explain():
    """The edge lies at 1e-4 of the energy, on both sides of zero."""
    for before, after, risen in ((2.0, 2.0001, 0), (2.0, 2.0004, 1), (-2.0, -1.9999, 0), (-2.0, -1.9996, 1)):
        assert rose(jnp.float32(before), jnp.float32(after)) == risen
    for before, after, risen in ((1e-11, 3e-11, 0), (0.0, 2e-9, 1)):  # of a sample that is predicted to rounding
        assert rose(jnp.float32(before), jnp.float32(after)) == risen
    for before, after, risen in ((2.0, jnp.nan, 1), (2.0, jnp.inf, 1), (jnp.nan, 2.0, 0), (jnp.inf, jnp.inf, 0)):
        assert rose(jnp.float32(before), jnp.float32(after)) == risen


@pytest.mark.parametrize(
    ("say", "message"),
    [
        (lambda: Halt("gradiant", 0.1), "unknown halt 'gradiant'; known: gradient, saturation"),
        (lambda: Halt("fixed", 0.1), "unknown halt 'fixed'"),
        (lambda: Halt("gradient", -0.1), "tolerance=-0.1: must be at least 0"),
        (lambda: Halt("gradient", jnp.nan), "tolerance=nan"),
        (lambda: Budget(-1), "steps=-1: give a whole number of at least 0"),
    ],
)
def test_what_is_no_way_to_settle_is_refused_where_it_is_said(say, message):
    with pytest.raises(UsageError, match=message):
        say()


def test_a_nan_is_refused():
    p, z = problem("dense")
    with pytest.raises(UsageError, match=r"z\[1\] holds NaN"):
        descend(p, (z[0], z[1].at[0, 0].set(jnp.nan)), Budget(1), optax.sgd(0.1))
