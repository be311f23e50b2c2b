"""Anderson acceleration of gradient descent: the last three steps are combined, sample by sample.

NOT LOCAL: a small least-squares problem over all of a sample's units. Sources: Anderson (1965),
doi:10.1145/321296.321305, in the form of Walker and Ni (2011), doi:10.1137/10078356X.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from pcl import linalg
from pcl.network.energy import Problem
from pcl.network.flops import predictive_coding
from pcl.network.halting import HALTS, Budget
from pcl.network.inference import Numbers, Rule, Settled, Start, descend
from pcl.network.samples import Activities, flat, unflat

DEPTH = 3  # steps that are combined
RIDGE = 1e-5  # of the least-squares problem, relative to its trace: about the resolution of float32


class State(NamedTuple):
    """The last activities and residuals, flat, and their last differences [B, depth, N]; steps taken."""

    z: Float[Array, "B N"]
    residual: Float[Array, "B N"]
    dz: Float[Array, "B M N"]
    dresidual: Float[Array, "B M N"]
    taken: Array


def settle(problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    """Combined steps of gradient descent of `rate`."""
    rate = jnp.asarray(numbers.gradient_rate)

    def init(z: Activities) -> State:
        zero = jnp.zeros_like(flat(z))
        history = jnp.zeros((zero.shape[0], DEPTH, zero.shape[1]), zero.dtype)
        return State(zero, zero, history, history, jnp.zeros((), jnp.int32))

    def update(g: Activities, state: State, z: Activities) -> tuple[Activities, State]:
        at, residual = flat(z), -rate * flat(g)
        begun = (state.taken > 0).astype(at.dtype)
        dz = _push(state.dz, begun * (at - state.z))
        dresidual = _push(state.dresidual, begun * (residual - state.residual))
        gram = jnp.einsum("bmn,bkn->bmk", dresidual, dresidual)
        ridge = RIDGE * jnp.trace(gram, axis1=1, axis2=2) + 1e-30
        gram += ridge[:, None, None] * jnp.eye(DEPTH)
        share = jax.vmap(linalg.solve)(gram, jnp.einsum("bmn,bn->bm", dresidual, residual)[..., None])
        step = residual - jnp.sum(share * (dz + dresidual), 1)
        return unflat(step, z), State(at, residual, dz, dresidual, state.taken + 1)

    return descend(problem, start, budget, optax.GradientTransformation(init, update))


def _push(history: Float[Array, "B M N"], new: Float[Array, "B N"]) -> Float[Array, "B M N"]:
    return jnp.concatenate([history[:, 1:], new[:, None]], 1)


# The cost of the least-squares problem grows with units and not with synapses: it is left out.
RULE = Rule(settle, predictive_coding, local=False, halts=HALTS, bound=None)
