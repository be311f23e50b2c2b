"""Importance by the diagonal of the Fisher information: elastic weight consolidation, in its online form.

    importance_k = E_x E_{y ~ p(y | x, w)} (d log p(y | x, w) / dw_k)^2,   of all tasks: kept x importance + the new one

Targets are drawn from the network's prediction, and each sample's gradient is squared by itself: with true labels, or
squares of a batch's mean gradient, the measure would be another one (the empirical Fisher information; noise). It is
averaged over the last samples of a task (see `consolidation`), as by Chaudhry et al. (2018), arXiv:1801.10112.

In predictive coding -log p is the free energy at its minimum over the activities, whose gradient by the weights is the
local update; targets are drawn from the feed-forward prediction.

Sources: Kirkpatrick et al. (2017), doi:10.1073/pnas.1611835114; one anchor and `kept` (gamma): Schwarz et al. (2018),
arXiv:1805.06370.
"""

from typing import Any

import jax
import jax.numpy as jnp

from pcl.learners.rule import Lesson, Move, NetworkRule
from pcl.learners.strategies.consolidation import Measure, State, averaged, drawn
from pcl.learners.strategies.rows import mean_of_powers
from pcl.network.layers import Network, forward


def of_batch(rule: NetworkRule, state: State, hp: Any, given: Lesson, move: Move, after: Network) -> Network:
    """The running mean with the rows of one more batch, at the weights before the step."""
    key = jax.random.fold_in(jax.random.fold_in(state.key, state.task), state.batches)
    top = drawn(key, hp.rule.output, forward(state.rule.network, given.x)[-1])
    own = Lesson(given.x, top, jnp.ones_like(given.weight))
    squares = mean_of_powers(rule, state.rule, hp.rule, own, given.weight, power=2)
    return averaged(state, squares, hp.importance_rate)


FISHER = Measure(of_batch, of_task=lambda measured, moved, hp: measured, cost=2)
