"""Error coordinates (ePC): z_l = f(a_l) + e_l, and the errors e_l descend the same energy.

Equilibria are those of the other rules, and no signal decays on its way down. NOT LOCAL: the gradient by e_l is a
reverse pass through all layers above. An oracle, and a baseline.
Source: Goemaere, Oliviers, Bogacz and Demeester (2025), arXiv:2505.20137.
"""

import jax
import optax
from jax import Array

from pcl.errors import UsageError
from pcl.network.energy import Problem, energy, errors
from pcl.network.flops import predictive_coding
from pcl.network.halting import Budget
from pcl.network.inference import Memory, Numbers, Rule, Settled, Start, begin, ended, follow, gradient_scale, unsettled
from pcl.network.layers import activity
from pcl.network.samples import Activities


def settle(problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    """Steps of size `rate` on the errors, from those at the start.

    Raises:
      UsageError: also a free bottom.
    """
    z, memory = begin(problem, start)
    if problem.bottom is None:
        raise UsageError("epc needs a clamped bottom; descend instead")
    if not z:
        return unsettled(problem)

    def unfold(e: Activities) -> Activities:
        z, below = [], problem.bottom
        for layer, e_l in zip(problem.network[:-1], e, strict=True):
            below = activity(layer, layer.predict(below)) + e_l
            z.append(below)
        return tuple(z)

    def total(e: Activities) -> Array:
        return energy(problem, unfold(e)).sum()

    optimiser, e = optax.sgd(numbers.gradient_rate), errors(problem, z).raw[:-1]
    memory = memory or Memory(optimiser.init(e), gradient_scale(problem, z))
    e, taken_B, memory = follow(jax.grad(total), e, optimiser, budget, memory)
    z = unfold(e)
    return ended(problem, z, taken_B, memory, errors(problem, z))


# The count leaves out products between all errors and the output.
RULE = Rule(settle, predictive_coding, local=False, halts=("fixed",), bound=None, rate=0.03)
