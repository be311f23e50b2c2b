"""Incremental predictive coding (iPC): weights move at every inference step, beside the activities.

From the same errors, all activities and all weights take one step; nothing waits for an equilibrium.
Source: Salvatori et al. (2024), arXiv:2212.00720.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pcl.errors import UsageError
from pcl.network.energy import Problem, activity_gradient, errors
from pcl.network.halting import Budget
from pcl.network.inference import Memory, Numbers, Rule, Settled, Start, begin, ended, gradient_scale
from pcl.network.plasticity import hebbian_update, learn


def settle(problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    """Simultaneous steps of activities, down the gradient, and weights, as `numbers.learning` says.

    Where the problem's network has no free activities, its weights learn all the same.

    Raises:
      UsageError: also numbers without `learning`.
    """
    z, memory = begin(problem, start)
    if numbers.learning is None:
        raise UsageError("ipc moves the weights at every step: give it `learning`")
    optimiser, weights, weight_B, gate_L = numbers.learning
    network = problem.network
    if isinstance(start, Settled) and start.learned is not None:
        network, weights = start.learned
    descent = optax.sgd(numbers.gradient_rate)
    memory = memory or Memory(descent.init(z), gradient_scale(problem, z))

    def step(_: Array, carry: tuple) -> tuple:
        z, network, kept, weights = carry
        now = dataclasses.replace(problem, network=network)
        e = errors(now, z)
        updates, kept = descent.update(activity_gradient(now, z, e), kept, z)
        network, weights = learn(network, weights, hebbian_update(now, z, e, weight_B), optimiser, gate_L)
        return optax.apply_updates(z, updates), network, kept, weights

    carry = (z, network, memory.optimiser, weights)
    z, network, kept, weights = jax.lax.fori_loop(0, budget.steps, step, carry)
    now = dataclasses.replace(problem, network=network)
    taken_B = jnp.full(problem.top.shape[0], float(budget.steps))
    settled = ended(now, z, taken_B, memory._replace(optimiser=kept), errors(now, z))
    return settled._replace(learned=(network, weights))


def flops(uses: Sequence[int], inference_steps: Any) -> Any:
    """Predict once; in each step all layers predict and learn, and all but one send errors down."""
    return 2 * sum(uses) + inference_steps * (4 * sum(uses) + 2 * sum(uses[1:]))


RULE = Rule(settle, flops, local=True, halts=("fixed",), bound=lambda numbers: 2.0, learns="meanwhile")
