"""Nonlinear conjugate gradients, sample by sample; the step length is that of the Gauss-Newton model.

NOT LOCAL: two numbers per sample are sums over all its units. Source: Polak and Ribiere (1969), restarted where the
product is negative.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import Problem, first_prediction, preactivations
from pcl.network.flops import predictive_coding
from pcl.network.halting import HALTS, Budget
from pcl.network.inference import Numbers, Rule, Settled, Start, descend
from pcl.network.outputs import largest_curvature
from pcl.network.precision import weigh
from pcl.network.samples import Activities, dot, flat, unflat


class State(NamedTuple):
    """The last gradient and direction, flat [B, N]."""

    gradient: Float[Array, "B N"]
    direction: Float[Array, "B N"]


def settle(problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    """Steps along conjugate directions; `numbers` is not used."""
    first = first_prediction(problem)

    def init(z: Activities) -> State:
        zero = jnp.zeros_like(flat(z))
        return State(zero, zero)

    def update(g: Activities, state: State, z: Activities) -> tuple[Activities, State]:
        new, old = flat(g), state.gradient
        beta_B = dot(new, new - old) / jnp.maximum(dot(old, old), 1e-30)
        direction = -new + jnp.clip(beta_B, 0.0, 10.0)[:, None] * state.direction
        descends = dot(new, direction) < 0
        direction = jnp.where(descends[:, None], direction, -new)
        curvature_B = _curvature(problem, z, unflat(direction, z), first)
        length_B = -dot(new, direction) / jnp.maximum(curvature_B, 1e-30)
        return unflat(length_B[:, None] * direction, z), State(new, direction)

    return descend(problem, start, budget, optax.GradientTransformation(init, update))


def _curvature(problem: Problem, z: Activities, d: Activities, first: Array | None) -> Float[Array, " B"]:
    """d^T H d of each sample, with the Gauss-Newton matrix H at `z`; exact where pre-activations are linear in z."""
    moved = preactivations(problem, tuple(map(jnp.add, z, d)), first)
    a = preactivations(problem, z, first)
    total, directions = jnp.zeros(problem.top.shape[0]), list(d)
    if problem.bottom is None:
        total += problem.prior * dot(flat(directions[:1]), flat(directions[:1]))
        directions = directions[1:]
    hidden = zip(problem.network[:-1], directions, a[:-1], moved[:-1], strict=True)
    for i, (layer, d_l, a_l, moved_l) in enumerate(hidden):
        de = d_l - ACTIVATIONS[layer.activation].df(a_l) * (moved_l - a_l)
        total += dot(flat((de,)), flat((weigh(problem.gain(i), de),)))
    da = moved[-1] - a[-1] if problem.observed is None else problem.observed * (moved[-1] - a[-1])
    gained = largest_curvature(problem.output, problem.top) * weigh(problem.gain(-1), da)
    return total + dot(flat((da,)), flat((gained,)))


def flops(uses: Sequence[int], inference_steps: Any) -> Any:
    """As gradient descent with 1.5 times as many steps: the curvature along the direction costs half a step."""
    return predictive_coding(uses, 1.5 * inference_steps)


RULE = Rule(settle, flops, local=False, halts=HALTS, bound=None)
