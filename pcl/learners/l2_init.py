"""L2-init: weights are drawn back to their initial values, so that useless weights regain their initial spread.

The cost has a further term, `regeneration` sum (w - w_0)^2, whose gradient the optimiser takes with the rest.
Source: Kumar, Marklund and Van Roy (2023), arXiv:2308.11958.
"""

from typing import Any

import jax
from flax import struct
from jaxtyping import PRNGKeyArray

from pcl.fields import Traced, traced
from pcl.learners import backprop, plasticity
from pcl.network.layers import Network


@struct.dataclass
class HParams(plasticity.HParams):
    """Hyper-parameters of the penalty."""

    regeneration: Traced = traced(
        1e-3, "strength of the penalty on the squared distance from the initial weights", low=0
    )


def drawn_back(initial: Network, network: Network, direction: Network, key: PRNGKeyArray, hp: Any) -> Any:
    """The direction, with minus the gradient of the distance."""
    pulled = jax.tree.map(lambda d, w, w0: d - 2 * hp.regeneration * (w - w0), direction, network, initial)
    return pulled, initial


METHOD = plasticity.Method(start=lambda network, hp: network, before=drawn_back, cost=4)

ENTRY = plasticity.entry(
    backprop.ENTRY,
    lambda spec: METHOD,
    HParams(),
    summary="penalty on the distance from the initial weights (L2-init), backpropagation",
    label="L2-init",
)
