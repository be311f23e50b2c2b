"""Shrink and perturb: at every step all weights shrink by a share and noise is added.

    w <- (1 - shrink) w + step + perturb N(0, 1)

Source: Ash and Adams (2020), arXiv:1910.08475, there once before each training; at every step in Dohare et al. (2024),
doi:10.1038/s41586-024-07711-7, and in Elsayed and Mahmood (2024), arXiv:2404.00781, whose learning rate multiplies
both.
"""

from typing import Any

import jax
from flax import struct
from jaxtyping import PRNGKeyArray

from pcl.fields import Traced, traced
from pcl.learners import backprop, plasticity
from pcl.learners.rule import Lesson


@struct.dataclass
class HParams(plasticity.HParams):
    """Hyper-parameters of shrinkage and noise."""

    shrink: Traced = traced(1e-5, "share by which every weight shrinks at each step", low=0, high=1)
    perturb: Traced = traced(5e-5, "standard deviation of the noise that each step adds to every weight", low=0)


def shrunk(memory: Any, old: Any, new: Any, given: Lesson, key: PRNGKeyArray, hp: Any) -> tuple[Any, Any]:
    """The state after a step, shrunk and perturbed."""
    network = jax.tree.map(
        lambda w, was, n: w - hp.shrink * was + hp.perturb * n,
        new.network,
        old.network,
        plasticity.noise(key, new.network),
    )
    return new._replace(network=network), memory


METHOD = plasticity.Method(after=shrunk, cost=4)

ENTRY = plasticity.entry(
    backprop.ENTRY,
    lambda spec: METHOD,
    HParams(),
    summary="weights shrink and are perturbed at every step, backpropagation",
    label="shrink and perturb",
)
