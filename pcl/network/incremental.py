"""Incremental predictive coding (iPC): weights move at every inference step, beside the activities.

From the same errors, all activities and all weights take one step; nothing waits for an equilibrium.
Source: Salvatori et al. (2024), arXiv:2212.00720.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from pcl.network.energy import Activities, Problem, activity_gradient, check, errors
from pcl.network.inference import Memory, Settled, check_steps, norm, relative
from pcl.network.layers import Network
from pcl.network.plasticity import hebbian_update, learn


class Incremental(NamedTuple):
    """Where inference ended, and the weights and their optimiser's memory after the last step.

    With `settled.memory` and `memory` the same rule goes on as if it had never stopped.
    """

    settled: Settled
    network: Network
    memory: tuple[optax.OptState, ...]


def settle_and_learn(
    problem: Problem,
    z: Activities,
    memory: tuple[optax.OptState, ...],
    activity_optimiser: optax.GradientTransformation,
    weight_optimiser: optax.GradientTransformation,
    steps: int,
    weight_B: Float[Array, " B"],
    gate_L: Float[Array, " L"],
    activity_memory: Memory | None = None,
) -> Incremental:
    """`steps` simultaneous steps of activities and weights, samples weighted by `weight_B` in what is learned.

    Without an `activity_memory` the activities' optimiser begins anew.

    Raises:
      UsageError: shapes that do not fit; values that are not finite, where they are known; negative steps.
    """
    check(problem, z)
    check_steps(steps)
    size = problem.top.shape[0]
    if activity_memory is None:
        before = activity_gradient(problem, z, errors(problem, z))
        activity_memory = Memory(activity_optimiser.init(z), norm(before, size))

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        z, network, kept, memory = carry
        now = dataclasses.replace(problem, network=network)
        e = errors(now, z)
        updates, kept = activity_optimiser.update(activity_gradient(now, z, e), kept, z)
        direction = hebbian_update(now, z, e, weight_B)
        network, memory = learn(network, memory, direction, weight_optimiser, gate_L)
        return (optax.apply_updates(z, updates), network, kept, memory), None

    carry = (z, problem.network, activity_memory.optimiser, memory)
    (z, network, kept, memory), _ = jax.lax.scan(step, carry, length=steps)
    now = dataclasses.replace(problem, network=network)
    e = errors(now, z)
    residual_B = relative(norm(activity_gradient(now, z, e), size), activity_memory.scale)
    settled = Settled(z, e, residual_B, jnp.full(size, float(steps)), activity_memory._replace(optimiser=kept))
    return Incremental(settled, network, memory)
