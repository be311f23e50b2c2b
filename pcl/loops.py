"""A conditional that costs nothing under `vmap` while its flag is false."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool

S = TypeVar("S")


def when(flag: Bool[Array, ""], change: Callable[..., S], state: S, *seen: Any) -> S:
    """`change(state, *seen)` where `flag` holds, else `state`.

    A loop of one turn or none: `vmap` of a `lax.cond` always runs both sides, while the loop costs nothing if no flag
    in the batch is true. The condition inside the loop keeps the compiler from hoisting the work of the turn out of
    the loop, where it would run even without a turn.
    """

    def turn(_: Array, state: S) -> S:
        return jax.lax.cond(flag, lambda s: change(s, *seen), lambda s: s, state)

    return jax.lax.fori_loop(0, flag.astype(jnp.int32), turn, state)
