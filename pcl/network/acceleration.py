"""Faster descent of the activities, as optax transformations for `inference.settle`.

Each maps the gradient dF/dz to a step from the same information that gradient descent has. Heavy ball is
`optax.sgd(rate, momentum)`. Which are local:

    heavy ball     yes: the memory is each unit's own
    layerwise      within a layer: lateral connections between its units, from the weights that leave it
    conjugate      no: two numbers a sample are sums over all its units
    anderson       no: a small least-squares problem over all of a sample's units

`equilibrium.gauss_newton` (not local) needs far fewer steps than any of these.
Sources: heavy ball, Polyak (1964); conjugate gradients, Polak and Ribiere (1969), restarted where the product is
negative; Anderson (1965), doi:10.1145/321296.321305, in the form of Walker and Ni (2011), doi:10.1137/10078356X.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from pcl import linalg
from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import Activities, Problem, check, first_prediction, preactivations
from pcl.network.equilibrium import output_curvature
from pcl.network.precision import Precision, is_full, weigh

RIDGE = 1e-5  # of the least-squares problem, relative to its trace: float32 cannot see below


def layerwise(problem: Problem, z: Activities, rate: ArrayLike) -> optax.GradientTransformation:
    """Each layer's gradient times the inverse of its own block of the Gauss-Newton matrix, shared by the batch.

    The block Pi_l + W f'^2 Pi_{l+1} W^T is taken at the batch's mean slopes at `z`. One factorisation of
    [H, H] a layer and call; meant for dense layers. Block Jacobi: it converges for rates up to 1.
    """
    check(problem, z)
    a = preactivations(problem, z, first_prediction(problem))
    gains = [_matrix(problem.gain(i), a_l) for i, a_l in enumerate(a)]
    if problem.output != "gaussian":
        gains[-1] = jnp.max(output_curvature(problem)) * jnp.eye(a[-1][0].size)
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

    def update(g: Activities, state: optax.EmptyState, _: Any = None) -> tuple[Activities, optax.EmptyState]:
        flat = (g_l.reshape(g_l.shape[0], -1) for g_l in g)
        return tuple(
            -jnp.asarray(rate) * (f @ p).reshape(g_l.shape) for f, p, g_l in zip(flat, inverse, g, strict=True)
        ), state

    return optax.GradientTransformation(lambda _: optax.EmptyState(), update)


class ConjugateState(NamedTuple):
    """The last gradient and direction, flat [B, N]."""

    gradient: Float[Array, "B N"]
    direction: Float[Array, "B N"]


def conjugate(problem: Problem) -> optax.GradientTransformation:
    """Nonlinear conjugate gradients, for each sample by itself; the step length is that of the Gauss-Newton model."""
    first = first_prediction(problem)

    def init(z: Activities) -> ConjugateState:
        zero = jnp.zeros_like(_flat(z))
        return ConjugateState(zero, zero)

    def update(g: Activities, state: ConjugateState, z: Activities) -> tuple[Activities, ConjugateState]:
        new, old = _flat(g), state.gradient
        beta_B = _dot(new, new - old) / jnp.maximum(_dot(old, old), 1e-30)
        direction = -new + jnp.clip(beta_B, 0.0, 10.0)[:, None] * state.direction
        descends = _dot(new, direction) < 0
        direction = jnp.where(descends[:, None], direction, -new)
        curvature_B = _curvature(problem, z, _unflat(direction, z), first)
        length_B = -_dot(new, direction) / jnp.maximum(curvature_B, 1e-30)
        return _unflat(length_B[:, None] * direction, z), ConjugateState(new, direction)

    return optax.GradientTransformation(init, update)


class AndersonState(NamedTuple):
    """The last activities and residuals, flat, and their last differences [B, depth, N]; steps taken."""

    z: Float[Array, "B N"]
    residual: Float[Array, "B N"]
    dz: Float[Array, "B M N"]
    dresidual: Float[Array, "B M N"]
    taken: Array


def anderson(rate: ArrayLike, depth: int = 3) -> optax.GradientTransformation:
    """Anderson acceleration of gradient descent of `rate`: the last `depth` steps are combined, sample by sample."""

    def init(z: Activities) -> AndersonState:
        flat = jnp.zeros_like(_flat(z))
        history = jnp.zeros((flat.shape[0], depth, flat.shape[1]), flat.dtype)
        return AndersonState(flat, flat, history, history, jnp.zeros((), jnp.int32))

    def update(g: Activities, state: AndersonState, z: Activities) -> tuple[Activities, AndersonState]:
        at, residual = _flat(z), -jnp.asarray(rate) * _flat(g)
        begun = (state.taken > 0).astype(at.dtype)
        dz = _push(state.dz, begun * (at - state.z))
        dresidual = _push(state.dresidual, begun * (residual - state.residual))
        gram = jnp.einsum("bmn,bkn->bmk", dresidual, dresidual)
        ridge = RIDGE * jnp.trace(gram, axis1=1, axis2=2) + 1e-30
        gram += ridge[:, None, None] * jnp.eye(depth)
        share = jax.vmap(linalg.solve)(gram, jnp.einsum("bmn,bn->bm", dresidual, residual)[..., None])
        step = residual - jnp.sum(share * (dz + dresidual), 1)
        return _unflat(step, z), AndersonState(at, residual, dz, dresidual, state.taken + 1)

    return optax.GradientTransformation(init, update)


def _matrix(precision: Precision, like: Float[Array, "B ..."]) -> Float[Array, "H H"]:
    """The precision of activities like `like` as a matrix over their units."""
    if precision is None:
        return jnp.eye(like[0].size)
    return precision if is_full(precision, like) else jnp.diag(precision.reshape(-1))


def _curvature(problem: Problem, z: Activities, d: Activities, first: Array | None) -> Float[Array, " B"]:
    """d^T H d of each sample, with the Gauss-Newton matrix H at `z`; exact where pre-activations are linear in z."""
    moved = preactivations(problem, tuple(map(jnp.add, z, d)), first)
    a = preactivations(problem, z, first)
    total, directions = jnp.zeros(problem.top.shape[0]), list(d)
    if problem.bottom is None:
        total += problem.prior * _dot(_flat(directions[:1]), _flat(directions[:1]))
        directions = directions[1:]
    hidden = zip(problem.network[:-1], directions, a[:-1], moved[:-1], strict=True)
    for i, (layer, d_l, a_l, moved_l) in enumerate(hidden):
        de = d_l - ACTIVATIONS[layer.activation].df(a_l) * (moved_l - a_l)
        total += _dot(_flat((de,)), _flat((weigh(problem.gain(i), de),)))
    da = moved[-1] - a[-1] if problem.observed is None else problem.observed * (moved[-1] - a[-1])
    gained = weigh(problem.gain(-1), da) if problem.output == "gaussian" else output_curvature(problem) * da
    return total + _dot(_flat((da,)), _flat((gained,)))


def _flat(z: Sequence[Array]) -> Float[Array, "B N"]:
    return jnp.concatenate([z_l.reshape(z_l.shape[0], -1) for z_l in z], 1)


def _unflat(flat: Float[Array, "B N"], like: Activities) -> Activities:
    parts, start = [], 0
    for z_l in like:
        size = z_l[0].size
        parts.append(flat[:, start : start + size].reshape(z_l.shape))
        start += size
    return tuple(parts)


def _dot(a: Float[Array, "B N"], b: Float[Array, "B N"]) -> Float[Array, " B"]:
    return jnp.sum(a * b, 1)


def _push(history: Float[Array, "B M N"], new: Float[Array, "B N"]) -> Float[Array, "B M N"]:
    return jnp.concatenate([history[:, 1:], new[:, None]], 1)
