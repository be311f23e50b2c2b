"""Comparison of two records of one run: equal to the bit, equal up to rounding, or different. Imports no JAX."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pcl.runner.store import CIRCUMSTANCES

MOST = 1e-3  # share of samples whose hits may differ by rounding
# Names, identity and provenance may change with the code.
ABOUT = {*CIRCUMSTANCES, "run_id", "config", "variant", "logged"}


class Verdict(NamedTuple):
    """Comparison of one run with the other checkout's."""

    same: bool
    text: str
    samples: int = 0  # whose hits differ, counted by bins of the log
    largest: float = 0.0  # difference of any number, relative to the largest of its column


def compared(one: Mapping[str, Any], other: Mapping[str, Any]) -> Verdict:
    """The verdict on two records of one cell, by the columns that both have."""
    pairs = {
        name: (np.asarray(one[name]), np.asarray(other[name]))
        for name in (one.keys() & other.keys()) - ABOUT
        if one[name] is not None and other[name] is not None
    }
    numbers = {name: pair for name, pair in pairs.items() if pair[0].dtype.kind in "fiub"}
    for name, (a, b) in pairs.items():
        if a.shape != b.shape or (name not in numbers and not np.array_equal(a, b)):
            return Verdict(False, f"another {name}")
    if all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in numbers.values()):
        return Verdict(True, "to the bit")
    hits, others = numbers["hits"]
    samples = int(np.abs(hits - others).sum())
    largest = max(map(_difference, numbers.values()))
    if "contexts" in numbers and not np.array_equal(*numbers["contexts"]):
        return Verdict(False, "other contexts", samples, largest)
    if samples > MOST * np.sum(one["seen"]):
        return Verdict(False, "other hits", samples, largest)
    return Verdict(True, "up to rounding", samples, largest)


def _difference(pair: tuple[np.ndarray, np.ndarray]) -> float:
    """The largest difference of finite numbers, relative to the largest of them."""
    a, b = (np.nan_to_num(np.asarray(x, float), posinf=0, neginf=0) for x in pair)
    scale = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    return float(np.abs(a - b).max(initial=0) / scale) if scale else 0.0
