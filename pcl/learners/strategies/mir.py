"""MIR: replay of the past samples with which the batch would interfere most (around backpropagation).

A step on the batch alone is tried. Of the candidates drawn from the memory, those whose cost it raises most are learned
with the batch, from where the network was. Source: Aljundi et al. (2019), arXiv:1908.04742, ER-MIR with the first of
its two criteria; optimass/Maximally_Interfered_Retrieval. It differs in four points. The trial is the optimiser's own
step, there one of gradient descent. Candidates are drawn with replacement. No task is told, so that some are of the
present one, which the authors leave out. The cost is the mean over batch and replayed together, there the sum of two
means, which is a factor of the learning rate.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float

from pcl.errors import UsageError
from pcl.fields import static
from pcl.learners import backprop, mlp
from pcl.learners.replay import ReplayHParams
from pcl.learners.rule import Lesson, NetworkRule
from pcl.learners.strategies import rehearsal
from pcl.learners.strategies.rehearsal import Method, Recalled, joined, told
from pcl.network.energy import output_cost
from pcl.network.layers import Network, forward
from pcl.types import Batch, Info, Spec


@struct.dataclass
class HParams(ReplayHParams):
    """Hyper-parameters of the memory and of the choice from it."""

    candidates: int = static(
        50, "candidate samples drawn from the memory, of which the most interfered are replayed", low=1
    )


def rise(before: Network, after: Network, rows: Lesson, output: str) -> Float[Array, " R"]:
    """By how much the cost of each row is larger with the second network."""
    old, new = (output_cost(output, rows.top, forward(network, rows.x)[-1]) for network in (before, after))
    return new - old


def learn(
    rule: NetworkRule, state: Any, given: Lesson, recalled: Recalled, batch: Batch, spec: Spec, hp: Any
) -> tuple[Any, Info, dict[str, Array]]:
    """One step on the batch and on the candidates that suffer most from it."""
    if hp.candidates < hp.replayed:
        raise UsageError(f"candidates={hp.candidates}: {hp.replayed} samples are chosen from them; set replayed lower")
    move = rule.direct(state, given, hp.rule)
    tried = mlp.ascend(move.state, move.direction, hp.rule, given.teaches.any())
    suffered = rise(state.network, tried.network, recalled.lesson, hp.rule.output)
    chosen = jax.lax.top_k(suffered, hp.replayed)[1]  # all candidates are valid, or none
    past = jax.tree.map(lambda leaf: leaf[chosen], recalled.lesson)
    both = joined(given, past)
    both = both._replace(weight=both.teaches / jnp.maximum(both.teaches.sum(), 1))
    learned, info = rule.learn(state, both, hp.rule)
    return learned, told(info, batch, spec, hp.rule.output), {}


def cost(own: Any, spec: Spec, hp: Any, batch: int) -> Any:
    """The trial, two predictions for each candidate, and a step on the batch and the replayed."""
    looks = 2 * 2 * sum(mlp.synapses(spec, hp.rule)) * hp.candidates / batch
    return own + looks + rehearsal.joint_cost(own, spec, hp, batch)


ENTRY = rehearsal.entry(
    backprop.ENTRY,
    Method(learn, cost, draws=lambda hp: hp.candidates),
    HParams(),
    summary="replay of the samples with which the batch interferes most (MIR), backpropagation",
    label="MIR, backpropagation",
)
