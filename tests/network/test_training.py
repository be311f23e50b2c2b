"""A step of learning follows the energy's gradient at settled activities; `fit` learns, and again the same."""

import dataclasses
import functools
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from draws import assert_close, problem

from pcl import network as pc
from pcl.errors import UsageError

SGD = optax.sgd(0.1)


@functools.cache
def toy():
    """64 points of the plane, labelled by the sign of their first number, and a small chain."""
    x = np.random.default_rng(0).normal(size=(64, 2))
    return pc.dense_chain(jax.random.key(0), (2, 8, 2)), x, np.eye(2)[(x[:, 0] > 0).astype(int)]


def fit(key=1, **changes):
    layers, x, y = toy()
    return pc.fit(
        **{"network": layers, "x": x, "y": y, "epochs": 30, "batch": 16, "key": jax.random.key(key)} | changes
    )


@pytest.mark.slow
@pytest.mark.parametrize("output", ["gaussian", "categorical"])
def test_a_step_is_the_gradient_of_the_energy_where_activities_settled(output):
    with jax.enable_x64(True):
        p, _ = problem("dense", output=output)
        weight = jnp.array([0.5, 0.3, 0.2])
        learning = pc.Learning(SGD, pc.init_optimiser(p.network, SGD), weight, (1.0, 0.0, 1.0))
        z = pc.feedforward(p)
        step = pc.train_step(p, z, "gd", pc.Budget(5), pc.Numbers(0.05, learning=learning))
        gradient = jax.grad(lambda n: weight @ pc.free_energy(dataclasses.replace(p, network=n), step.settled.z))
        wanted = jax.tree.map(lambda w, g: w - 0.1 * g, p.network, gradient(p.network))
        assert_close(step.network, (wanted[0], p.network[1], wanted[2]))  # the second gate is closed
        assert_close(step.settled.z, pc.settle(p, steps=5, numbers=pc.Numbers(0.05)).z)


def test_fixed_predictions_learn_what_backpropagation_does_from_any_start():
    with jax.enable_x64(True):
        p, z = problem("dense")
        weight = jnp.full(3, 1 / 3)
        learning = pc.Learning(SGD, pc.init_optimiser(p.network, SGD), weight, (1.0,) * 3)
        step = pc.train_step(p, z, "fixed_prediction", pc.Budget(2), pc.Numbers(1.0, learning=learning))

        def loss(network):
            return weight @ (0.5 * jnp.sum((p.top - pc.forward(network, p.bottom)[-1]) ** 2, 1))

        wanted = jax.tree.map(lambda w, g: w - 0.1 * g, p.network, jax.grad(loss)(p.network))
        assert_close(step.network, wanted)


def test_fit_learns_and_the_same_key_gives_the_same_weights_to_the_bit():
    fitted = fit()
    assert fitted.history.accuracy.shape == fitted.history.energy.shape == (30,)
    assert fitted.history.accuracy[-1] > 0.9  # a straight line tells these classes apart
    assert fitted.history.energy[-1] < fitted.history.energy[0] / 2
    jax.tree.map(np.testing.assert_array_equal, fitted, fit())
    assert (fitted.network[0].w != fit(key=2).network[0].w).any()


@pytest.mark.slow
@pytest.mark.parametrize("rule", pc.RULES)
def test_every_rule_fits(rule):
    assert fit(rule=rule, steps=4).history.accuracy[-1] > 0.85


def test_precisions_find_how_noisy_each_target_is():
    rng = np.random.default_rng(0)
    x, deviation = rng.normal(size=(2000, 2)), np.array([1.5, 0.5])
    y = x @ rng.normal(size=(2, 2)) + deviation * rng.normal(size=(2000, 2))
    layers = pc.dense_chain(jax.random.key(0), (2, 2))
    fitted = pc.fit(layers, x, y, 20, 50, jax.random.key(1), precision="diagonal", optimiser=optax.adam(0.02))
    assert fitted.history.accuracy is None
    # A variance of running means over about 100 batches of 50 samples; 0.01 is the floor.
    np.testing.assert_allclose(1 / fitted.precision[-1], deviation**2 + 0.01, rtol=0.1)


def test_without_inputs_a_linear_network_learns_the_subspace_of_principal_components():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(6, 2)))[0]
    y = 3 * rng.normal(size=(500, 2)) @ axes.T + 0.1 * rng.normal(size=(500, 6))
    layers = pc.dense_chain(jax.random.key(0), (2, 6), bias=False)
    fitted = pc.fit(layers, None, y, 20, 50, jax.random.key(1), steps=10, optimiser=SGD)
    assert fitted.history.accuracy is None
    found = np.linalg.qr(np.asarray(fitted.network[0].w).T)[0]
    # Cosines of the angles between the subspaces: 500 samples tell theirs to half a degree.
    assert np.linalg.svd(axes.T @ found)[1].min() > np.cos(np.deg2rad(1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": np.zeros(64)}, "one_hot"),
        ({"y": np.zeros((64, 2)), "output": "categorical"}, "must be one-hot"),
        ({"y": np.full((64, 2), 2.0), "output": "bernoulli"}, "between 0 and 1"),
        ({"y": np.zeros((63, 2))}, "64 rows and y has 63"),
        ({"y": np.zeros((64, 3))}, r"top has shape \(64, 3\)"),
        ({"x": np.zeros((64, 3))}, "take 2 inputs"),
        ({"x": np.full((64, 2), np.nan)}, "NaN"),
        ({"batch": 65}, "batch=65"),
        ({"epochs": 0}, "epochs=0"),
        ({"x": None, "nudge": "centred"}, "clamped bottom"),
        ({"x": None, "network": ()}, "first layer that is dense"),
        ({"rule": "newton"}, "unknown rule"),
        ({"output": "poisson"}, "unknown output"),
        ({"nudge": "up"}, "unknown nudge"),
        ({"precision": "scalar"}, "unknown precision"),
        ({"rule": "ipc", "nudge": "centred"}, "nudge=centred needs"),
    ],
)
def test_bad_input_is_refused_in_one_line(changes, message):
    with pytest.raises(UsageError, match=message) as refused:
        fit(**changes)
    assert "\n" not in str(refused.value)


def test_a_step_without_an_optimiser_is_refused():
    layers, x, y = toy()
    with pytest.raises(UsageError, match="learning"):
        pc.train_step(pc.Problem(layers, x, y), (jnp.asarray(x),), "gd", pc.Budget(1), pc.Numbers(0.1))


@pytest.mark.slow
def test_the_example_of_the_docstring_runs_as_printed_in_fifteen_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = textwrap.dedent(pc.__doc__.split("network.md):\n")[1].split("By file:")[0])
    assert len([line for line in code.splitlines() if line]) <= 15
    names = {}
    exec(code, names)
    assert names["fitted"].history.accuracy[-1] > 0.95
    assert str(names["fitted"].history.accuracy) in capsys.readouterr().out
    assert names["settled"].residual.max() < 0.1
    assert (tmp_path / "settling.png").stat().st_size > 1000


def test_every_public_name_is_there():
    assert len(set(pc.__all__)) == len(pc.__all__)
    assert all(hasattr(pc, name) for name in pc.__all__)
