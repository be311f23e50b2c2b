"""Adam on the activities: local, because each unit's moments are its own. Its steps are of size `rate` at any gain.

Source: Kingma and Ba (2015), arXiv:1412.6980.
"""

import optax

from pcl.network.energy import Problem
from pcl.network.flops import predictive_coding
from pcl.network.halting import HALTS, Budget
from pcl.network.inference import Numbers, Rule, Settled, Start, descend


def settle(problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    """Steps of Adam."""
    return descend(problem, start, budget, optax.adam(numbers.rate))


RULE = Rule(settle, predictive_coding, local=True, halts=HALTS, bound=None, rate=0.01, padded=True)
