"""Labels on request: a learner asks for the labels that it wants most, within a budget.

A row is asked for if it is wanted more than a threshold that follows the (1 - budget) quantile of what was wanted so
far, and never beyond the budget. After the variable uncertainty strategy of Zliobaite, Bifet, Pfahringer and Holmes
(2014), doi:10.1109/TNNLS.2012.2236570, with a quantile in the place of their multiplicative threshold, so that the
scale on which a learner wants does not matter. The stream is not stopped: a label not asked for is never seen.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from pcl.errors import UsageError
from pcl.types import Prediction

RATE = 0.05  # of the threshold, in mean distances of wants from it


class Asking(NamedTuple):
    """What was asked for so far."""

    threshold: Float[Array, ""]
    spread: Float[Array, ""]  # running mean distance of wants from the threshold
    seen: Float[Array, ""]
    asked: Float[Array, ""]


def start() -> Asking:
    """Before the first row."""
    return Asking(*(jnp.zeros(()) for _ in Asking._fields))


def wanted(prediction: Prediction) -> Float[Array, " B"]:
    """How much each row's label is wanted: as the learner says, else by the smallest margin between two labels.

    Margin sampling: Scheffer, Decomain and Wrobel (2001), doi:10.1007/3-540-44816-0_31.

    Raises:
      UsageError: the learner predicts real targets and does not say.
    """
    if prediction.query is not None:
        return prediction.query
    if prediction.logits is None:
        raise UsageError("labelling=request: this learner does not say which real targets it wants; set another one")
    logits = jnp.sort(prediction.logits, axis=-1)
    return logits[:, -2] - logits[:, -1]


def ask(
    asking: Asking, want: Float[Array, " B"], valid: Bool[Array, " B"], budget: float
) -> tuple[Bool[Array, " B"], Asking]:
    """The rows to be labelled, and the count of them."""
    n = valid.sum().astype(jnp.float32)
    mean = jnp.where(valid, want, 0).sum() / jnp.maximum(n, 1)
    threshold = jnp.where(asking.seen == 0, mean, asking.threshold)
    candidate = valid & (want >= threshold)
    seen = asking.seen + n
    rank = jnp.argsort(jnp.argsort(-jnp.where(candidate, want, -jnp.inf)))
    asked = candidate & (rank < jnp.floor(budget * seen + 1e-3) - asking.asked)
    distance = jnp.where(valid, jnp.abs(want - threshold), 0).sum() / jnp.maximum(n, 1)
    spread = asking.spread + (distance - asking.spread) * jnp.minimum(1, n / jnp.maximum(seen, 1) + RATE)
    above = candidate.sum() / jnp.maximum(n, 1)
    moved = threshold + RATE * spread * (above - budget)
    return asked, Asking(jnp.where(n > 0, moved, asking.threshold), spread, seen, asking.asked + asked.sum())
