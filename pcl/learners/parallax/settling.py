"""How the workspace settles: damped steps with momentum down one free energy, until little is left to lose.

The belief q over contexts and classes has the free energy F(q) = sum q (log q - log p), p the product of prior and
evidence. Its natural gradient is log q - log p, so that a step is

    v <- momentum v + rate (log p - log q), of at most `leap` nats,   log q <- log q + v, normalised

Settling begins from what was expected and halts once less free energy than a tolerance is left to lose, F(q) - min F
= KL(q | p) in nats. (The change of the belief is no measure: a belief that is sure of the wrong thing hardly moves at
first.) What was expected needs one step; the number of steps grows with the surprise.
Evidence arrives without the belief in it (the cavity): it is computed from the sample alone, so that a persistent
belief cannot confirm itself.
Sources: natural gradient as mirror descent, Khan and Rue (2023), The Bayesian learning rule, JMLR 24(281).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int


class Settled(NamedTuple):
    """Log belief, normalised over all its entries, and the steps that it took."""

    log_q: Float[Array, "..."]
    steps: Int[Array, ""]


def settle(
    start: Float[Array, "..."],
    target: Float[Array, "..."],
    rate: ArrayLike,
    momentum: ArrayLike,
    leap: ArrayLike,
    tolerance: ArrayLike,
    most: int,
) -> Settled:
    """From the log belief `start` towards `target` = log p, up to a constant each; both of the same shape, finite."""
    start, target = normalised(start), normalised(target)

    def running(carry: tuple) -> Array:
        _, _, left, steps = carry
        return (steps == 0) | ((left > tolerance) & (steps < most))

    def step(carry: tuple) -> tuple:
        log_q, velocity, _, steps = carry
        velocity = jnp.clip(momentum * velocity + rate * (target - log_q), -jnp.asarray(leap), leap)
        moved = normalised(log_q + velocity)
        return moved, velocity, free_energy(moved, target), steps + 1

    begin = (start, jnp.zeros_like(start), jnp.ones(()), jnp.zeros((), jnp.int32))
    log_q, _, _, steps = jax.lax.while_loop(running, step, begin)
    return Settled(log_q, steps)


def normalised(log_q: Float[Array, "..."]) -> Float[Array, "..."]:
    """Log probabilities that sum to one."""
    return log_q - jax.nn.logsumexp(log_q)


def free_energy(log_q: Float[Array, "..."], target: Float[Array, "..."]) -> Float[Array, ""]:
    """F(q) for log p = `target`; least, minus the log evidence, where q is the posterior."""
    log_q = normalised(log_q)
    return jnp.sum(jnp.exp(log_q) * (log_q - target))
