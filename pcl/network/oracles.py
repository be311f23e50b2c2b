"""NOT LOCAL: inference that needs a global reverse pass or a global clock, kept as oracles and baselines.

Tests ask them for the right answer, and experiments show them beside the local rules, which never use them.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from pcl.errors import UsageError
from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import (
    Activities,
    Errors,
    Problem,
    activity_gradient,
    check,
    energy,
    errors,
    feedforward,
    preactivations,
)
from pcl.network.inference import Settled, check_steps, norm, relative
from pcl.network.layers import Network, activity
from pcl.network.plasticity import hebbian_update


class ErrorMemory(NamedTuple):
    """What settling in errors hands from one call to the next: where they are, and the optimiser's own memory."""

    e: Activities
    optimiser: optax.OptState


def settle_errors(
    problem: Problem, optimiser: optax.GradientTransformation, steps: int, memory: ErrorMemory | None = None
) -> Settled:
    """Error-coordinate inference (ePC): z_l = f(a_l) + e_l, and the errors e_l descend the same energy.

    Its equilibria are those of `settle`, and no signal decays on its way down; but the gradient by e_l is a
    reverse pass through all layers above. The bottom must be clamped. With the `memory` of an earlier call (see
    `Settled`) it goes on from there.
    Source: Goemaere, Oliviers, Bogacz and Demeester (2025), arXiv:2505.20137.

    Raises:
      UsageError: a free bottom, negative steps, or what `energy.check` refuses.
    """
    check(problem)
    start = feedforward(problem)

    def unfold(e: Activities) -> Activities:
        z, below = [], problem.bottom
        for layer, e_l in zip(problem.network[:-1], e, strict=True):
            below = activity(layer, layer.predict(below)) + e_l
            z.append(below)
        return tuple(z)

    def total(e: Activities) -> Array:
        return energy(problem, unfold(e)).sum()

    memory = _descend(jax.grad(total), start, optimiser, steps, memory)
    z, size = unfold(memory.e), problem.top.shape[0]
    signals, first_signals = errors(problem, z), errors(problem, start)
    first_B = norm(activity_gradient(problem, start, first_signals), size)
    residual_B = relative(norm(activity_gradient(problem, z, signals), size), first_B)
    return Settled(z, signals, residual_B, jnp.full(size, float(steps if start else 0)), memory)


def zero_divergence(problem: Problem, weight_B: Float[Array, " B"]) -> Network:
    """The direction of zero-divergence inference learning (Z-IL), which is exactly that of backpropagation.

    Activities start at the feed-forward pass and take full steps (rate 1); layer l learns at step L - l only,
    when its error has arrived and nothing below it has moved. A global clock must tell each layer when.
    Sources: Song, Lukasiewicz, Xu and Bogacz (2020), NeurIPS 33; for convolutions Salvatori et al. (2021),
    arXiv:2103.03725.

    Raises:
      UsageError: a precision that is not the identity, a free bottom, or what `energy.check` refuses.
    """
    _backpropagates(problem)
    z, learned = feedforward(problem), []
    for index in reversed(range(len(problem.network))):
        e = errors(problem, z)
        learned.append(hebbian_update(problem, z, e, weight_B)[index])
        gradient = activity_gradient(problem, z, e)
        z = tuple(z_l - g for z_l, g in zip(z, gradient, strict=True))
    return tuple(reversed(learned))


def settle_fixed_predictions(
    problem: Problem, optimiser: optax.GradientTransformation, steps: int, memory: ErrorMemory | None = None
) -> Settled:
    """Inference under the fixed-prediction assumption: predictions and slopes stay those of the feed-forward pass.

    Errors then settle to what backpropagation sends down, at any stable rate, and in as many steps as there are
    hidden layers at rate 1. `errors` and `residual` are of this linear system, `z` the activities that have these
    errors; weights learn from `errors` and the feed-forward activities, which every unit has to keep meanwhile. With
    the `memory` of an earlier call (see `Settled`) it goes on from there.
    Source: Millidge, Tschantz and Buckley (2022), doi:10.1162/neco_a_01497.

    Raises:
      UsageError: a precision that is not the identity, a free bottom, or what `energy.check` refuses.
    """
    _backpropagates(problem)
    start = feedforward(problem)
    signals, a = errors(problem, start), preactivations(problem, start)

    def gained(e: Activities) -> tuple[Array, ...]:
        pairs = zip(problem.network[:-1], a[:-1], e, strict=True)
        return (*(ACTIVATIONS[layer.activation].df(a_l) * e_l for layer, a_l, e_l in pairs), signals.delta[-1])

    def gradient(e: Activities) -> Activities:
        pairs = zip(problem.network[1:], start, gained(e)[1:], strict=True)
        return tuple(e_l - layer.carry_down(z_l, d) for e_l, (layer, z_l, d) in zip(e, pairs, strict=True))

    zero, size = jax.tree.map(jnp.zeros_like, start), problem.top.shape[0]
    memory = _descend(gradient, start, optimiser, steps, memory)
    e = memory.e
    raw, residual_B = (*e, signals.raw[-1]), relative(norm(gradient(e), size), norm(gradient(zero), size))
    z = tuple(map(jnp.add, start, e))
    return Settled(z, Errors(raw, raw, gained(e)), residual_B, jnp.full(size, float(steps if start else 0)), memory)


def _descend(
    gradient: Callable[[Activities], Activities],
    like: Activities,
    optimiser: optax.GradientTransformation,
    steps: int,
    memory: ErrorMemory | None,
) -> ErrorMemory:
    """`steps` steps of the errors down `gradient`, from those of `memory` or from zero."""
    check_steps(steps)

    def step(_: Array, memory: ErrorMemory) -> ErrorMemory:
        updates, kept = optimiser.update(gradient(memory.e), memory.optimiser, memory.e)
        return ErrorMemory(optax.apply_updates(memory.e, updates), kept)

    if memory is None:
        zero = jax.tree.map(jnp.zeros_like, like)
        memory = ErrorMemory(zero, optimiser.init(zero))
    return jax.lax.fori_loop(0, steps if like else 0, step, memory)


def _backpropagates(problem: Problem) -> None:
    check(problem)
    if problem.bottom is None or any(problem.gain(i) is not None for i in range(len(problem.network))):
        raise UsageError("this rule is backpropagation's: it takes identity precision and a clamped bottom")
