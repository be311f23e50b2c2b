"""What is seen while settling: the path ends where `settle` does, at the solution of a linear system where that is."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from draws import assert_close, problem

from pcl.errors import UsageError
from pcl.figures import settling
from pcl.network import Learning, Numbers, Trajectory, errors, free_energy, layer_energies, settle, trajectory
from pcl.network.plasticity import init_optimiser
from pcl.network.rules import RULES

SGD = optax.sgd(0.01)
seen = jax.jit(trajectory, static_argnames=("rule", "steps"))
ended = jax.jit(settle, static_argnames=("rule", "steps"))


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.slow
@pytest.mark.parametrize("rule", [rule for rule in RULES if RULES[rule].learns == "settled"])
def test_every_rule_lowers_the_energy_by_its_own_numbers(rule):
    p, _ = problem("dense")
    path = seen(dataclasses.replace(p, network=jax.tree.map(lambda w: 0.5 * w, p.network)), rule=rule)
    assert (path.energy[-1] < path.energy[0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_the_path_of_every_rule_ends_where_settling_ends(rule):
    p, _ = problem("dense")
    numbers = Numbers(0.05, momentum=0.5)
    if rule == "ipc":
        memory = init_optimiser(p.network, SGD)
        learning = {"memory": memory, "weight_B": jnp.full(3, 1 / 3), "gate_L": (1.0,) * 3}
        path = jax.jit(lambda: trajectory(p, None, rule, 6, numbers._replace(learning=Learning(SGD, **learning))))()
        end = jax.jit(lambda: settle(p, None, rule, 6, numbers._replace(learning=Learning(SGD, **learning))))()
    else:
        path, end = (f(p, rule=rule, steps=6, numbers=numbers) for f in (seen, ended))
    assert_close(path.settled, end, rtol=1e-8, atol=1e-10)
    assert_close(tuple(z[-1] for z in path.z), end.z, rtol=1e-8, atol=1e-10)
    assert path.residual.shape == (7, 3)
    np.testing.assert_allclose(path.residual[-1], end.residual, rtol=1e-7)
    network = end.learned[0] if end.learned else p.network
    np.testing.assert_allclose(path.energy[-1], free_energy(dataclasses.replace(p, network=network), end.z))


def test_a_linear_network_settles_at_the_solution_of_its_linear_system():
    p, _ = problem("dense", "identity")
    w1, w2, w3 = (layer.w for layer in p.network)
    b1, b2, b3 = (layer.b for layer in p.network)
    # z1 - x W1 - b1 = (z2 - z1 W2 - b2) W2^T and z2 - z1 W2 - b2 = (y - z2 W3 - b3) W3^T, for rows z1, z2.
    left = np.block([[np.eye(4) + w2 @ w2.T, -w2], [-w2.T, np.eye(3) + w3 @ w3.T]])
    right = np.concatenate([p.bottom @ w1 + b1 - b2 @ w2.T, b2 + (p.top - b3) @ w3.T], 1)
    solution = np.linalg.solve(left, right.T).T
    path = seen(p, rule="gauss_newton", steps=2)
    assert_close(np.concatenate([z[-1] for z in path.z], 1), solution)
    # Gradient descent within the stable step never raises the energy, and falls to the same point's.
    rate = 1.9 / np.linalg.eigvalsh(left).max()
    falling = seen(p, rule="gd", steps=40, numbers=Numbers(rate)).energy
    assert (np.diff(falling, axis=0) <= 1e-12).all()
    assert (falling[0] > falling[-1]).all()
    assert (falling[-1] >= path.energy[-1] - 1e-12).all()
    rising = seen(p, rule="gd", steps=40, numbers=Numbers(2.2 / np.linalg.eigvalsh(left).max())).energy
    assert (rising[-1] > rising[-2]).any()


@pytest.mark.parametrize("free_bottom", [False, True])
def test_energies_of_layers_are_parts_of_the_energy(free_bottom):
    p, z = problem("dense", precision="full", free_bottom=free_bottom)
    parts = layer_energies(p, z)
    assert len(parts) == 3 + free_bottom
    np.testing.assert_allclose(sum(parts), free_energy(p, z), rtol=1e-12)
    if free_bottom:
        np.testing.assert_allclose(parts[0], 0.35 * (z[0] ** 2).sum(1), rtol=1e-12)


def test_what_cannot_be_followed_is_refused():
    p, _ = problem("dense")
    with pytest.raises(UsageError, match="steps=0"):
        trajectory(p, steps=0)
    with pytest.raises(UsageError, match="unknown rule 'newton'"):
        trajectory(p, rule="newton")
    with pytest.raises(UsageError, match="bottom of this problem is free"):
        trajectory(problem("dense", free_bottom=True)[0])


@pytest.mark.parametrize("free_bottom", [False, True])
def test_a_figure_draws_the_energies_of_layers_and_their_sum(free_bottom):
    p, z = problem("dense", free_bottom=free_bottom)
    signals = ended(p, z, steps=1)._replace(errors=errors(p, z))
    energies = np.arange(3.0 * (3 + free_bottom) * 2).reshape(3, -1, 2)
    path = Trajectory(tuple(z_l[None] for z_l in z), energies, np.array([[1.0, 1.0], [0.5, 0.3], [0.1, 0.1]]), signals)
    left, right = settling.draw(path).axes
    labels = [line.get_label() for line in left.lines]
    assert labels == ["bottom"] * free_bottom + ["layer 1", "layer 2", "layer 3", "sum"]
    np.testing.assert_allclose(left.lines[-1].get_ydata(), energies.mean(2).sum(1))
    np.testing.assert_allclose(right.lines[0].get_ydata(), [1.0, 0.4, 0.1])
