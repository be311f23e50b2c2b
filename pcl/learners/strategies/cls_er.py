"""CLS-ER: replay towards the outputs of two running averages of the weights (around backpropagation).

    cost = mean over batch and recalled of cost(y, a) + consistency mean over recalled of |z - a|^2 / C

z is the output of the average that gives the sample's label the larger probability: a plastic one that follows fast, or
a stable one, which also answers queries. The paper updates an average at random, with probability r, by a share 1 - d;
here it moves at every step by the mean of that, its rate r (1 - d). At first it moves by 1 / (step + 1), which makes it
the mean of all weights so far, those of the beginning included. Source: Arani, Sarfraz and Zonooz (2022),
arXiv:2201.12604, algorithm 1; defaults are those of NeurAI-Lab/CLS-ER for Split-MNIST.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Int

from pcl.fields import Traced, traced
from pcl.learners import backprop, mlp
from pcl.learners.replay import ReplayHParams
from pcl.learners.rule import Lesson, Match, NetworkRule
from pcl.learners.strategies import rehearsal
from pcl.learners.strategies.rehearsal import Method, Recalled, joined, told
from pcl.network.layers import Network, forward
from pcl.network.outputs import distribution
from pcl.types import Batch, Info, Spec


@struct.dataclass
class HParams(ReplayHParams):
    """Hyper-parameters of the memory and of the weight averages."""

    consistency: Traced = traced(
        2.0, "weight of the consistency cost: distance from the outputs of the averaged network", low=0
    )
    plastic_rate: Traced = traced(0.01, "rate of the plastic (fast) average of the weights", low=0, high=1)
    stable_rate: Traced = traced(0.009, "rate of the stable (slow) average of the weights", low=0, high=1)


class Averages(NamedTuple):
    """The rule's state, the two averages, and the batches that they have seen."""

    rule: Any
    plastic: Network
    stable: Network
    batches: Int[Array, ""]


def init(state: Any) -> Averages:
    """Averages that begin at the weights."""
    return Averages(state, state.network, state.network, jnp.zeros((), jnp.int32))


def followed(average: Network, network: Network, rate: Traced, batches: Int[Array, ""]) -> Network:
    """The average after one more step; batch number 0 leaves it as it is."""
    share = jnp.where(batches > 0, jnp.maximum(rate, 1 / (batches + 1)), 0.0)
    return jax.tree.map(lambda old, new: old + share * (new - old), average, network)


def learn(
    rule: NetworkRule, state: Averages, given: Lesson, recalled: Recalled, batch: Batch, spec: Spec, hp: Any
) -> tuple[Averages, Info, dict[str, Array]]:
    """One step on batch and past, towards labels and the better average's outputs."""
    past, output = recalled.lesson, hp.rule.output
    outputs = [forward(network, past.x)[-1] for network in (state.plastic, state.stable)]
    sure = [(distribution(output).mean(a) * past.top).sum(1, keepdims=True) for a in outputs]
    target = jnp.where(sure[1] > sure[0], outputs[1], outputs[0])
    none = Match(jnp.zeros_like(given.top), jnp.zeros_like(given.weight))
    match = Match(target, 2 * hp.consistency / spec.outputs * past.weight)
    both = joined(given._replace(match=none), past._replace(match=match))
    some = both.weight > 0
    own, info = rule.learn(state.rule, both._replace(weight=some / jnp.maximum(some.sum(), 1)), hp.rule)
    any_teaches = given.teaches.any()
    batches = state.batches + any_teaches
    count = jnp.where(any_teaches, batches, 0)
    plastic, stable = (
        followed(average, own.network, rate, count)
        for average, rate in ((state.plastic, hp.plastic_rate), (state.stable, hp.stable_rate))
    )
    # `told` reports the prediction of the network; answers are those of the stable average.
    info = told(info, batch, spec, output)._replace(prediction=None)
    return Averages(own, plastic, stable, batches), info, {}


def cost(own: Any, spec: Spec, hp: Any, batch: int) -> Any:
    """A step on batch and past, and the predictions of two averages for the past."""
    return rehearsal.joint_cost(own, spec, hp, batch) + 4 * sum(mlp.synapses(spec, hp.rule)) * hp.replayed / batch


ENTRY = rehearsal.entry(
    backprop.ENTRY,
    Method(learn, cost, init=init, network=lambda state: state.stable),
    HParams(),
    summary="replay, with outputs of two weight averages as targets (CLS-ER), backpropagation",
    label="CLS-ER, backpropagation",
    targets=False,
)
