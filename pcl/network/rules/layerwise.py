"""Each layer preconditioned by its own block of the Gauss-Newton matrix: lateral connections within a layer.

The block Pi_l + W f'^2 Pi_{l+1} W^T is taken at the batch's mean slopes at the start, from the weights that leave the
layer. Each call factorises one matrix [H, H] per layer, so it is meant for dense layers. Block Jacobi: it converges for
rates up to 1. Local to a layer: the lateral connections stay within it.
"""

from typing import Any

import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from pcl import linalg
from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import Problem, first_prediction, preactivations
from pcl.network.flops import predictive_coding
from pcl.network.halting import HALTS, Budget
from pcl.network.inference import Numbers, Rule, Settled, Start, descend
from pcl.network.outputs import largest_curvature
from pcl.network.precision import Precision, is_full
from pcl.network.samples import Activities


def settle(problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    """Steps of `rate` along the preconditioned gradient; a call that goes on keeps the blocks of the first."""

    def update(g: Activities, inverse: Any, _: Any = None) -> tuple[Activities, Any]:
        flat = (g_l.reshape(g_l.shape[0], -1) for g_l in g)
        rate = jnp.asarray(numbers.rate)
        return tuple(-rate * (f @ p).reshape(g_l.shape) for f, p, g_l in zip(flat, inverse, g, strict=True)), inverse

    return descend(problem, start, budget, optax.GradientTransformation(lambda z: _inverse_blocks(problem, z), update))


def _inverse_blocks(problem: Problem, z: Activities) -> tuple[Float[Array, "H H"], ...]:
    a = preactivations(problem, z, first_prediction(problem))
    gains = [_matrix(problem.gain(i), a_l) for i, a_l in enumerate(a)]
    gains[-1] *= jnp.max(jnp.asarray(largest_curvature(problem.output, problem.top)))
    own, last = gains[:-1], len(a) - 1
    if problem.bottom is None:
        own = [problem.prior * jnp.eye(z[0][0].size), *own]
    inverse = []
    for i, (z_l, own_l) in enumerate(zip(z, own, strict=True), start=len(a) - len(z)):
        layer, a_l, outputs = problem.network[i], a[i], a[i][0].size
        below = jnp.broadcast_to(z_l.mean(0), (outputs, *z_l.shape[1:]))
        down = layer.carry_down(below, jnp.eye(outputs).reshape(outputs, *a_l.shape[1:])).reshape(outputs, -1)
        if i < last:
            down *= ACTIVATIONS[layer.activation].df(a_l).mean(0).reshape(-1, 1)
        inverse.append(linalg.inverse(own_l + down.T @ gains[i] @ down))
    return tuple(inverse)


def _matrix(precision: Precision, like: Float[Array, "B ..."]) -> Float[Array, "H H"]:
    """The precision of activities like `like` as a matrix over their units."""
    if precision is None:
        return jnp.eye(like[0].size)
    return precision if is_full(precision, like) else jnp.diag(precision.reshape(-1))


# The count leaves out products within layers.
RULE = Rule(settle, predictive_coding, local=True, halts=HALTS, bound=None, rate=0.5)
