"""The step of the activities: as large as `inference_lr` says, but no more than a share of what is stable.

A fixed step has no lasting margin: weights grow as they are learned, and the curvature of the energy with them.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool

from pcl.fields import Traced, static, traced
from pcl.network import stability
from pcl.network.layers import Network
from pcl.network.stability import Directions


def step_limit() -> Any:
    """Whether the step is limited: a setting of every learner that settles by gradient descent."""
    return static(
        "curvature",
        "what limits steps of the activities: the energy's largest curvature, which grows as weights do, or nothing",
        choices=("curvature", "nothing"),
    )


def step_share(default: float) -> Any:
    """How large a limited step is at most."""
    return traced(default, "largest step of the activities, as a share of the largest that is stable", low=0, high=1)


def start(network: Network, input_shape: tuple[int, ...], limited: bool) -> Directions | None:
    """What a limited step keeps from update to update; None: it is not limited."""
    return stability.directions(network, input_shape) if limited and len(network) > 1 else None


def limit(
    network: Network,
    directions: Directions | None,
    teaches: Bool[Array, ""],
    hp: Any,
    output: str = "gaussian",
    momentum: ArrayLike = 0.0,
) -> tuple[Traced, Directions | None]:
    """The step on the present weights, at identity precision, and what is kept (as it was, where nothing is taught)."""
    if directions is None:
        return hp.inference_lr, None
    s, moved = stability.stretch(network, directions)
    stable = 2 * (1 + momentum) / stability.curvature(s, output)
    kept = tuple(jnp.where(teaches, new, old) for new, old in zip(moved, directions, strict=True))
    return jnp.minimum(hp.inference_lr, hp.step_share * stable), kept
