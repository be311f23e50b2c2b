"""The largest stable step of the activities: measured at a point, or bounded for a batch as the weights learn.

The bound. With the chain's bottom clamped, layer l passes on a change of the activity below it at most

    s_l = sup |f'| |W_l| sup |g'|    (and 1 more where it has a skip connection)

times as large, |W| being the largest singular value. The Gauss-Newton matrix of the energy by the free activities is
block-tridiagonal, and at identity precision no eigenvalue of it exceeds the largest of the bounds of its blocks' norms,

    T[l, l] = 1 + s_{l+1}^2,    T[l, l+1] = T[l+1, l] = s_{l+1},

s^2 at the output times the curvature of its cost. The Hessian adds a term of at most |e_l| sup |f''|, which is zero
for linear layers and small for small errors. |W_l| comes from a power iteration that goes on as the weights learn; an
update takes two products of one vector with each layer. It converges from below: leave a margin. The largest
eigenvalue of T is bounded, without a factorisation, by the row sums of D^-1 T D, D any positive diagonal matrix
(Collatz, 1942, doi:10.1007/BF01180013).
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from pcl.errors import UsageError
from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import Problem, activity_gradient, check, errors
from pcl.network.layers import Dense, Layer, Network, forward
from pcl.network.outputs import distribution
from pcl.network.samples import Activities, norm, per_sample

FIRST = 30  # power iterations before anything is learned
BALANCE, LEAST = 8, 1e-6  # of D: power iterations of T; its smallest entry, relative to the largest

SHARE = 0.9  # the largest step taken under the bound, relative to the largest stable step

Directions = tuple[Array, ...]  # in which each layer above a free activity stretches most; [1, ...], of length 1


def directions(network: Network, input_shape: tuple[int, ...], free_bottom: bool = False) -> Directions:
    """Directions from which the power iteration starts, for inputs of `input_shape`."""
    x = jax.ShapeDtypeStruct((1, *input_shape), jnp.zeros(()).dtype)
    below = jax.eval_shape(forward, network[:-1], x)
    below = (x, *below) if free_bottom else below
    keys = jax.random.split(jax.random.key(0), len(network))
    drawn = tuple(jax.random.normal(k, z.shape) for k, z in zip(keys, below, strict=False))
    return jax.lax.fori_loop(0, FIRST, lambda _, v: stretch(network, v)[1], drawn)


def stretch(network: Network, v: Directions) -> tuple[tuple[Array, ...], Directions]:
    """s_l of the layers above free activities, by one more power iteration from `v`, and the new directions.

    Those are all layers but the first, or all where the bottom is free; `v` holds one direction for each.
    """
    found = [_stretch(layer, v_l) for layer, v_l in zip(network[len(network) - len(v) :], v, strict=True)]
    return tuple(s for s, _ in found), tuple(v_l for _, v_l in found)


def _stretch(layer: Layer, v: Float[Array, "1 ..."]) -> tuple[Float[Array, ""], Float[Array, "1 ..."]]:
    """|W^T u| for the direction u of W v: never more than |W|, and never less than |W v|.

    Raises:
      UsageError: layer normalisation, which passes on changes the more enlarged the less its units differ.
    """
    if isinstance(layer, Dense) and layer.norm:
        raise UsageError("norm=layer: no step of the activities is known to be stable; set step_limit=nothing")
    if isinstance(layer, Dense):
        steepest = ACTIVATIONS[layer.inner].steepest
        linear: Layer = dataclasses.replace(layer, b=None, inner="identity", skip=False)
        skip = float(layer.skip)
    else:  # maximal pooling selects some of the convolution's outputs, so the bound without it holds
        steepest, skip = 1.0, 0.0
        linear = dataclasses.replace(layer, b=None, pool=layer.pool if layer.linear else 1)
    u, _ = _unit(linear.predict(v))
    towards, length = _unit(linear.carry_down(v, u))
    s = ACTIVATIONS[layer.activation].steepest * (steepest * length + skip)
    return s, jnp.where(length > 0, towards, v)


def _unit(v: Array) -> tuple[Array, Float[Array, ""]]:
    """`v` scaled to length 1, or left at zero, and its length."""
    length = jnp.sqrt(jnp.sum(v**2))
    return v / jnp.where(length > 0, length, 1.0), length


@jax.jit
def bounded_step(problem: Problem, z: Activities, limit: ArrayLike = 2.0) -> Array:
    """A step size of the activities that is stable for a whole batch, at identity precision: `limit` / bound (see
    above).

    z: the free activities, at least one; only their shapes matter. The prior of a free bottom must be at most 1.
    """
    free = problem.bottom is None
    v = directions(problem.network, (z[0] if free else problem.bottom).shape[1:], free)
    return jnp.asarray(limit) / curvature(stretch(problem.network, v)[0], problem.output)


def curvature(s: tuple[Array, ...], output: str = "gaussian") -> Float[Array, ""]:
    """The bound of the largest eigenvalue at identity precision, for `s` as `stretch` finds them, at least one."""
    s_L, p_L = jnp.stack(s), jnp.ones(len(s)).at[-1].set(distribution(output).curvature)
    own, beside = 1 + p_L * s_L**2, jnp.pad(s_L[:-1], 1)

    def times(x: Array) -> Array:
        around = jnp.pad(x, 1)
        return own * x + beside[:-1] * around[:-2] + beside[1:] * around[2:]

    x = jnp.ones_like(own)
    for _ in range(BALANCE):
        x = times(x)
        x = jnp.maximum(x / x.max(), LEAST)
    return (times(x) / x).max()


def step_bound(problem: Problem, z: Activities, limit: ArrayLike = 2.0, iterations: int = 100) -> Float[Array, " B"]:
    """The largest step size of a rule that is stable around `z`, per sample.

    `limit` / lambda: 2 is the limit of gradient descent (see `inference.Rule.bound`), and lambda the largest eigenvalue
    in magnitude of the Hessian of the energy by the free activities, by power iteration: an estimate that comes down
    to the bound from above. Where the energy is quadratic (linear layers, Gaussian output), gradient descent without
    momentum never raises the energy below the bound and diverges above it; elsewhere the Hessian changes as the
    activities move, so leave a margin.
    """
    check(problem, z)
    size = problem.top.shape[0]

    def gradient(z: Activities) -> Activities:
        return activity_gradient(problem, z, errors(problem, z))

    def unit(v: Activities) -> tuple[Activities, Array]:
        length_B = norm(v, size)
        safe_B = jnp.where(length_B > 0, length_B, 1.0)
        return tuple(v_l / per_sample(safe_B, v_l) for v_l in v), length_B

    def iterate(_: Array, carry: tuple[Activities, Array]) -> tuple[Activities, Array]:
        return unit(jax.jvp(gradient, (z,), (carry[0],))[1])

    keys = jax.random.split(jax.random.key(0), len(z))
    start = tuple(jax.random.normal(k, z_l.shape, z_l.dtype) for k, z_l in zip(keys, z, strict=True))
    _, eigenvalue_B = jax.lax.fori_loop(0, iterations, iterate, unit(start))
    return limit / eigenvalue_B
