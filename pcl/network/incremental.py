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
from pcl.network.inference import Settled, norm, relative
from pcl.network.layers import Network
from pcl.network.plasticity import hebbian_update, learn


class Incremental(NamedTuple):
    """Where inference ended, and the weights and their optimiser's memory after the last step."""

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
) -> Incremental:
    """`steps` simultaneous steps of activities and weights, samples weighted by `weight_B` in what is learned.

    Raises:
      UsageError: shapes that do not fit; values that are not finite, where they are known.
    """
    check(problem, z)

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        z, network, activity_memory, memory = carry
        now = dataclasses.replace(problem, network=network)
        e = errors(now, z)
        updates, activity_memory = activity_optimiser.update(activity_gradient(now, z, e), activity_memory, z)
        direction = hebbian_update(now, z, e, weight_B)
        network, memory = learn(network, memory, direction, weight_optimiser, gate_L)
        return (optax.apply_updates(z, updates), network, activity_memory, memory), None

    z_0, carry = z, (z, problem.network, activity_optimiser.init(z), memory)
    (z, network, _, memory), _ = jax.lax.scan(step, carry, length=steps)
    now = dataclasses.replace(problem, network=network)
    e = errors(now, z)
    before = activity_gradient(problem, z_0, errors(problem, z_0))
    size = problem.top.shape[0]
    residual_B = relative(norm(activity_gradient(now, z, e), size), norm(before, size))
    settled = Settled(z, e, residual_B, jnp.full(size, float(steps)))
    return Incremental(settled, network, memory)
