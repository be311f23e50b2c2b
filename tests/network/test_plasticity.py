"""Weights move as the optimiser says and the gates allow; iPC is the plain loop over both."""

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

from pcl.errors import UsageError
from pcl.network.energy import energy, errors
from pcl.network.halting import Budget
from pcl.network.inference import Learning, Numbers
from pcl.network.plasticity import hebbian_update, init_optimiser, learn
from pcl.network.rules import RULES

OPTIMISERS = {
    "sgd": optax.sgd(0.1),
    "momentum": optax.sgd(0.1, 0.9),
    "adam": optax.adam(0.1),
    "adamw": optax.adamw(0.1, weight_decay=0.3),
}
step = jax.jit(learn, static_argnames="optimiser")


@jax.jit
def direction_at(p, z):
    return hebbian_update(p, z, errors(p, z), jnp.full(len(p.top), 1 / len(p.top)))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMISERS)
def test_open_gates_leave_every_step_to_the_optimiser(name):
    """Several steps, against the optimiser applied to the whole network at once."""
    with jax.enable_x64(True):
        p, z = problem("dense")
        optimiser, direction = OPTIMISERS[name], direction_at(p, z)
        network, memory, gates = p.network, init_optimiser(p.network, optimiser), jnp.ones(3)
        whole, whole_memory = p.network, optimiser.init(p.network)
        for _ in range(3):
            network, memory = step(network, memory, direction, optimiser, gates)
            updates, whole_memory = optimiser.update(jax.tree.map(jnp.negative, direction), whole_memory, whole)
            whole = optax.apply_updates(whole, updates)
        assert_close(network, whole)


@pytest.mark.parametrize("name", OPTIMISERS)
@settings(max_examples=5, deadline=None)
@given(gates=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=3, max_size=3), seed=st.integers(0, 2**31))
def test_a_closed_gate_leaves_its_layer_bit_identical_and_an_open_one_is_on_its_own(name, gates, seed):
    with jax.enable_x64(True):
        p, z = problem("dense", seed=seed)
        optimiser, direction = OPTIMISERS[name], direction_at(p, z)
        before = p.network, init_optimiser(p.network, optimiser)
        before = step(*before, direction, optimiser, jnp.ones(3))  # the memory is not empty
        network, memory = step(*before, direction, optimiser, jnp.asarray(gates))
        free, free_memory = step(*before, direction, optimiser, jnp.ones(3))
        for i, gate in enumerate(gates):
            if gate == 0:
                jax.tree.map(np.testing.assert_array_equal, (network[i], memory[i]), (before[0][i], before[1][i]))
            else:
                share = jax.tree.map(lambda w, full, gate=gate: w + gate * (full - w), before[0][i], free[i])
                assert_close((network[i], memory[i]), (share, free_memory[i]))


def test_gates_are_traced():
    with jax.enable_x64(True):
        p, z = problem("dense")
        direction, memory = direction_at(p, z), init_optimiser(p.network, optax.sgd(0.1))
        gates = jnp.asarray([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
        moved, _ = jax.vmap(lambda gate: learn(p.network, memory, direction, optax.sgd(0.1), gate))(gates)
        for i, layer in enumerate(moved):
            stayed = (layer.w == p.network[i].w).all((1, 2))
            np.testing.assert_array_equal(stayed, gates[:, i] == 0)


@pytest.mark.parametrize("kind", ["dense", "single"])
def test_incremental_is_the_plain_loop(kind):
    """Activities and weights step together, down the gradients of the energy at where both are."""
    rate, weights, gates = 0.05, jnp.asarray([0.5, 0.5, 0.0]), (1.0, 0.5, 1.0)

    @jax.jit
    def slopes(network, z, p, weights):
        def total(network, z, weights):
            return weights @ energy(dataclasses.replace(p, network=network), z)

        by_network = jax.grad(total)(network, z, weights)
        return by_network, jax.grad(total, 1)(network, z, jnp.ones_like(weights)) if z else ()

    with jax.enable_x64(True):
        p, z = problem(kind)
        weights = weights.astype(p.top.dtype)
        optimiser, gate_L = optax.adam(0.02), jnp.asarray(gates[: len(p.network)])
        memory = init_optimiser(p.network, optimiser)
        numbers = Numbers(rate, learning=Learning(optimiser, memory, weights, gate_L))
        got = jax.jit(lambda p, z: RULES["ipc"].settle(p, z, Budget(4), numbers))(p, z)
        network = p.network
        for _ in range(4):
            by_network, by_activity = slopes(network, z, p, weights)
            z = tuple(z_l - rate * g for z_l, g in zip(z, by_activity, strict=True))
            network, memory = step(network, memory, jax.tree.map(jnp.negative, by_network), optimiser, gate_L)
        assert_close((got.learned, got.z), ((network, memory), z))
        assert (got.steps == 4).all()


def test_incremental_steps_in_parts_are_steps_at_once():
    """Weights and their memory go on as the activities do."""
    with jax.enable_x64(True):
        p, z = problem("dense")
        rule, weight_B, gate_L = optax.adam(0.02), jnp.full(3, 1 / 3), jnp.ones(3)
        numbers = Numbers(0.02, learning=Learning(rule, init_optimiser(p.network, rule), weight_B, gate_L))

        @functools.partial(jax.jit, static_argnames="steps")
        def run(p, start, steps):
            return RULES["ipc"].settle(p, start, Budget(steps), numbers)

        whole, part = run(p, z, 4), run(p, z, 1)
        for _ in range(3):
            part = run(p, part, 1)
        assert_close(part, whole._replace(steps=part.steps))


def test_what_does_not_belong_to_the_layers_is_refused():
    p, z = problem("dense")
    e, rule = errors(p, z), optax.sgd(0.1)
    memory, direction = init_optimiser(p.network, rule), hebbian_update(p, z, e, jnp.ones(3))
    for wrong in ((z[:1], e, jnp.ones(3)), (z, e._replace(delta=e.delta[:2]), jnp.ones(3)), (z, e, jnp.ones(4))):
        with pytest.raises(UsageError, match="do not belong to 3 layers and 3 samples"):
            hebbian_update(p, *wrong)
    for name, wrong in (
        ("memories", (memory[:2], direction, rule, (1.0, 1.0, 1.0))),
        ("directions", (memory, direction[:2], rule, (1.0, 1.0, 1.0))),
        ("gates", (memory, direction, rule, (1.0, 1.0))),
    ):
        with pytest.raises(UsageError, match=f"there are 2 {name}; this network has 3 layers"):
            learn(p.network, *wrong)
