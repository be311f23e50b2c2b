"""Memory-aware synapses: a weight is important if the output is sensitive to it (around backpropagation).

    importance_k = E_x |d |a(x)|^2 / dw_k|,    a: the pre-activation of the output

No label is needed; here rows with a label are measured, as they arrive, and each by itself, where the authors' code
takes the gradient of a batch. Source: Aljundi et al. (2018), arXiv:1711.09601, equations 2 to 4 with the squared norm
of the output. The paper's penalty has no factor 1/2, so that `strength` is twice its lambda, which is 1.
"""

from typing import Any

import jax.numpy as jnp

from pcl.learners import backprop
from pcl.learners.rule import Lesson, Match, Move, NetworkRule
from pcl.learners.strategies import consolidation
from pcl.learners.strategies.consolidation import Measure, State, averaged
from pcl.learners.strategies.rows import mean_of_powers
from pcl.network.layers import Network


def of_batch(rule: NetworkRule, state: State, hp: Any, given: Lesson, move: Move, after: Network) -> Network:
    """The running mean with the rows of one more batch, at the weights before the step."""
    zero = jnp.zeros_like(given.weight)
    norm = given._replace(weight=zero, match=Match(jnp.zeros_like(given.top), zero + 2))
    sizes = mean_of_powers(rule, state.rule, hp.rule, norm, given.weight, power=1)
    return averaged(state, sizes, hp.importance_rate)


SENSITIVITY = Measure(of_batch, of_task=lambda measured, moved, hp: measured, cost=2)
ENTRY = consolidation.entry(
    backprop.ENTRY,
    SENSITIVITY,
    consolidation.AveragedHParams(strength=2.0),
    summary="penalty on weight changes, weighted by the sensitivity of the output (MAS), backpropagation",
    label="MAS, backpropagation",
    told=True,
)
