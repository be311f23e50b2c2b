"""The explicit local rules equal the gradient of the energy, for random shapes, in float64."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcl.network.energy import OUTPUTS, energy, output_cost
from pcl.network.inference import settle
from pcl.network.layers import ACTIVATIONS, Layer, forward, init_network
from pcl.network.plasticity import hebbian_update

# Both sides are sums of at most a few hundred float64 products of numbers near 1.
EXACT = {"rtol": 1e-9, "atol": 1e-11}

problems = st.fixed_dictionaries(
    {
        "sizes": st.lists(st.integers(1, 6), min_size=2, max_size=5),
        "batch": st.integers(1, 5),
        "activation": st.sampled_from(sorted(ACTIVATIONS)),
        "output": st.sampled_from(OUTPUTS),
        "seed": st.integers(0, 2**31),
    }
)


def draw(problem):
    """A random network with random hidden activities, input and one-hot label, in float64."""
    rng = np.random.default_rng(problem["seed"])
    sizes, batch = problem["sizes"], problem["batch"]
    network = tuple(
        Layer(jnp.asarray(rng.normal(size=(d, h))), jnp.asarray(rng.normal(size=h)))
        for d, h in itertools.pairwise(sizes)
    )
    z = tuple(jnp.asarray(rng.normal(size=(batch, h))) for h in sizes[1:-1])
    x = jnp.asarray(rng.normal(size=(batch, sizes[0])))
    y = jnp.asarray(np.eye(sizes[-1])[rng.integers(0, sizes[-1], batch)])
    return network, z, x, y


def total(network, z, x, y, problem):
    return energy(network, z, x, y, ACTIVATIONS[problem["activation"]].f, problem["output"]).sum()


def assert_close(got, want):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **EXACT), got, want)


@settings(max_examples=12, deadline=None)
@given(problems)
def test_one_inference_step_is_one_gradient_step_on_the_energy(problem):
    with jax.enable_x64(True):
        network, z, x, y = draw(problem)
        got = settle(network, z, x, y, ACTIVATIONS[problem["activation"]], problem["output"], 1, 0.1).z
        gradient = jax.grad(total, argnums=1)(network, z, x, y, problem)
        assert_close(got, jax.tree.map(lambda z_l, g: z_l - 0.1 * g, z, gradient))


@settings(max_examples=12, deadline=None)
@given(problems)
def test_hebbian_update_is_minus_the_gradient_of_the_energy(problem):
    with jax.enable_x64(True):
        network, z, x, y = draw(problem)
        weight = jnp.linspace(0.0, 1.0, len(x))
        settled = settle(network, z, x, y, ACTIVATIONS[problem["activation"]], problem["output"], 3, 0.1)

        def weighted(network):
            f = ACTIVATIONS[problem["activation"]].f
            return weight @ energy(network, settled.z, x, y, f, problem["output"])

        assert_close(hebbian_update(x, settled, weight), jax.tree.map(jnp.negative, jax.grad(weighted)(network)))


@settings(max_examples=8, deadline=None)
@given(problems)
def test_small_steps_never_raise_the_energy(problem):
    with jax.enable_x64(True):
        network, z, x, y = draw(problem)
        # 1e-3 is below 2 / (1 + the largest squared singular value) for weights of this size.
        activation = ACTIVATIONS["tanh"]
        before = energy(network, z, x, y, activation.f, problem["output"])
        settled = settle(network, z, x, y, activation, problem["output"], 5, 1e-3)
        assert (energy(network, settled.z, x, y, activation.f, problem["output"]) <= before + 1e-12).all()


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_derivatives_of_activations(name):
    with jax.enable_x64(True):
        a = jnp.asarray([-3.0, -0.7, -0.1, 0.2, 0.9, 4.0])
        np.testing.assert_allclose(ACTIVATIONS[name].df(a), jax.vmap(jax.grad(ACTIVATIONS[name].f))(a), **EXACT)


def test_energy_by_hand():
    """One hidden unit, one output: a_1 = 2*1 = 2 (relu keeps it), e_1 = 3 - 2, output 3*0.5 = 1.5, y = 1."""
    one = jnp.zeros(1)
    network = (Layer(jnp.full((1, 1), 2.0), one), Layer(jnp.full((1, 1), 0.5), one))
    x, z, y = jnp.ones((1, 1)), (jnp.full((1, 1), 3.0),), jnp.ones((1, 1))
    assert energy(network, z, x, y, ACTIVATIONS["relu"].f, "gaussian") == pytest.approx(0.5 * 1**2 + 0.5 * 0.5**2)


def test_feedforward_activities_leave_only_the_output_error():
    network = init_network(jax.random.key(0), (4, 6, 5, 3))
    x = jax.random.normal(jax.random.key(1), (7, 4))
    y = jax.nn.one_hot(jnp.arange(7) % 3, 3)
    *z, output = forward(network, x, jnp.tanh)
    for kind in OUTPUTS:
        np.testing.assert_allclose(
            energy(network, tuple(z), x, y, jnp.tanh, kind), output_cost(kind, y, output), rtol=1e-6
        )
        settled = settle(network, tuple(z), x, y, ACTIVATIONS["tanh"], kind, 0, 0.1)
        for delta in settled.delta[:-1]:
            np.testing.assert_allclose(delta, 0, atol=1e-6)
        assert jnp.abs(settled.delta[-1]).max() > 0.1


def test_fresh_weights_have_the_stated_variance():
    (layer,) = init_network(jax.random.key(0), (400, 500))
    assert layer.w.std() == pytest.approx(1 / 20, rel=0.02)  # 200,000 draws: 0.02 is 12 standard errors
    assert not layer.b.any()
