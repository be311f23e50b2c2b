"""Gradient descent on the free energy: every unit reads its own error and those of the units that it predicts.

Source: Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949.
"""

import optax

from pcl.network.energy import Problem
from pcl.network.flops import predictive_coding
from pcl.network.halting import HALTS, Budget
from pcl.network.inference import Numbers, Rule, Settled, Start, descend


def settle(problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    """Steps of `rate` down the gradient."""
    return descend(problem, start, budget, optax.sgd(numbers.gradient_rate))


RULE = Rule(settle, predictive_coding, local=True, halts=HALTS, bound=lambda numbers: 2.0, padded=True)
