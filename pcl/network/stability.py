"""How large a step of the activities may be. Nothing here is part of inference or learning: it only measures."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from pcl.network.energy import Activities, Problem, activity_gradient, check, errors
from pcl.network.inference import norm


def step_bound(problem: Problem, z: Activities, momentum: ArrayLike = 0.0, iterations: int = 100) -> Float[Array, " B"]:
    """The largest step size of gradient descent that is stable around `z`, per sample.

    2 (1 + momentum) / lambda, where lambda is the largest eigenvalue in magnitude of the Hessian of the energy
    by the free activities, by power iteration: an estimate that comes down to the bound from above. Where the
    energy is quadratic (linear layers, Gaussian output), gradient descent without momentum never raises the
    energy below the bound and diverges above it; elsewhere the Hessian changes as the activities move, so
    leave a margin. Source of the bound with momentum: Polyak (1964), doi:10.1016/0041-5553(64)90137-5.
    """
    check(problem, z)
    size = problem.top.shape[0]

    def gradient(z: Activities) -> Activities:
        return activity_gradient(problem, z, errors(problem, z))

    def unit(v: Activities) -> tuple[Activities, Array]:
        length_B = norm(v, size)
        safe_B = jnp.where(length_B > 0, length_B, 1.0)
        return tuple(v_l / safe_B.reshape(-1, *(1,) * (v_l.ndim - 1)) for v_l in v), length_B

    def iterate(_: Array, carry: tuple[Activities, Array]) -> tuple[Activities, Array]:
        return unit(jax.jvp(gradient, (z,), (carry[0],))[1])

    keys = jax.random.split(jax.random.key(0), len(z))
    start = tuple(jax.random.normal(k, z_l.shape, z_l.dtype) for k, z_l in zip(keys, z, strict=True))
    _, eigenvalue_B = jax.lax.fori_loop(0, iterations, iterate, unit(start))
    return 2 * (1 + momentum) / eigenvalue_B
