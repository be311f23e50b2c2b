"""ER-ACE: replay with an asymmetric cost: an arriving batch changes the outputs of its own classes only.

    cost = 1/2 [ mean over the batch of the cost among the classes in it  +  mean over replayed samples, among all ]

New classes then do not push down the outputs of old ones; they compete only on replayed samples. The paper has the sum
without the half, which is a factor of the learning rate. Where outputs are Gaussian or Bernoulli, those of other
classes have no error. Source: Caccia et al. (2022), arXiv:2104.05025, equation 4. The authors' code, pclucas14/AML,
lets an arriving batch also compete with labels above the largest so far, which supposes that labels come in order.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array

from pcl.learners.inputs import targets
from pcl.learners.rule import Lesson, NetworkRule
from pcl.learners.strategies.rehearsal import Method, Recalled, joined, joint_cost, told, weighted
from pcl.types import Batch, Info, Spec


def learn(
    rule: NetworkRule, state: Any, given: Lesson, recalled: Recalled, batch: Batch, spec: Spec, hp: Any
) -> tuple[Any, Info, dict[str, Array]]:
    """One step: on the batch among its own classes, and on replayed samples among all classes."""
    present_C = targets(batch, spec).any(0)
    near = given._replace(among=jnp.broadcast_to(present_C, given.top.shape))
    far = recalled.lesson._replace(among=jnp.ones_like(recalled.lesson.top, bool))
    state, info = rule.learn(state, joined(weighted(near, 0.5), weighted(far, 0.5)), hp.rule)
    return state, told(info, batch, spec, hp.rule.output), {}


ASYMMETRIC = Method(learn, joint_cost)
