"""Loops that cost nothing where there is nothing to do."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool

S = TypeVar("S")


def when(flag: Bool[Array, ""], change: Callable[..., S], state: S, *seen: Any) -> S:
    """`change(state, *seen)` where `flag` holds, else `state`.

    A loop of one turn or none, because of `lax.cond` alone `vmap` always runs both sides: as long as no member of
    the batch has its flag up it costs nothing. And a condition inside the loop, because of a loop alone the compiler
    does ahead of all turns what is the same in each, even where there is none.
    """

    def turn(_: Array, state: S) -> S:
        return jax.lax.cond(flag, lambda s: change(s, *seen), lambda s: s, state)

    return jax.lax.fori_loop(0, flag.astype(jnp.int32), turn, state)
