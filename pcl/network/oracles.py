"""NOT LOCAL: inference that needs a global reverse pass or a global clock, kept as oracles and baselines.

Tests ask them for the right answer, and experiments show them beside the local rules, which never use them.
"""

import dataclasses

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from pcl.network.energy import Activities, Problem, activity_gradient, check, energy, errors, feedforward
from pcl.network.inference import Settled, norm, relative
from pcl.network.layers import Network, activity
from pcl.network.plasticity import hebbian_update


def settle_errors(problem: Problem, optimiser: optax.GradientTransformation, steps: int) -> Settled:
    """Error-coordinate inference (ePC): z_l = f(a_l) + e_l, and the errors e_l descend the same energy.

    Its equilibria are those of `settle`, and no signal decays on its way down; but the gradient by e_l is a
    reverse pass through all layers above. The bottom must be clamped.
    Source: Goemaere, Oliviers, Bogacz and Demeester (2025), arXiv:2505.20137.
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

    def step(_: Array, carry: tuple[Activities, optax.OptState]) -> tuple[Activities, optax.OptState]:
        e, memory = carry
        updates, memory = optimiser.update(jax.grad(total)(e), memory, e)
        return optax.apply_updates(e, updates), memory

    zero = jax.tree.map(jnp.zeros_like, start)
    e, _ = jax.lax.fori_loop(0, steps if start else 0, step, (zero, optimiser.init(zero)))
    z, size = unfold(e), problem.top.shape[0]
    signals, first_signals = errors(problem, z), errors(problem, start)
    first_B = norm(activity_gradient(problem, start, first_signals), size)
    residual_B = relative(norm(activity_gradient(problem, z, signals), size), first_B)
    return Settled(z, signals, residual_B, jnp.full(size, float(steps)))


def zero_divergence(problem: Problem, weight_B: Float[Array, " B"]) -> Network:
    """The direction of zero-divergence inference learning (Z-IL), which is exactly that of backpropagation.

    Activities start at the feed-forward pass and take full steps (rate 1); layer l learns at step L - l only,
    when its error has arrived and nothing below it has moved. A global clock must tell each layer when.
    Sources: Song, Lukasiewicz, Xu and Bogacz (2020), NeurIPS 33; for convolutions Salvatori et al. (2021),
    arXiv:2103.03725. Precision must be the identity.
    """
    unweighted = dataclasses.replace(problem, precision=None)
    z, learned = feedforward(problem), []
    for index in reversed(range(len(problem.network))):
        e = errors(unweighted, z)
        learned.append(hebbian_update(unweighted, z, e, weight_B)[index])
        gradient = activity_gradient(unweighted, z, e)
        z = tuple(z_l - g for z_l, g in zip(z, gradient, strict=True))
    return tuple(reversed(learned))
