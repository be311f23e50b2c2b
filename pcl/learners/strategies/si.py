"""Synaptic intelligence: importance is a path integral, the share of a weight in lowering the cost (backpropagation).

    omega_k = sum over steps of -dcost/dw_k x (change of w_k)
    importance_k <- max(importance_k + omega_k / (moved_k^2 + damping), 0),    moved_k: since the anchor

The sum of omega over weights is the decrease of the cost along the way, for small steps. The gradient is that of the
cost without the penalty. Importance is cut off at 0 as in the authors' code, ganguli-lab/pathint; the paper has the sum
alone. Source: Zenke, Poole and Ganguli (2017), arXiv:1703.04200, equations 3 to 5. `strength` is twice the paper's c,
which is 1 on Split-MNIST, with a damping of 0.001, and 0.1 on permuted MNIST, with 0.1.
"""

from typing import Any

import jax
from flax import struct

from pcl.fields import Traced, traced
from pcl.learners import backprop
from pcl.learners.rule import Lesson, Move, NetworkRule
from pcl.learners.strategies import consolidation
from pcl.learners.strategies.consolidation import Measure, State
from pcl.network.layers import Network


@struct.dataclass
class HParams(consolidation.HParams):
    """Hyper-parameters of the penalty."""

    damping: Traced = traced(0.1, "damping of the importance: added to the squared change of a weight", low=1e-6)


def of_batch(rule: NetworkRule, state: State, hp: Any, given: Lesson, move: Move, after: Network) -> Network:
    """The path integral with one more step."""
    return jax.tree.map(
        lambda omega, down, new, old: omega + down * (new - old),
        state.measured,
        move.direction,
        after,
        state.rule.network,
    )


def of_task(measured: Network, moved: Network, hp: Any) -> Network:
    """The importance that a task adds."""
    return jax.tree.map(lambda omega, d: omega / (d**2 + hp.damping), measured, moved)


ENTRY = consolidation.entry(
    backprop.ENTRY,
    Measure(of_batch, of_task, cost=1),
    HParams(strength=2.0),
    summary="penalty on weight changes, weighted by a path integral of the cost (SI), backpropagation",
    label="SI, backpropagation",
    told=True,
)
