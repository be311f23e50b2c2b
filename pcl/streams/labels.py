"""Partly labelled streams: labels are given at random, or on request of the learner."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, PRNGKeyArray

LABELLING = ("random", "request")


def labelled_rows(key: PRNGKeyArray, share: float, labelling: str, shape: tuple[int, ...]) -> Bool[Array, "steps B"]:
    """Which rows have a label, each independently with probability `share`; padding is marked by `valid` elsewhere.

    With labelling on request all rows are marked; the run removes the labels that are not requested.
    """
    return jnp.ones(shape, bool) if labelling == "request" else jax.random.uniform(key, shape) < share


def label_budget(share: float, labelling: str) -> float | None:
    """The share of labels that may be requested; None if labels are given at random."""
    return share if labelling == "request" else None
