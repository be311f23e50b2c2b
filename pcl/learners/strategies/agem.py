"""A-GEM: the direction of a batch without the part that would raise the cost of replayed samples (backpropagation).

    g: direction of the batch,  r: direction of replayed samples,   g <- g - min(g.r, 0) / |r|^2 r

Source: Chaudhry et al. (2019), arXiv:1812.00420, equation 11. The paper recalls samples of earlier tasks, as many of
each class. Here the memory is a reservoir of all that came, so that no task is told.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from pcl.learners import backprop, mlp, replay
from pcl.learners.rule import Lesson, NetworkRule
from pcl.learners.strategies import rehearsal
from pcl.learners.strategies.rehearsal import Method, Recalled, joint_cost
from pcl.network.layers import Network
from pcl.types import Batch, Info, Spec


def inner(one: Network, other: Network) -> Float[Array, ""]:
    """The inner product of two directions."""
    return jnp.stack(jax.tree.leaves(jax.tree.map(jnp.vdot, one, other))).sum()


def projected(direction: Network, reference: Network) -> Network:
    """The direction nearest to `direction` that has no negative inner product with `reference`."""
    share = jnp.minimum(inner(direction, reference), 0) / jnp.maximum(inner(reference, reference), 1e-30)
    return jax.tree.map(lambda g, r: g - share * r, direction, reference)


def learn(
    rule: NetworkRule, state: Any, given: Lesson, recalled: Recalled, batch: Batch, spec: Spec, hp: Any
) -> tuple[Any, Info, dict[str, Array]]:
    """One step along the projected direction."""
    move, reference = (rule.direct(state, rows, hp.rule) for rows in (given, recalled.lesson))
    direction = projected(move.direction, reference.direction)
    return mlp.ascend(move.state, direction, hp.rule, given.teaches.any()), move.info, {}


ENTRY = rehearsal.entry(
    backprop.ENTRY,
    Method(learn, joint_cost),
    replay.ReplayHParams(),
    summary="steps that do not raise the cost of replayed samples (A-GEM), backpropagation",
    label="A-GEM, backpropagation",
)
