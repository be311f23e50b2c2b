"""MESU: every weight is a normal variable, which its samples narrow, and which forgets so that it stays plastic.

Each weight has a mean mu and a deviation sigma, and a prior with mean mu_0, where the network began, and `deviation`.
With C the cost of a batch, summed over its rows, and gradients averaged over `draws` networks w = mu + sigma e,

    mu    <- mu    - sigma^2 dC/dmu        + sigma^2 / (N sigma_0^2) (mu_0 - mu)
    sigma <- sigma - sigma^2 / 2 dC/dsigma + sigma / (2 N sigma_0^2) (sigma_0^2 - sigma^2),    dC/dsigma = mean(e dC/dw)

The second terms forget with a memory of N = `memory_batches` batches. The deviation never grows beyond the prior's. The
optimiser and its rates are not used. Answers are those of the mean weights, while the authors average over draws; their
code also limits a step to a share of the deviation.
Source: Bonnet et al. (2025), doi:10.1038/s41467-025-64601-w, equations 9 and 10, arXiv:2504.13569; without forgetting
to first order Bayesian gradient descent, Zeno et al. (2018), arXiv:1803.10123.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.fields import Traced, nested, static, traced
from pcl.learners import backprop, mlp, plasticity
from pcl.learners.rule import NetworkRule, lesson
from pcl.network.layers import Network
from pcl.types import Batch, Info, Learner, Prediction, Spec

LEAST = 1e-6  # standard deviation, relative to the prior's


@struct.dataclass
class HParams:
    """Hyper-parameters of the rule, and of the distribution of the weights."""

    rule: Any = nested(None)
    deviation: Traced = traced(0.1, "prior standard deviation of every weight", low=1e-6)
    memory_batches: Traced = traced(1e5, "memory of the weights, in batches: time constant of forgetting", low=1)
    draws: int = static(5, "networks sampled from the weight distribution for each step", low=1)


class State(NamedTuple):
    """The rule's state, whose weights are the means; deviations; the means of the prior; and the steps taken."""

    rule: Any
    deviation: Network
    prior: Network
    steps: Int[Array, ""]
    key: PRNGKeyArray


def around(rule: NetworkRule, spec: Spec) -> Learner:
    """The rule's network as normal variables."""

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        state = rule.init(key, hp.rule)
        deviation = jax.tree.map(lambda w: jnp.full_like(w, hp.deviation), state.network)
        return State(state, deviation, state.network, jnp.zeros((), jnp.int32), jax.random.fold_in(key, 1))

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return mlp.predict(spec, state.rule.network, x)

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        given = lesson(batch, spec)
        info = rule.direct(state.rule, given, hp.rule).info
        summed, mean = given._replace(weight=given.teaches.astype(given.weight.dtype)), state.rule.network

        def drawn(key: PRNGKeyArray) -> tuple[Network, Network]:
            e = plasticity.noise(key, mean)
            at = jax.tree.map(lambda m, s, e: m + s * e, mean, state.deviation, e)
            direction = rule.direct(state.rule._replace(network=at), summed, hp.rule).direction
            return direction, jax.tree.map(jnp.multiply, direction, e)

        keys = jax.random.split(jax.random.fold_in(state.key, state.steps), hp.draws)
        uphill: tuple[Network, Network] = jax.tree.map(lambda leaf: leaf.mean(0), jax.lax.map(drawn, keys))
        to_mean, to_deviation = uphill
        moved, narrowed = stepped(mean, state, to_mean, to_deviation, hp)
        some = given.teaches.any()
        network, deviation = jax.tree.map(
            lambda new, old: jnp.where(some, new, old), (moved, narrowed), (mean, state.deviation)
        )
        after = state.rule._replace(network=network)
        return State(after, deviation, state.prior, state.steps + some, state.key), info

    return Learner(init, predict, update)


def stepped(
    mean: Network, state: State, to_mean: Network, to_deviation: Network, hp: HParams
) -> tuple[Network, Network]:
    """Means and deviations after a step along minus their gradients."""
    prior_variance, forget = hp.deviation**2, 1 / (hp.memory_batches * hp.deviation**2)
    moved = jax.tree.map(
        lambda m, s, d, m0: m + s**2 * (d + forget * (m0 - m)), mean, state.deviation, to_mean, state.prior
    )
    narrowed = jax.tree.map(
        lambda s, d: jnp.clip(
            s + 0.5 * s**2 * d + 0.5 * forget * s * (prior_variance - s**2), LEAST * hp.deviation, hp.deviation
        ),
        state.deviation,
        to_deviation,
    )
    return moved, narrowed


ENTRY = backprop.ENTRY._replace(
    make=lambda spec: around(backprop.rule(spec), spec),
    hparams=HParams(rule=backprop.HParams()),
    summary="Bayesian synapses with forgetting (MESU), backpropagation",
    flops=lambda spec, hp, steps, batch: (1 + hp.draws) * backprop.flops(spec, hp.rule, steps, batch),
    label="MESU",
    rule=None,
    sizes=None,
)
