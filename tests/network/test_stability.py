"""The curvature is bounded from above, tightly, for every kind of layer, and the bound follows weights that change."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from draws import INPUTS, network, problem
from jax.flatten_util import ravel_pytree

from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import energy, feedforward
from pcl.network.halting import Budget
from pcl.network.inference import Numbers
from pcl.network.layers import Dense, forward
from pcl.network.outputs import distribution
from pcl.network.rules import RULES, with_rate
from pcl.network.stability import curvature, directions, stretch

energies = jax.jit(energy)


@functools.partial(jax.jit, static_argnums=1)
def largest_singular_values(layers, shape):
    """Of every layer's Jacobian but the first's, at the feed-forward pass from a random input."""
    x = jax.random.normal(jax.random.key(1), (1, *shape))
    below = forward(layers[:-1], x)
    jacobians = [jax.jacobian(layer.predict)(z) for layer, z in zip(layers[1:], below, strict=True)]
    return [jnp.linalg.norm(j.reshape(-1, z.size), 2) for j, z in zip(jacobians, below, strict=True)]


def bound(layers, shape, output="gaussian"):
    return curvature(stretch(layers, directions(layers, shape))[0], output)


@jax.jit
def largest_eigenvalue(p, z):
    """Of the Hessian of one sample's energy, by autodiff and a dense decomposition."""
    flat, unflatten = ravel_pytree(z)
    return jnp.linalg.eigvalsh(jax.hessian(lambda v: energy(p, unflatten(v))[0])(flat))[-1]


@pytest.mark.parametrize("kind", ["dense", "stride", "valid", "average"])
def test_power_iteration_finds_the_singular_values_of_linear_layers(kind):
    """Thirty iterations from a random direction: good to a few thousandths, from below."""
    layers = network(kind, "identity")
    s, _ = stretch(layers, directions(layers, INPUTS[kind]))
    want = np.asarray(largest_singular_values(layers, INPUTS[kind]))
    assert (np.asarray(s) <= want * (1 + 1e-5)).all()
    np.testing.assert_allclose(s, want, rtol=5e-3)


@pytest.mark.parametrize("output", ["gaussian", "categorical", "bernoulli"])
@pytest.mark.parametrize(("kind", "activation"), [("dense", "identity"), ("dense", "tanh"), ("mupc", "gelu")])
def test_no_curvature_exceeds_the_bound(kind, activation, output):
    """At the feed-forward pass of a network whose output is as expected: there are no errors, which bend as well."""
    for seed in range(5):
        p, _ = problem(kind, activation, output, seed=seed, batch=1)
        z = feedforward(p)
        p = dataclasses.replace(p, top=distribution(output).mean(p.network[-1].predict(z[-1])))
        largest = largest_eigenvalue(p, z)
        assert largest <= 1.005 * bound(p.network, INPUTS[kind], output)


@pytest.mark.parametrize("free_bottom", [False, True])
def test_where_no_rate_is_given_the_step_is_a_share_of_the_largest_stable_one(free_bottom):
    """Linear layers ten times as large: the rule's own rate is far too large. Precisions and a prior count."""
    p, z = problem("dense", "identity", precision="full", free_bottom=free_bottom, batch=1)
    p = dataclasses.replace(p, network=jax.tree.map(lambda w: 10 * w, p.network), prior=20.0)
    numbers = with_rate(RULES["gd"], Numbers(), p, z)
    assert 0.1 < numbers.gradient_rate * largest_eigenvalue(p, z) <= 0.9 * 2 * 1.005
    small = dataclasses.replace(p, network=jax.tree.map(lambda w: 0.01 * w, p.network))
    np.testing.assert_allclose(with_rate(RULES["gd"], Numbers(), small, z).rate, 0.1)
    stiff = dataclasses.replace(small, precision=None, prior=50.0)
    assert with_rate(RULES["gd"], Numbers(), stiff, z).gradient_rate * largest_eigenvalue(stiff, z) <= 0.9 * 2
    assert with_rate(RULES["gd"], Numbers(5.0), p, z).rate == 5.0
    assert with_rate(RULES["adam"], Numbers(), p, z).rate == RULES["adam"].rate < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["max", "average", "skip"])
def test_no_curvature_of_convolutions_and_skip_connections_exceeds_the_bound(kind):
    p, _ = problem(kind, "relu", batch=1)
    z = feedforward(p)
    p = dataclasses.replace(p, top=p.network[-1].predict(z[-1]))
    assert largest_eigenvalue(p, z) <= 1.005 * bound(p.network, INPUTS[kind])


