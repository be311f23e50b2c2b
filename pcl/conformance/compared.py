"""Comparisons of pytrees of arrays, shared by all suites."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class DoesNotApply(Exception):
    """A property does not apply to a subject; the message says why."""


def numbers(tree: Any) -> list[Any]:
    """Leaves as plain arrays; keys by their bits."""
    return [
        jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
        for x in map(jnp.asarray, jax.tree.leaves(tree))
    ]


def assert_same(got: Any, want: Any) -> None:
    """Two pytrees agree bit by bit."""
    assert_close(got, want, 0.0, 0.0)


def assert_close(got: Any, want: Any, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """float32 sums in another order: a few hundred steps of a contracting rule stay well within 1e-4."""
    for one, other in zip(map(np.asarray, numbers(got)), map(np.asarray, numbers(want)), strict=True):
        assert one.shape == other.shape, f"shapes {one.shape} and {other.shape}"
        apart = ~np.isclose(one, other, rtol, atol, equal_nan=True)
        if apart.any():
            worst = np.max(np.abs(np.subtract(one, other, dtype=float)), where=apart, initial=0)
            raise AssertionError(f"{apart.sum()} of {apart.size} numbers differ, by up to {worst:.3g}")


def differ(one: Any, other: Any) -> bool:
    """Whether two pytrees of arrays of equal shapes differ in any number."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return any((np.asarray(a) != np.asarray(b)).any() for a, b in pairs)


def at(tree: Any, i: int | slice) -> Any:
    """The i-th of what leads every leaf, or a range of it."""
    return jax.tree.map(lambda leaf: leaf[i], tree)
