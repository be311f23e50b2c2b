"""Gradient descent with momentum (heavy ball): local, because each unit's last step is its own memory.

Source: Polyak (1964), doi:10.1016/0041-5553(64)90137-5.
"""

import optax

from pcl.network.energy import Problem
from pcl.network.flops import predictive_coding
from pcl.network.halting import HALTS, Budget
from pcl.network.inference import Numbers, Rule, Settled, Start, descend


def settle(problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    """Steps of `rate` down the gradient, plus `momentum` times the last step."""
    return descend(problem, start, budget, optax.sgd(numbers.gradient_rate, numbers.momentum))


RULE = Rule(
    settle, predictive_coding, local=True, halts=HALTS, bound=lambda numbers: 2 * (1 + numbers.momentum), padded=True
)
