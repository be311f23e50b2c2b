"""Settling: the free activities descend the free energy while the ends of the chain are clamped.

Every quantity that a unit needs is at its own layer or one synapse away (see `energy.activity_gradient`):

    dz_l = -rate * dF/dz_l,    dF/dz_l = Pi_l e_l - J_{l+1}^T Pi_{l+1} e_{l+1}

This file holds what all rules share: their signature, descent by any optimiser (`descend`), and the residual. With an
optimiser that mixes samples (clipping by a global norm) a sample no longer settles as it would alone.

Source: Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from pcl.errors import UsageError
from pcl.network.energy import (
    Errors,
    Problem,
    activity_gradient,
    check,
    errors,
    feedforward,
    first_prediction,
)
from pcl.network.halting import HALTS, Budget, Progress, iterate
from pcl.network.layers import Network
from pcl.network.samples import Activities, norm

RISE = 1e-4  # relative rounding error of an energy that is a float32 sum over many units
NOTHING = 1e-9  # nats: absolute rounding error of an energy near 0, for a thousand activities of size ten


class Learning(NamedTuple):
    """How weights learn: the optimiser and its state for each layer, the weights of samples, a gate for each layer."""

    optimiser: optax.GradientTransformation
    memory: tuple[optax.OptState, ...]
    weight_B: Float[Array, " B"]
    gate_L: Float[Array, " L"] | tuple[float, ...]


class Numbers(NamedTuple):
    """The hyper-parameters of all rules; each rule reads those that it needs.

    rate: the step size; None: the rule's own, limited to what is stable (see `rules.with_rate`). gain: the largest
    eigenvalue of the precisions, unless `rate` takes it into account already (where the rate is None, it is computed);
    gradient rules divide the rate by it to stay stable. momentum: the share of the last step that is kept. learning:
    how weights learn.
    """

    rate: Any = None  # ArrayLike | None
    gain: ArrayLike = 1.0
    momentum: ArrayLike = 0.5
    learning: Learning | None = None

    @property
    def gradient_rate(self) -> Any:
        """The step of rules that follow the gradient."""
        return self.rate / self.gain


class Memory(NamedTuple):
    """The state with which a later call goes on.

    optimiser: the rule's own state. scale: norm of the gradient to which residuals are relative. progress: the state
    of a halt; a sample that has stopped stays where it is.
    """

    optimiser: Any
    scale: Float[Array, " B"]
    progress: Progress | None = None


class Settled(NamedTuple):
    """The result of inference.

    z: the free activities. errors: their error signals. residual: norm of dF/dz, relative to that at the
    feed-forward start (where the bottom is free: at the given start). steps: steps taken in this call. The last two
    are per sample. memory: with it the same rule goes on from `z` as if it had never stopped. learned: the weights and
    their optimiser's memory, from a rule that moves them too. In a compiled function, fields that are not read are
    not computed.
    """

    z: Activities
    errors: Errors
    residual: Float[Array, " B"]
    steps: Float[Array, " B"]
    memory: Any = None
    learned: tuple[Network, tuple[optax.OptState, ...]] | None = None


Start = Activities | Settled  # activities to begin at, or where an earlier call of the same rule ended


@dataclasses.dataclass(frozen=True)
class Rule:
    """An inference rule: how activities move, and the rule's properties.

    settle: (problem, start, budget, numbers) -> Settled; it raises UsageError for shapes that do not fit, for values
    that are not finite (outside of compiled code), and for unsupported problems. flops: (uses of the synapses of each
    layer, mean inference steps) -> operations of one learning step, a sample (see `flops`). local: every unit
    reads only its own layer or one synapse away. halts: the kinds of `halting.HALTS` that it takes. bound:
    (numbers) -> its largest stable step, times the largest curvature of the energy; None: no bound is known.
    learns: the source of the weight update: "settled" activities and their errors, "feedforward" activities with the
    settled errors, or "meanwhile": the rule moves the weights itself. rate: the default step. padded: whether the
    number of steps may be traced, and units without synapses stay at 0.

    Raises:
      UsageError: no count of flops, or an unknown halt.
    """

    settle: Callable[[Problem, Start, Budget, Numbers], Settled]
    flops: Any  # Callable[[Sequence[int], Any], Any]; anything else is refused below
    local: bool
    halts: tuple[str, ...]
    bound: Callable[[Numbers], Any] | None
    learns: str = "settled"
    rate: float = 0.1
    padded: bool = False

    def __post_init__(self) -> None:
        if not callable(self.flops):
            raise UsageError(f"a rule with flops={self.flops}: give the operations of a learning step")
        if not self.halts or set(self.halts) - set(HALTS):
            raise UsageError(f"a rule with halts={self.halts}: name some of {', '.join(HALTS)}")


def rose(before: Float[Array, ""], after: Float[Array, ""]) -> Float[Array, ""]:
    """1 if inference diverged (it began at a finite energy and ended above it by more than rounding), else 0."""
    fell = after <= before + RISE * jnp.abs(before) + NOTHING
    return (jnp.isfinite(before) & ~fell).astype(before.dtype)


def begin(problem: Problem, start: Start) -> tuple[Activities, Any]:
    """The checked activities to begin at, and the memory of an earlier call, if there is one."""
    z, memory = (start.z, start.memory) if isinstance(start, Settled) else (start, None)
    check(problem, z)
    return z, memory


def follow(
    gradient: Callable[[Activities], Activities],
    z: Activities,
    optimiser: optax.GradientTransformation,
    budget: Budget,
    memory: Memory,
) -> tuple[Activities, Float[Array, " B"], Memory]:
    """Steps of `optimiser` down `gradient` from `z`; returns the activities, the steps taken and the memory."""

    def step(state: tuple[Activities, optax.OptState], g: Activities) -> tuple[Activities, optax.OptState]:
        z, kept = state
        updates, kept = optimiser.update(g, kept, z)
        return optax.apply_updates(z, updates), kept

    state = z, memory.optimiser
    (z, kept), taken_B, progress = iterate(
        step, lambda s: gradient(s[0]), lambda s: s[0], state, memory.scale, budget, memory.progress
    )
    return z, taken_B, Memory(kept, memory.scale, progress)


def descend(problem: Problem, start: Start, budget: Budget, optimiser: optax.GradientTransformation) -> Settled:
    """Simultaneous steps of `optimiser` down the free energy.

    From activities, the optimiser begins anew. From the `Settled` of an earlier call, settling goes on: two calls equal
    one call with the steps of both. The use of memory does not depend on the number of steps.

    Raises:
      UsageError: shapes that do not fit; values that are not finite, where they are known.
    """
    z, memory = begin(problem, start)
    first = first_prediction(problem)

    def gradient(z: Activities) -> Activities:
        return activity_gradient(problem, z, errors(problem, z, first))

    if z:
        memory = memory or Memory(optimiser.init(z), gradient_scale(problem, z))
        z, taken_B, memory = follow(gradient, z, optimiser, budget, memory)
        return ended(problem, z, taken_B, memory, errors(problem, z, first))
    return unsettled(problem)


def unsettled(problem: Problem) -> Settled:
    """The result for a network without free activities."""
    zero_B = jnp.zeros(problem.top.shape[0])
    return Settled((), errors(problem, ()), zero_B, zero_B)


def ended(problem: Problem, z: Activities, taken_B: Array, memory: Memory, e: Errors) -> Settled:
    """The result at activities `z` with errors `e`."""
    residual_B = norm(activity_gradient(problem, z, e), problem.top.shape[0])
    return Settled(z, e, relative(residual_B, memory.scale), taken_B, memory)


def gradient_scale(problem: Problem, z: Activities) -> Float[Array, " B"]:
    """Norm of the gradient to which residuals are relative: at the feed-forward pass, or at `z` if the bottom is free.

    At the feed-forward pass only the output has an error.
    """
    size = problem.top.shape[0]
    if not z:
        return jnp.zeros(size)
    if problem.bottom is None:
        return norm(activity_gradient(problem, z, errors(problem, z)), size)
    last, below = problem.network[-1], feedforward(problem)[-1]
    precision = None if problem.precision is None else problem.precision[-1:]
    (delta,) = errors(dataclasses.replace(problem, network=(last,), bottom=below, precision=precision), ()).delta
    return norm((last.carry_down(below, delta),), size)


def relative(norm_B: Array, scale_B: Array) -> Array:
    """`norm_B / scale_B`; where `scale_B` is zero, it is zero if `norm_B` is zero, too, else infinite."""
    without_scale_B = jnp.where(norm_B > 0, jnp.inf, 0.0)
    return jnp.where(scale_B > 0, norm_B / jnp.where(scale_B > 0, scale_B, 1.0), without_scale_B)