def test_the_bound_of_a_wide_network_is_tight():
    """Slopes at the start are near 1, and leading directions of layers that are wide and random are nearly free."""
    keys = jax.random.split(jax.random.key(0), 4)
    sizes = (20, 64, 64, 64, 10)
    layers = tuple(
        Dense(jax.random.normal(k, (d, h)) / d**0.5) for k, d, h in zip(keys, sizes[:-1], sizes[1:], strict=True)
    )
    p, _ = problem("dense", batch=1)
    x = jnp.ones((1, 20))
    *z, top = forward(layers, x)
    p = dataclasses.replace(p, network=layers, bottom=x, top=top)
    largest = largest_eigenvalue(p, tuple(z))
    assert largest <= bound(layers, (20,)) <= 1.35 * largest


def test_norms_of_blocks_are_put_together_to_their_largest_eigenvalue():
    """Three hidden layers: the tridiagonal matrix of the module's docstring, by a dense decomposition."""
    s = (jnp.float32(1.5), jnp.float32(0.7), jnp.float32(3.0))
    for output, cost in (("gaussian", 1.0), ("categorical", 0.5), ("bernoulli", 0.25)):
        matrix = np.diag([1 + 1.5**2, 1 + 0.7**2, 1 + cost * 3.0**2]) + np.diag([1.5, 0.7], 1) + np.diag([1.5, 0.7], -1)
        want = np.linalg.eigvalsh(matrix)[-1]
        assert want <= curvature(s, output) * (1 + 1e-6)
        np.testing.assert_allclose(curvature(s, output), want, rtol=0.05)
    assert curvature((jnp.float32(2.0),)) == 5.0


def test_norms_of_very_different_size_are_bounded_too():
    s = tuple(jnp.float32(v) for v in (1e-12, 1e6, 1e-3, 0.0))
    assert 1e12 <= curvature(s) <= 1.1e12
    apart = (jnp.float32(0.0), jnp.float32(1e6))  # one that nothing ties to the largest
    np.testing.assert_allclose(curvature(apart), 1e12, rtol=1e-5)


def test_a_skip_connection_adds_one():
    layers = Dense(jnp.zeros((3, 2))), Dense(2 * jnp.eye(2), skip=True)
    np.testing.assert_allclose(stretch(layers, (jnp.eye(2)[:1],))[0], [3.0])


@pytest.mark.parametrize("rule", ["gd", "momentum"])
def test_with_one_linear_hidden_layer_the_bound_parts_steps_that_settle_from_those_that_diverge(rule):
    p, _ = problem("no_bias", "identity", batch=1)
    z = feedforward(p)
    numbers = Numbers(0.0, momentum=0.7)
    largest = RULES[rule].bound(numbers) / bound(p.network, INPUTS["no_bias"])
    assert RULES[rule].bound(numbers) == {"gd": 2.0, "momentum": 3.4}[rule]
    ends = [
        energies(p, RULES[rule].settle(p, z, Budget(300), numbers._replace(rate=factor * largest)).z)[0]
        - energies(p, z)[0]
        for factor in (0.97, 1.05)
    ]
    assert ends[0] < 0
    assert not ends[1] <= 0  # it may have overflowed


def test_one_iteration_an_update_follows_weights_that_grow():
    """They come to stretch another direction most: after sixty steps the largest is known to a hundredth."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=(40, 30)) / 40**0.5
    grown = np.outer(rng.normal(size=40), rng.normal(size=30)) / 1200**0.5
    first = Dense(jnp.zeros((5, 40)))
    v = directions((first, Dense(jnp.asarray(w, jnp.float32))), (5,))
    for k in range(60):
        now = w + 0.1 * k * grown
        (s,), v = stretch((first, Dense(jnp.asarray(now, jnp.float32))), v)
    np.testing.assert_allclose(s, np.linalg.norm(now, 2), rtol=0.01)


def test_weights_of_zero_keep_their_direction():
    layers = Dense(jnp.zeros((3, 4))), Dense(jnp.zeros((4, 2)))
    v = (jnp.eye(4)[:1],)
    (s,), kept = stretch(layers, v)
    assert s == 0
    np.testing.assert_array_equal(kept[0], v[0])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_slope_is_steeper_than_the_steepest(name):
    a = jnp.linspace(-6, 6, 4001)
    slope = jnp.abs(ACTIVATIONS[name].df(a)).max()
    np.testing.assert_allclose(slope, ACTIVATIONS[name].steepest, rtol=1e-3)
    assert slope <= ACTIVATIONS[name].steepest
