"""Trajectories of inference: activities, energies of layers and residuals after every step."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from pcl.errors import UsageError
from pcl.network.energy import Problem, check, feedforward, layer_energies
from pcl.network.halting import Budget, Halt
from pcl.network.inference import Numbers, Settled
from pcl.network.rules import RULES, with_rate
from pcl.network.samples import Activities


class Trajectory(NamedTuple):
    """The start and K - 1 steps of settling; the first axis of all arrays is these K points.

    z: the free activities, lowest first. energies: free energy of each layer (see `energy.layer_energies`). residual:
    relative norm of dF/dz (see `inference.Settled`). settled: where it ended.
    """

    z: tuple[Float[Array, "K B ..."], ...]
    energies: Float[Array, "K L B"]
    residual: Float[Array, "K B"]
    settled: Settled

    @property
    def energy(self) -> Float[Array, "K B"]:
        """Free energy of each sample."""
        return self.energies.sum(1)


def settle(
    problem: Problem,
    start: Activities | None = None,
    rule: str = "gd",
    steps: int = 20,
    numbers: Numbers = Numbers(),  # noqa: B008 - it is immutable
    halt: Halt | None = None,
) -> Settled:
    """Inference by `steps` steps of `rule` from `start` (None: the feed-forward pass).

    numbers: hyper-parameters of the rule (default: its own, see `rules.with_rate`); `Numbers(0.05)` for a step of 0.05.

    Raises:
      UsageError: an unknown rule, a free bottom without a start, and what the rule refuses.

    Examples:
      >>> from pcl import network as pc
      >>> problem = pc.Problem(pc.dense_chain(jax.random.key(0), (4, 8, 2)), jnp.ones((3, 4)), jnp.ones((3, 2)))
      >>> before, after = (pc.free_energy(problem, z).sum() for z in (pc.feedforward(problem), settle(problem).z))
      >>> bool(after < before)
      True
    """
    start = feedforward(problem) if start is None else start
    return RULES[rule].settle(problem, start, Budget(steps, halt), numbers)


def trajectory(
    problem: Problem,
    start: Activities | None = None,
    rule: str = "gd",
    steps: int = 20,
    numbers: Numbers = Numbers(),  # noqa: B008 - it is immutable
    halt: Halt | None = None,
) -> Trajectory:
    """As `settle`, with the activities after every step. Energies are computed with the weights of each step.

    Raises:
      UsageError: less than one step, no free activities, and what `settle` refuses.
    """
    z = feedforward(problem) if start is None else start
    check(problem, z)
    if steps < 1 or not z:
        raise UsageError(f"steps={steps}, {len(z)} free activities: a trajectory needs at least one of each")
    # An optimiser cannot be handed to a compiled function.
    follow = _compiled if numbers.learning is None else _follow
    kind, tolerance = (halt.rule, halt.tolerance) if halt else (None, None)
    return follow(problem, z, numbers, tolerance, rule, steps, kind)


def _follow(
    problem: Problem, z: Activities, numbers: Numbers, tolerance: Any, rule: str, steps: int, kind: str | None
) -> Trajectory:
    how, halt = RULES[rule], Halt(kind, tolerance) if kind else None
    numbers = with_rate(how, numbers, problem, z)

    def seen(settled: Settled) -> tuple[Activities, Array, Array]:
        network = settled.learned[0] if settled.learned else problem.network
        energies = layer_energies(dataclasses.replace(problem, network=network), settled.z)
        return settled.z, jnp.stack(energies), settled.residual

    def step(settled: Settled, _: None) -> tuple[Settled, tuple]:
        moved = how.settle(problem, settled, Budget(1, halt), numbers)
        return moved._replace(steps=settled.steps + moved.steps), seen(moved)

    begun, first = (how.settle(problem, z, Budget(k, halt), numbers) for k in (0, 1))
    settled, later = jax.lax.scan(step, first, None, steps - 1)
    points = seen(begun), seen(first), later
    z, energies, residual = jax.tree.map(lambda a, b, c: jnp.concatenate([a[None], b[None], c]), *points)
    return Trajectory(z, energies, residual, settled)


_compiled = jax.jit(_follow, static_argnames=("rule", "steps", "kind"))
