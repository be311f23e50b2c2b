"""When inference stops: after a number of steps, at a small gradient, or when activities hardly move.

The one loop of all rules. A halt decides when a sample stops, and does not change the path of its activities.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

from pcl.errors import UsageError, one_of
from pcl.network.samples import Activities, norm, where

HALTS = ("fixed", "gradient", "saturation")
INERTIA = 0.3  # of the running mean of changes: evens out the swings of momentum, and forgets large first steps

State = TypeVar("State")


@dataclasses.dataclass(frozen=True)
class Halt:
    """When a sample stops settling before the last step; it then keeps its activities.

    gradient: its relative activity gradient (see `inference.Settled`) is at most `tolerance`.
    saturation: its activities hardly move any more. With c_k = |z_k - z_{k-1}| and the running mean
    m_k = 0.3 m_{k-1} + 0.7 c_k, corrected for its start at zero, M_k = m_k / (1 - 0.3^k), it stops where M_k falls
    and M_k <= tolerance * min(max_j M_j, |z_k - z_0|). The distance from the start counts because a first step may be
    longer than the whole way, as those of Adam are. For gradient descent c_k is proportional to the gradient, so that
    both rules stop at about the same residual.

    Raises:
      UsageError: an unknown kind of halt, or a tolerance that is negative or no number.
    """

    rule: str  # gradient or saturation
    tolerance: ArrayLike

    def __post_init__(self) -> None:
        one_of("halt", self.rule, HALTS[1:])
        if not isinstance(self.tolerance, jax.core.Tracer) and not np.all(np.asarray(self.tolerance) >= 0):
            raise UsageError(f"tolerance={self.tolerance}: must be at least 0")


@dataclasses.dataclass(frozen=True)
class Budget:
    """The largest number of steps of one call, and the halt that ends them sooner (None: no halt).

    Raises:
      UsageError: steps are negative or no whole number.
    """

    steps: Any  # int, or a traced one
    halt: Halt | None = None

    def __post_init__(self) -> None:
        if isinstance(self.steps, jax.core.Tracer):
            return
        if not isinstance(self.steps, int | np.integer) or self.steps < 0:
            raise UsageError(f"steps={self.steps}: give a whole number of at least 0")


class Progress(NamedTuple):
    """State of a halt, for each sample."""

    start: Activities
    mean: Float[Array, " B"]  # running mean of the changes, without bias correction
    largest: Float[Array, " B"]  # largest bias-corrected mean so far
    taken: Float[Array, " B"]  # steps
    active: Bool[Array, " B"]


def unmoved(start: Activities, active_B: Bool[Array, " B"]) -> Progress:
    """Progress of samples that have made no step yet."""
    zero_B = jnp.zeros(active_B.shape)
    return Progress(start, zero_B, zero_B, zero_B, active_B)


def iterate(
    step: Callable[[State, Activities], State],
    gradient: Callable[[State], Activities],
    activities: Callable[[State], Activities],
    state: State,
    scale_B: Float[Array, " B"],
    budget: Budget,
    progress: Progress | None = None,
    begun: int = 0,
) -> tuple[State, Float[Array, " B"], Progress | None]:
    """Repeats `step(state, gradient(state))` until the budget is used up; `begun` steps of it are used already.

    Returns the state, the steps taken [B] and the progress. Without a `progress` all samples begin at `state`. When a
    sample stops, its rows are frozen in every array of the state whose first axis is the samples, so that a batch
    settles as its samples would alone. Steps of stopped samples are computed and discarded.
    """
    halt, size = budget.halt, scale_B.shape[0]
    if halt is None:
        state = jax.lax.fori_loop(begun, budget.steps, lambda _, s: step(s, gradient(s)), state)
        return state, jnp.full(size, jnp.maximum(budget.steps - begun, 0).astype(scale_B.dtype)), progress
    before = unmoved(activities(state), jnp.ones(size, bool)) if progress is None else progress

    def unfinished(carry: tuple[Any, State, Progress]) -> Array:
        k, _, now = carry
        return (k < budget.steps) & now.active.any()

    def masked(carry: tuple[Any, State, Progress]) -> tuple[Any, State, Progress]:
        k, state, now = carry
        g = gradient(state)
        moved = step(state, g)
        if halt.rule == "gradient":
            active_B = now.active & (norm(g, size) > halt.tolerance * scale_B)
            return k + 1, where(active_B, moved, state), now._replace(taken=now.taken + active_B, active=active_B)
        new = _measured(now, activities(moved), activities(state))
        small_B = _mean(new) <= halt.tolerance * jnp.minimum(new.largest, _distance(activities(moved), now.start, size))
        goes_on_B = ~(small_B & ((_mean(new) < _mean(now)) | (_mean(new) == 0)))
        state, new = where(now.active, (moved, new), (state, now))
        return k + 1, state, new._replace(active=now.active & goes_on_B)

    _, state, after = jax.lax.while_loop(unfinished, masked, (begun, state, before))
    return state, after.taken - before.taken, after


def _measured(before: Progress, z: Activities, left: Activities) -> Progress:
    """Progress after one more step, that led from activities `left` to `z`."""
    size = before.taken.shape[0]
    mean_B = INERTIA * before.mean + (1 - INERTIA) * _distance(z, left, size)
    new = before._replace(mean=mean_B, taken=before.taken + 1)
    return new._replace(largest=jnp.maximum(before.largest, _mean(new)))


def _mean(progress: Progress) -> Float[Array, " B"]:
    """The running mean of the changes, corrected for its start at zero."""
    return progress.mean / jnp.where(progress.taken > 0, 1 - INERTIA**progress.taken, 1.0)


def _distance(a: Activities, b: Activities, size: int) -> Float[Array, " B"]:
    return norm(tuple(jnp.subtract(x, y) for x, y in zip(a, b, strict=True)), size)
