"""Nesterov's accelerated gradient: the activities' gradient is taken where their momentum leads."""

import optax

from pcl.network.energy import Problem
from pcl.network.flops import predictive_coding
from pcl.network.halting import HALTS, Budget
from pcl.network.inference import Numbers, Rule, Settled, Start, descend


def settle(problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    """Steps of `rate`, beside the share `momentum` of the last one."""
    return descend(problem, start, budget, optax.sgd(numbers.gradient_rate, numbers.momentum, nesterov=True))


RULE = Rule(settle, predictive_coding, local=True, halts=HALTS, bound=lambda numbers: 2.0)
