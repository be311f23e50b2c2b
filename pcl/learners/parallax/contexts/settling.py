"""Inference of contexts and classes: damped steps with momentum down a free energy, until it is near its minimum.

The belief q over contexts and classes has the free energy F(q) = sum q (log q - log p), p the product of prior and
evidence. Its natural gradient is log q - log p, so that a step is

    v <- momentum v + rate (log p - log q), of at most `leap` nats,   log q <- log q + v, normalised

Iteration begins from the prediction. It stops when F(q) - min F = KL(q | p) is below `tolerance` nats for the
marginal of contexts, which is carried on to the next sample, and below a looser slack for classes given the context,
which are not carried on; the slack follows the mean surprise at labels lately. (The change of the belief is no
criterion: a belief that is sure of the wrong context hardly moves at first.) A sample that was expected takes one step;
the number of steps grows with the surprise. Source: natural gradient as mirror descent, Khan and Rue (2023), The
Bayesian learning rule, JMLR 24(281).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int


class Settlement(NamedTuple):
    """A settled belief over contexts and labels, normalised over both, and the steps that it took."""

    log_q: Float[Array, "S C"]
    steps: Int[Array, ""]

    @property
    def contexts(self) -> Float[Array, " S"]:
        """Posterior of each context."""
        return jnp.exp(self.log_q).sum(1)


def settle(
    start_SC: Float[Array, "S C"],
    target_SC: Float[Array, "S C"],
    rate: ArrayLike,
    momentum: ArrayLike,
    leap: ArrayLike,
    tolerance: ArrayLike,
    slack: ArrayLike,
    most: int,
) -> Settlement:
    """Inference from the log belief `start` towards `target` = log p; both are finite and known up to a constant.

    It halts with a free energy of contexts up to `tolerance` nats and of classes given contexts up to `slack` nats.
    """
    start_SC, target_SC = normalised(start_SC), normalised(target_SC)
    contexts_S = jax.nn.logsumexp(target_SC, axis=1)

    def running(carry: tuple) -> Array:
        _, _, settled, steps = carry
        return ~settled & (steps < most)

    def step(carry: tuple) -> tuple:
        log_q, velocity, _, steps = carry
        velocity = jnp.clip(momentum * velocity + rate * (target_SC - log_q), -jnp.asarray(leap), leap)
        log_q_next = normalised(log_q + velocity)
        left = free_energy(log_q_next, target_SC)
        of_contexts = free_energy(jax.nn.logsumexp(log_q_next, axis=1), contexts_S)
        settled = (of_contexts <= tolerance) & (left - of_contexts <= slack)
        return log_q_next, velocity, settled, steps + 1

    begin = (start_SC, jnp.zeros_like(start_SC), jnp.zeros((), bool), jnp.zeros((), jnp.int32))
    log_q, _, _, steps = jax.lax.while_loop(running, step, begin)
    return Settlement(log_q, steps)


def normalised(log_q: Float[Array, "..."]) -> Float[Array, "..."]:
    """Log probabilities that sum to one."""
    return log_q - jax.nn.logsumexp(log_q)


def free_energy(log_q: Float[Array, "..."], target: Float[Array, "..."]) -> Float[Array, ""]:
    """F(q) for log p = `target`; least, minus the log evidence, where q is the posterior."""
    log_q = normalised(log_q)
    return jnp.sum(jnp.exp(log_q) * (log_q - target))
