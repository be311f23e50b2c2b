"""The explicit local signals are the gradient of the energy, for every layer, activation, output and precision."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from draws import assert_close, network, problem
from hypothesis import given, settings
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.network import generative
from pcl.network.amortise import recognition_update
from pcl.network.energy import (
    Problem,
    activity_gradient,
    check,
    energy,
    errors,
    feedforward,
    feedforward_energy,
    nudged,
    output_cost,
    preactivations,
)
from pcl.network.halting import Budget
from pcl.network.inference import Numbers
from pcl.network.layers import Dense, forward
from pcl.network.oracles import zero_divergence
from pcl.network.outputs import OUTPUTS, distribution
from pcl.network.plasticity import hebbian_update
from pcl.network.rules import RULES
from pcl.network.stability import step_bound

# Every layer kind, activation, output and precision, with the bottom clamped and free.
CASES = [
    ("dense", "tanh", "gaussian", "full", False),
    ("dense", "gelu", "categorical", "diagonal", True),
    ("no_bias", "sigmoid", "bernoulli", "full", True),
    ("single", "relu", "categorical", "identity", False),
    ("mupc", "tanh", "categorical", "identity", False),
    ("mupc", "gelu", "gaussian", "full", True),
    ("skip", "tanh", "bernoulli", "full", False),
    ("max", "relu", "gaussian", "diagonal", False),
    ("average", "leaky_relu", "bernoulli", "identity", True),
    ("stride", "hard_tanh", "gaussian", "identity", False),
    ("valid", "identity", "categorical", "full", True),
]


@functools.cache
def signals_and_gradients(*_case):
    """One program a case: the local signals beside the derivatives of the energy."""

    @jax.jit
    def both(p, z):
        weight = jnp.linspace(0.0, 1.0, len(p.top))

        def weighted(layers, z):
            return weight @ energy(dataclasses.replace(p, network=layers), z)

        e = errors(p, z)
        by_layer = jax.grad(weighted)(p.network, z)
        by_activity = jax.grad(lambda z: energy(p, z).sum())(z)
        local = hebbian_update(p, z, e, weight), activity_gradient(p, z, e)
        return local, (jax.tree.map(jnp.negative, by_layer), by_activity)

    return both


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_signals_are_the_gradient_of_the_energy(case, seed):
    kind, activation, output, precision, free_bottom = case
    with jax.enable_x64(True):
        p, z = problem(kind, activation, output, precision, seed, free_bottom=free_bottom)
        assert_close(*signals_and_gradients(*case)(p, z))


@pytest.mark.parametrize("output", ["gaussian", "bernoulli"])
def test_a_partly_observed_top_has_errors_where_it_is_observed(output):
    with jax.enable_x64(True):
        p, z = problem("dense", output=output, precision="diagonal", free_bottom=True)
        p = dataclasses.replace(p, observed=jnp.asarray([[1.0, 0.0]] * 3))
        assert_close(*signals_and_gradients("partly", output)(p, z))
        assert not errors(p, z).raw[-1][:, 1].any()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["diagonal", "full"])
def test_gaussian_energy_is_minus_the_log_density(precision):
    """Up to the constant log(2 pi)/2 a unit: hidden activities and output are conditionally normal."""
    with jax.enable_x64(True):
        p, z = problem("dense", precision=precision)
        a = p.network[0].predict(p.bottom), p.network[1].predict(z[0]), p.network[2].predict(z[1])
        means, values, total = (jnp.tanh(a[0]), jnp.tanh(a[1]), a[2]), (*z, p.top), 0.0
        for mean, value, gain in zip(means, values, p.precision, strict=True):
            covariance = np.linalg.inv(np.diag(gain) if gain.ndim == 1 else gain)
            density = jax.scipy.stats.multivariate_normal.logpdf(value, mean, covariance)
            total -= density + 0.5 * mean.shape[1] * jnp.log(2 * jnp.pi)
        assert_close(energy(p, z), total)


def test_energy_by_hand():
    """One hidden unit, one output: a_1 = 2*1 = 2 (relu keeps it), e_1 = 3 - 2, output 3*0.5 = 1.5, y = 1."""
    layers = Dense(jnp.full((1, 1), 2.0), activation="relu"), Dense(jnp.full((1, 1), 0.5))
    p = Problem(layers, bottom=jnp.ones((1, 1)), top=jnp.ones((1, 1)))
    assert energy(p, (jnp.full((1, 1), 3.0),)) == pytest.approx(0.5 * 1**2 + 0.5 * 0.5**2)


def test_feedforward_activities_leave_only_the_output_error():
    for output in OUTPUTS:
        p, _ = problem("dense", output=output)
        z = feedforward(p)
        np.testing.assert_allclose(
            energy(p, z), output_cost(output, p.top, forward(p.network, p.bottom)[-1]), rtol=1e-6
        )
        *hidden, last = errors(p, z).delta
        for delta in hidden:
            np.testing.assert_allclose(delta, 0, atol=1e-6)
        assert jnp.abs(last).max() > 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bottom": jnp.ones((3, 5))}, "does not fit"),
        ({"top": jnp.ones((3, 4))}, r"top has shape \(3, 4\); the network's output has \(3, 2\)"),
        ({"top": jnp.full((3, 2), jnp.nan)}, "top holds NaN"),
        ({"bottom": jnp.full((3, 3), jnp.inf)}, "bottom holds NaN or infinite"),
        ({"output": "poisson"}, "unknown output 'poisson'; known: bernoulli, categorical, gaussian"),
        ({"precision": (None, jnp.ones(5), None)}, "precision of layer 1 has shape"),
        ({"precision": (None, jnp.asarray([1.0, -1.0, 1.0]), None)}, "layer 1 is not positive definite"),
        ({"precision": (None, None, jnp.asarray([[1.0, 2.0], [2.0, 1.0]]))}, "layer 2 is not positive definite"),
        ({"precision": (None, None, jnp.eye(2)), "observed": jnp.ones((3, 2))}, "not a full one"),
        ({"output": "categorical", "observed": jnp.ones((3, 2))}, "observed as a whole"),
        ({"precision": (None, None)}, r"there are 2 precisions; this problem needs 3, one per layer"),
        ({"prior": 0.0}, r"prior=0.0: the precision of a free bottom must be positive"),
        ({"observed": jnp.ones((3, 5))}, r"observed has shape \(3, 5\); it must broadcast to \(3, 2\)"),
        ({"observed": jnp.ones((2, 3, 2))}, r"observed has shape \(2, 3, 2\)"),
        ({"output": "bernoulli", "precision": (None, None, jnp.ones(2))}, "output=bernoulli has no precision"),
        ({"network": ()}, "there are no layers"),
    ],
)
def test_what_cannot_be_settled_is_refused(change, message):
    p, z = problem("dense")
    with pytest.raises(UsageError, match=message):
        check(dataclasses.replace(p, **change), z)


@pytest.mark.parametrize(
    "use",
    [
        lambda p, z: step_bound(p, z),
        *(functools.partial(rule.settle, budget=Budget(1), numbers=Numbers(0.5)) for rule in RULES.values()),
        lambda p, z: zero_divergence(p, jnp.ones(3)),
        lambda p, z: generative.expected_output(p, z),
        lambda p, z: generative.sample_output(jax.random.key(0), p, z),
        lambda p, z: generative.predictive_variance(p, z),
        lambda p, z: recognition_update(p.network[::-1], p.top, z, jnp.ones(3)),
    ],
)
def test_everyone_who_takes_a_problem_refuses_it(use):
    p, z = problem("dense")
    with pytest.raises(UsageError, match="holds NaN"):
        use(dataclasses.replace(p, top=jnp.full((3, 4), jnp.nan)), z)


@pytest.mark.parametrize("use", [check, energy, errors])
def test_a_nonlinear_last_layer_and_a_top_that_would_be_broadcast_are_refused(use):
    """`forward` would squash the output and the energy would not; a top of [3, 1] would count for every unit."""
    p, z = problem("dense")
    squashed = (*p.network[:-1], dataclasses.replace(p.network[-1], activation="tanh"))
    with pytest.raises(UsageError, match="the last layer has activation=tanh: it must be the identity"):
        use(dataclasses.replace(p, network=squashed), z)
    for shape in ((3, 1), (1, 2), (2,)):
        with pytest.raises(UsageError, match=r"top has shape .*; the network's output has \(3, 2\)"):
            use(dataclasses.replace(p, top=jnp.ones(shape)), z)


@pytest.mark.parametrize("use", [energy, errors])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"precision": (None, jnp.ones(1), None)}, "precision of layer 1 has shape"),
        ({"precision": (None, None)}, "there are 2 precisions; this problem needs 3"),
        ({"output": "categorical", "precision": (None, None, jnp.ones(2))}, "output=categorical has no precision"),
        ({"observed": jnp.ones((2, 3, 2))}, r"observed has shape \(2, 3, 2\)"),
    ],
)
def test_nothing_else_is_broadcast_or_left_out_either(use, change, message):
    p, z = problem("dense")
    with pytest.raises(UsageError, match=message):
        use(dataclasses.replace(p, **change), z)


@pytest.mark.parametrize(
    "use",
    [
        lambda top, a: output_cost("gaussian", top, a),
        lambda top, a: nudged("gaussian", top, a, 0.5),
        lambda top, a: feedforward_energy(dataclasses.replace(problem("dense")[0], top=top), (), a),
    ],
)
def test_a_top_of_another_shape_than_its_pre_activation_is_refused(use):
    with pytest.raises(UsageError, match=r"top has shape \(3, 1\); the network's output has \(3, 2\)"):
        use(jnp.ones((3, 1)), jnp.ones((3, 2)))


@pytest.mark.parametrize(
    "say",
    [
        lambda name: Problem((), None, None, output=name),
        lambda name: dataclasses.replace(problem("dense")[0], output=name),
        distribution,
        lambda name: output_cost(name, jnp.ones((1, 2)), jnp.ones((1, 2))),
        lambda name: nudged(name, jnp.ones((1, 2)), jnp.ones((1, 2)), 0.5),
    ],
)
def test_an_unknown_output_is_refused_where_it_is_said(say):
    with pytest.raises(UsageError, match="unknown output 'softmax'; known: bernoulli, categorical, gaussian"):
        say("softmax")


@pytest.mark.parametrize("observed", [None, [[1.0], [0.0], [1.0]]], ids=["whole", "partly"])
@pytest.mark.parametrize("top", [[0.2, 0.3], [3.0, 4.0], [0.0, 0.0], [1.3, -0.3]], ids=str)
def test_any_categorical_top_has_the_gradient_of_its_energy(top, observed):
    """sum(y) softmax(a) - y: also for counts, shares of a draw, no draw at all, and tops nudged away from a label."""
    with jax.enable_x64(True):
        p, z = problem("dense", output="categorical")
        p = dataclasses.replace(p, top=jnp.asarray([top, [1.0, 0.0], top]))
        if observed is not None:
            p = dataclasses.replace(p, observed=jnp.asarray(observed))
        assert_close(*signals_and_gradients("counts", observed is None)(p, z))
        a = preactivations(p, z)[-1]
        seen = 1.0 if observed is None else p.observed
        want = seen * (p.top - p.top.sum(1, keepdims=True) * jax.nn.softmax(a))
        assert_close(errors(p, z).delta[-1], want)


def test_a_categorical_top_that_is_expected_has_no_error():
    """Rounding of the sum of 1,000 probabilities is none of it."""
    p, z = problem("dense", output="categorical")
    p = dataclasses.replace(p, network=(*p.network[:-1], Dense(jnp.ones((3, 1000)) * jnp.linspace(-3, 3, 1000))))
    a = preactivations(dataclasses.replace(p, top=jnp.zeros((3, 1000))), z)[-1]
    p = dataclasses.replace(p, top=distribution("categorical").mean(a))
    assert jnp.abs(p.top.sum(1) - 1).max() > 0
    assert not errors(p, z).raw[-1].any()


def test_activities_of_other_shapes_are_refused():
    p, z = problem("dense")
    with pytest.raises(UsageError, match="this problem needs"):
        check(p, z[:1])
    for use in (energy, errors):
        with pytest.raises(UsageError, match="there are 1 activities; this problem needs 2"):
            use(p, z[:1])
        with pytest.raises(UsageError, match=r"activities have shapes|take 4 inputs per sample, not 1"):
            use(p, (z[0][:, :1], z[1]))
        with pytest.raises(UsageError, match="activities have shapes"):
            use(p, (z[0], z[1][:1]))
    check(p, z)
    free, z = problem("max", free_bottom=True)
    check(free, z)


def test_networks_of_one_layer_have_nothing_to_settle():
    p, z = problem("single")
    assert z == () == feedforward(p)
    assert network("single")[0].w.shape == (3, 2)
    check(p, z)
