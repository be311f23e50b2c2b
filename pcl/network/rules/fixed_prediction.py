"""The fixed-prediction assumption: predictions and slopes stay those of the feed-forward pass.

Errors then converge to those of backpropagation at any stable rate, and at rate 1 in as many steps as there are hidden
layers. NOT LOCAL: every unit must store its feed-forward activity. An oracle, and a baseline.
Source: Millidge, Tschantz and Buckley (2022), doi:10.1162/neco_a_01497.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import Errors, Problem, errors, feedforward, preactivations
from pcl.network.halting import Budget
from pcl.network.inference import Memory, Numbers, Rule, Settled, Start, begin, follow, relative, unsettled
from pcl.network.oracles import backpropagates
from pcl.network.samples import Activities, norm


def settle(problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    """Steps of size `rate` on the errors; `errors` and `residual` are of this linear system, and `z` has these errors.

    Weights learn from `errors` and the feed-forward activities.

    Raises:
      UsageError: also a precision that is not the identity, or a free bottom.
    """
    z, memory = begin(problem, start)
    backpropagates(problem)
    if not z:
        return unsettled(problem)
    before, size = feedforward(problem), problem.top.shape[0]
    signals, a = errors(problem, before), preactivations(problem, before)

    def gained(e: Activities) -> tuple[Array, ...]:
        pairs = zip(problem.network[:-1], a[:-1], e, strict=True)
        return (*(ACTIVATIONS[layer.activation].df(a_l) * e_l for layer, a_l, e_l in pairs), signals.delta[-1])

    def gradient(e: Activities) -> Activities:
        pairs = zip(problem.network[1:], before, gained(e)[1:], strict=True)
        return tuple(e_l - layer.carry_down(z_l, d) for e_l, (layer, z_l, d) in zip(e, pairs, strict=True))

    optimiser, e = optax.sgd(numbers.rate), tuple(map(jnp.subtract, z, before))
    if memory is None:
        memory = Memory(optimiser.init(e), norm(gradient(jax.tree.map(jnp.zeros_like, e)), size))
    e, taken_B, memory = follow(gradient, e, optimiser, budget, memory)
    raw, residual_B = (*e, signals.raw[-1]), relative(norm(gradient(e), size), memory.scale)
    return Settled(tuple(map(jnp.add, before, e)), Errors(raw, raw, gained(e)), residual_B, taken_B, memory)


def flops(uses: Sequence[int], inference_steps: Any) -> Any:
    """Predict once, change every weight once; in each step errors go down all synapses but the first layer's."""
    return 4 * sum(uses) + 2 * inference_steps * sum(uses[1:])


RULE = Rule(settle, flops, local=False, halts=("fixed",), bound=None, rate=1.0, learns="feedforward")
