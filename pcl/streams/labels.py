"""Partly labelled streams: a row comes with its label or without, at random or because the learner asked for it."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, PRNGKeyArray

LABELLING = ("random", "request")


def labelled_rows(key: PRNGKeyArray, share: float, labelling: str, shape: tuple[int, ...]) -> Bool[Array, "steps B"]:
    """Which rows have a label, each independently with probability `share`; padding stays what `valid` says.

    On request every row could have one: the run takes it away again from those that are not asked for.
    """
    return jnp.ones(shape, bool) if labelling == "request" else jax.random.uniform(key, shape) < share


def label_budget(share: float, labelling: str) -> float | None:
    """The share of labels that may be asked for, None where they are handed out."""
    return share if labelling == "request" else None
