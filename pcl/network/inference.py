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
import numpy as np
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

from pcl.errors import UsageError, one_of
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
NOTHING = 1e-9  # nats: squared rounding of a thousand activities of size ten, of which an energy of 0 may consist
INERTIA = 0.3  # of the running mean of changes: evens out the swings of momentum, and forgets large first steps


@dataclasses.dataclass(frozen=True)
class Halt:
    """When a sample stops settling before the last step; it then keeps its activities.

    gradient: its relative activity gradient (see `residual`) is at most `tolerance`.
    saturation: its activities hardly move any more. With c_k = |z_k - z_{k-1}| and the running mean
    m_k = 0.3 m_{k-1} + 0.7 c_k, corrected for its start at zero, M_k = m_k / (1 - 0.3^k), it stops where M_k falls
    and M_k <= tolerance * min(max_j M_j, |z_k - z_0|). The distance from the start counts because a first step may be
    longer than the whole way, as those of Adam are. For gradient descent c_k is proportional to the gradient, so that
    both rules stop at about the same residual.

    Raises:
      UsageError: an unknown rule, or a tolerance that is negative or no number.
    """

    rule: str  # gradient or saturation
    tolerance: ArrayLike

    def __post_init__(self) -> None:
        one_of("halt", self.rule, HALTS[1:])
        if not isinstance(self.tolerance, jax.core.Tracer) and not np.all(np.asarray(self.tolerance) >= 0):
            raise UsageError(f"tolerance={self.tolerance}: must be at least 0")


class Progress(NamedTuple):
    """How far each sample has come: what a halt needs to know of the steps before."""

    start: Activities
    mean: Float[Array, " B"]  # running mean of the changes, not corrected
    largest: Float[Array, " B"]  # corrected mean so far
    taken: Float[Array, " B"]  # steps
    active: Bool[Array, " B"]


class Memory(NamedTuple):
    """What settling in several calls hands from one to the next.

    optimiser: the optimiser's own. scale: norm of the gradient that residuals are relative to. progress: that of a
    settling that halts; a sample that has stopped stays where it is.
    """

    optimiser: optax.OptState
    scale: Float[Array, " B"]
    progress: Progress | None = None


class Settled(NamedTuple):
    """Where inference ended.

    z: the free activities. errors: their error signals. residual: norm of dF/dz, relative to that at the
    feed-forward start (where the bottom is free: at the given start). steps: steps taken in this call. The last two
    are per sample. memory: with it the same rule goes on from `z` as if it had never stopped. What nobody reads of
    these is not computed in a compiled function.
    """

    z: Activities
    errors: Errors
    residual: Float[Array, " B"]
    steps: Float[Array, " B"]
    memory: Any = None


def rose(before: Float[Array, ""], after: Float[Array, ""]) -> Float[Array, ""]:
    """1 where inference began at a finite energy and ended above it by more than rounding: it diverged. Else 0."""
    fell = after <= before + RISE * jnp.abs(before) + NOTHING
    return (jnp.isfinite(before) & ~fell).astype(before.dtype)


def norm(z: Activities, size: int) -> Float[Array, " B"]:
    """Euclidean norm of the activities of each of `size` samples; zero where there are none."""
    total_B = jnp.zeros(size)
    for z_l in z:
        total_B += jnp.sum(z_l.reshape(size, -1) ** 2, 1)
    return jnp.sqrt(total_B)


