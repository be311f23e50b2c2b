"""Partly labelled streams: each row comes with its label, or without, whatever it shows."""

import jax
from jax import Array
from jaxtyping import Bool, PRNGKeyArray


def labelled_rows(key: PRNGKeyArray, share: float, shape: tuple[int, ...]) -> Bool[Array, "steps B"]:
    """Which rows have a label, each independently with probability `share`; padding stays what `valid` says."""
    return jax.random.uniform(key, shape) < share
