"""Settling: the free activities descend the free energy while the ends of the chain are clamped.

Every quantity that a unit needs stands at its own layer or one synapse away (see `energy.activity_gradient`):

    dz_l = -rate * dF/dz_l,    dF/dz_l = Pi_l e_l - J_{l+1}^T Pi_{l+1} e_{l+1}

Inference rules and whether they are local:

    rule                                 where                 local
    gradient descent                     settle + optax.sgd    yes
    momentum, Adam and others by unit    settle + optax        yes (memory is kept at each unit)
    incremental (weights move as well)   incremental           yes
    nudged outputs                       energy.nudged         yes
    amortised start                      amortise              yes (recognition weights have a rule of their own)
    early stop                           settle + Halt         a norm over a sample's units decides when to learn,
                                                               never where to go
    layerwise preconditioning            acceleration          within a layer: lateral connections
    conjugate gradients, Anderson        acceleration          NO: sums over all of a sample's units
    Gauss-Newton                         equilibrium           NO: errors carried through the chain meet in one solve
    error coordinates                    oracles               NO: a global reverse pass
    fixed prediction, zero divergence    oracles               NO: a global clock, or a feed-forward pass kept apart
    Langevin dynamics                    generative            yes (noise of its own at each unit)
    one state a sequence, step by step   temporal              yes

Source: Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

from pcl.network.energy import (
    Activities,
    Errors,
    Problem,
    activity_gradient,
    check,
    errors,
    feedforward,
    first_prediction,
)

HALTS = ("fixed", "gradient", "saturation")
RISE = 1e-4  # of the energy: what float32 sums of many units may add to it
INERTIA = 0.9  # of the running mean of changes whose saturation ends settling


class Halt(NamedTuple):
    """When a sample stops settling before the last step; it then keeps its activities.

    gradient: its relative activity gradient (see `residual`) is at most `tolerance`.
    saturation: the running mean m_k = 0.9 m_{k-1} + 0.1 |z_k - z_{k-1}| of its change no longer changes,
    |m_k - m_{k-1}| < tolerance * m_1.
    """

    rule: str  # gradient or saturation
    tolerance: ArrayLike


class Settled(NamedTuple):
    """Where inference ended.

    z: the free activities. errors: their error signals. residual: norm of dF/dz, relative to that at the
    feed-forward start (where the bottom is free: at the given start). steps: steps taken. The last two
    are per sample. What nobody reads of these is not computed in a compiled function.
    """

    z: Activities
    errors: Errors
    residual: Float[Array, " B"]
    steps: Float[Array, " B"]


def rose(before: Float[Array, ""], after: Float[Array, ""]) -> Float[Array, ""]:
    """1 where inference began at a finite energy and ended above it by more than rounding: it diverged. Else 0."""
    fell = after <= before + RISE * jnp.abs(before)
    return (jnp.isfinite(before) & ~fell).astype(before.dtype)


def norm(z: Activities, size: int) -> Float[Array, " B"]:
    """Euclidean norm of the activities of each of `size` samples; zero where there are none."""
    total_B = jnp.zeros(size)
    for z_l in z:
        total_B += jnp.sum(z_l.reshape(size, -1) ** 2, 1)
    return jnp.sqrt(total_B)


def settle(
    problem: Problem, z: Activities, optimiser: optax.GradientTransformation, steps: int, halt: Halt | None = None
) -> Settled:
    """At most `steps` simultaneous steps of `optimiser` down the free energy from activities `z`.

    The memory that it takes does not depend on `steps`. Where a sample stops early it and the memory that the
    optimiser keeps for it are frozen, so that a batch settles as its samples would alone; an optimiser that
    mixes samples (clipping by a global norm) breaks this promise.

    Raises:
      UsageError: shapes that do not fit; values that are not finite, where they are known.
    """
    check(problem, z)
    first = first_prediction(problem)

    def gradient(z: Activities) -> Activities:
        return activity_gradient(problem, z, errors(problem, z, first))

    def step(z: Activities, memory: optax.OptState, g: Activities) -> tuple[Activities, optax.OptState]:
        updates, memory = optimiser.update(g, memory, z)
        return optax.apply_updates(z, updates), memory

    size, steps = problem.top.shape[0], steps if z else 0
    scale_B = norm(gradient(z), size) if problem.bottom is None else first_gradient(problem, feedforward(problem))
    if halt is None:

        def unmasked(_: Array, carry: tuple[Activities, optax.OptState]) -> tuple[Activities, optax.OptState]:
            z, memory = carry
            return step(z, memory, gradient(z))

        z, _ = jax.lax.fori_loop(0, steps, unmasked, (z, optimiser.init(z)))
        taken_B = jnp.full(size, float(steps))
    else:
        z, taken_B = _until_halted(z, step, gradient, scale_B, optimiser.init(z), steps, halt)
    e = errors(problem, z, first)
    residual_B = norm(activity_gradient(problem, z, e), size)
    return Settled(z, e, relative(residual_B, scale_B), taken_B)


def first_gradient(problem: Problem, z: Activities) -> Float[Array, " B"]:
    """Norm of the gradient at the feed-forward pass `z`, where only the output has an error."""
    if not z:
        return jnp.zeros(problem.top.shape[0])
    last = problem.network[-1]
    precision = None if problem.precision is None else problem.precision[-1:]
    (delta,) = errors(dataclasses.replace(problem, network=(last,), bottom=z[-1], precision=precision), ()).delta
    return norm((last.carry_down(z[-1], delta),), problem.top.shape[0])


def relative(norm_B: Array, scale_B: Array) -> Array:
    """The ratio; where `scale_B` is zero, it is zero if `norm_B` is too, and infinite if not."""
    without_scale_B = jnp.where(norm_B > 0, jnp.inf, 0.0)
    return jnp.where(scale_B > 0, norm_B / jnp.where(scale_B > 0, scale_B, 1.0), without_scale_B)


def _until_halted(
    z: Activities,
    step: Callable[..., tuple[Activities, optax.OptState]],
    gradient: Callable[[Activities], Activities],
    scale_B: Array,
    memory: optax.OptState,
    steps: int,
    halt: Halt,
) -> tuple[Activities, Array]:
    """Settling as one loop over the batch; what a halted sample would do is computed and thrown away."""
    size = scale_B.shape[0]

    def unfinished(carry: tuple) -> Array:
        k, *_, active_B = carry
        return (k < steps) & active_B.any()

    def masked(carry: tuple) -> tuple:
        k, z, memory, taken_B, change_B, first_B, active_B = carry
        g = gradient(z)
        if halt.rule == "gradient":
            active_B = active_B & (norm(g, size) > halt.tolerance * scale_B)
        moved, memory_moved = step(z, memory, g)
        before_B, moves_B = change_B, norm(tuple(jnp.subtract(a, b) for a, b in zip(moved, z, strict=True)), size)
        change_B = INERTIA * change_B + (1 - INERTIA) * moves_B
        first_B = jnp.where(k == 0, change_B, first_B)
        z, memory = _where_active(active_B, (moved, memory_moved), (z, memory))
        taken_B = taken_B + active_B
        if halt.rule == "saturation":
            active_B = active_B & (jnp.abs(change_B - before_B) > halt.tolerance * first_B)
        return k + 1, z, memory, taken_B, change_B, first_B, active_B

    zero_B = jnp.zeros_like(scale_B)
    carry = (0, z, memory, zero_B, zero_B, zero_B, jnp.ones(size, bool))
    _, z, _, taken_B, *_ = jax.lax.while_loop(unfinished, masked, carry)
    return z, taken_B


def _where_active(active_B: Bool[Array, " B"], new: Any, old: Any) -> Any:
    """`new` for active samples and `old` for others, in every array that leads with the samples."""

    def choose(new: Array, old: Array) -> Array:
        if new.ndim == 0 or new.shape[0] != active_B.shape[0]:
            return new
        return jnp.where(active_B.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

    return jax.tree.map(choose, new, old)
