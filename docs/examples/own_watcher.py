"""Curves on standard error: the size of the weights, which no record keeps, beside what learners log."""

import sys
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax import Array

from pcl.sinks import Member, SinkEntry
from pcl.types import HParams, State


def measure(state: State, hp: HParams) -> dict[str, Array]:
    """Own metrics, computed inside the compiled program for each report."""
    floats = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return {"size": sum(jnp.abs(leaf).sum() for leaf in floats)}


class Lines:
    """The lines of one run."""

    def __init__(self, where: str, run: Member) -> None:
        self.name, self.wanted = run.name, where or "size"

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """What a report says of the run."""
        print(f"{self.name} at step {step}: {self.wanted} {values[self.wanted]:.4g}", file=sys.stderr)

    def close(self) -> None:
        """Nothing is left open."""


ENTRY = SinkEntry(Lines, "a line a report, own_watcher:METRIC", measure=measure)