def settle(
    problem: Problem,
    z: Activities,
    optimiser: optax.GradientTransformation,
    steps: int,
    halt: Halt | None = None,
    memory: Memory | None = None,
) -> Settled:
    """At most `steps` simultaneous steps of `optimiser` down the free energy from activities `z`.

    Without a `memory` the optimiser begins anew. With that of an earlier call and its activities, settling goes on: the
    steps of both calls are those of one. The memory that it takes does not depend on `steps`. Where a sample stops
    early it and the memory that the optimiser keeps for it are frozen, so that a batch settles as its samples would
    alone; an optimiser that mixes samples (clipping by a global norm) breaks this promise.

    Raises:
      UsageError: shapes that do not fit; values that are not finite, where they are known; negative steps.
    """
    check(problem, z)
    check_steps(steps)
    first = first_prediction(problem)

    def gradient(z: Activities) -> Activities:
        return activity_gradient(problem, z, errors(problem, z, first))

    def step(z: Activities, memory: optax.OptState, g: Activities) -> tuple[Activities, optax.OptState]:
        updates, memory = optimiser.update(g, memory, z)
        return optax.apply_updates(z, updates), memory

    size, steps = problem.top.shape[0], steps if z else 0
    if memory is None:
        scale_B = norm(gradient(z), size) if problem.bottom is None else first_gradient(problem, feedforward(problem))
        memory = Memory(optimiser.init(z), scale_B)
    kept, scale_B, progress = memory
    if halt is None:

        def unmasked(_: Array, carry: tuple[Activities, optax.OptState]) -> tuple[Activities, optax.OptState]:
            z, kept = carry
            return step(z, kept, gradient(z))

        z, kept = jax.lax.fori_loop(0, steps, unmasked, (z, kept))
        taken_B = jnp.full(size, float(steps))
    else:
        if progress is None:
            zero_B = jnp.zeros_like(scale_B)
            progress = Progress(z, zero_B, zero_B, zero_B, jnp.ones(size, bool))
        before_B = progress.taken
        z, kept, progress = _until_halted(z, step, gradient, kept, scale_B, progress, steps, halt)
        taken_B = progress.taken - before_B
    e = errors(problem, z, first)
    residual_B = norm(activity_gradient(problem, z, e), size)
    return Settled(z, e, relative(residual_B, scale_B), taken_B, Memory(kept, scale_B, progress))


def check_steps(steps: int) -> None:
    """Refuses what is no number of steps.

    Raises:
      UsageError: with what would be right.
    """
    if not isinstance(steps, int | np.integer) or steps < 0:
        raise UsageError(f"steps={steps}: give a whole number of at least 0")


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
    memory: optax.OptState,
    scale_B: Array,
    progress: Progress,
    steps: int,
    halt: Halt,
) -> tuple[Activities, optax.OptState, Progress]:
    """Settling as one loop over the batch; what a halted sample would do is computed and thrown away."""
    size, start = scale_B.shape[0], progress.start

    def unfinished(carry: tuple) -> Array:
        k, *_, active_B = carry
        return (k < steps) & active_B.any()

    def masked(carry: tuple) -> tuple:
        k, z, memory, mean_B, largest_B, taken_B, active_B = carry
        g = gradient(z)
        if halt.rule == "gradient":
            active_B = active_B & (norm(g, size) > halt.tolerance * scale_B)
        moved, memory_moved = step(z, memory, g)
        mean_moved_B = INERTIA * mean_B + (1 - INERTIA) * _distance(moved, z, size)
        before_B, now_B = _corrected(mean_B, taken_B), _corrected(mean_moved_B, taken_B + 1)
        new = moved, memory_moved, mean_moved_B, jnp.maximum(largest_B, now_B), taken_B + 1
        z, memory, mean_B, largest_B, taken_B = _where_active(active_B, new, (z, memory, mean_B, largest_B, taken_B))
        if halt.rule == "saturation":
            small_B = now_B <= halt.tolerance * jnp.minimum(largest_B, _distance(z, start, size))
            active_B = active_B & ~(small_B & ((now_B < before_B) | (now_B == 0)))
        return k + 1, z, memory, mean_B, largest_B, taken_B, active_B

    carry = (0, z, memory, progress.mean, progress.largest, progress.taken, progress.active)
    _, z, memory, *come = jax.lax.while_loop(unfinished, masked, carry)
    return z, memory, Progress(start, *come)


def _distance(a: Activities, b: Activities, size: int) -> Float[Array, " B"]:
    return norm(tuple(jnp.subtract(x, y) for x, y in zip(a, b, strict=True)), size)


def _corrected(mean_B: Array, taken_B: Array) -> Float[Array, " B"]:
    """A running mean after so many steps, corrected for its start at zero."""
    return mean_B / jnp.where(taken_B > 0, 1 - INERTIA**taken_B, 1.0)


def _where_active(active_B: Bool[Array, " B"], new: Any, old: Any) -> Any:
    """`new` for active samples and `old` for others, in every array that leads with the samples."""

    def choose(new: Array, old: Array) -> Array:
        if new.ndim == 0 or new.shape[0] != active_B.shape[0]:
            return new
        return jnp.where(active_B.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

    return jax.tree.map(choose, new, old)
