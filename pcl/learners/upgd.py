"""UPGD: gradient descent that protects useful weights and perturbs the others.

The utility of a weight is what the cost would lose without it, to first order in the weight: minus its gradient times
the weight. Its running mean U, corrected for its start at zero and divided by the largest of the network, decides by
the gate 1 - sigmoid how much the weight moves along its direction, and how much noise is added:

    U <- decay U + (1 - decay) direction w
    w <- (1 - shrink) w + lr (direction + noise N(0, 1)) (1 - sigmoid(U / max U))

As in the authors' code, mohmdelsayed/upgd (global, first order, weights protected), the largest U is not corrected.
Its learning rate multiplies its weight decay of 0.01: `shrink` is the product for a rate of 0.01. `optimiser=adam`
takes the changed direction as a gradient.
Source: Elsayed and Mahmood (2024), arXiv:2404.00781; defaults but the learning rate are those of UPGD-W on
input-permuted MNIST, where it is 0.01.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Int, PRNGKeyArray

from pcl.fields import Traced, traced
from pcl.learners import backprop, plasticity
from pcl.learners.rule import Lesson
from pcl.network.layers import Network


@struct.dataclass
class HParams(plasticity.HParams):
    """Hyper-parameters of the utility, of the noise and of shrinkage."""

    utility_decay: Traced = traced(0.9999, "decay of the running utility: share kept at each step", low=0, high=1)
    direction_noise: Traced = traced(
        0.1, "standard deviation of the noise added to the update of a weight without utility", low=0
    )
    shrink: Traced = traced(1e-4, "share by which every weight shrinks at each step", low=0, high=1)


class Memory(NamedTuple):
    """The running utility of every weight, and the steps that are in it."""

    utility: Network
    steps: Int[Array, ""]


def start(network: Network, hp: Any) -> Memory:
    """No utility yet."""
    return Memory(jax.tree.map(jnp.zeros_like, network), jnp.zeros((), jnp.int32))


def gates(memory: Memory, decay: Traced) -> Network:
    """The share of a step that each weight makes."""
    largest = jnp.stack([leaf.max() for leaf in jax.tree.leaves(memory.utility)]).max()
    unit = jnp.where(largest == 0, 1.0, largest) * (1 - decay ** memory.steps.astype(jnp.float32))
    # 1 - sigmoid(v), of which XLA's tanh is the faster form.
    return jax.tree.map(lambda u: 0.5 * (1 - jnp.tanh(0.5 / unit * u)), memory.utility)


def gated(memory: Memory, network: Network, direction: Network, key: PRNGKeyArray, hp: Any) -> tuple[Network, Memory]:
    """The perturbed direction, scaled by the gate of each weight."""
    decay = hp.utility_decay
    utility = jax.tree.map(lambda u, d, w: decay * u + (1 - decay) * d * w, memory.utility, direction, network)
    memory = Memory(utility, memory.steps + 1)
    perturbation = plasticity.noise(key, network)
    through = jax.tree.map(
        lambda d, n, gate: (d + hp.direction_noise * n) * gate, direction, perturbation, gates(memory, decay)
    )
    return through, memory


def shrunk(memory: Memory, old: Any, new: Any, given: Lesson, key: PRNGKeyArray, hp: Any) -> tuple[Any, Memory]:
    """The state after a step, its weights shrunk."""
    network = jax.tree.map(lambda w, was: w - hp.shrink * was, new.network, old.network)
    return new._replace(network=network), memory


METHOD = plasticity.Method(start, gated, shrunk, cost=16)

ENTRY = plasticity.entry(
    backprop.ENTRY,
    lambda spec: METHOD,
    HParams(rule={"optimiser": "sgd", "lr": 0.03, "output": "categorical"}),
    summary="gradient descent that spares useful weights and perturbs others (UPGD), backpropagation",
    label="UPGD",
)
