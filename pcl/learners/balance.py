"""Class-balancing reservoir sampling: which samples a memory keeps.

Classes are held in equal numbers, as far as they have come. Of a class that has once been the largest, all its
samples are kept with equal probability. The cost per sample grows with the memory, not with the stream. Source:
Chrysakis and Moens (2020), https://proceedings.mlr.press/v119/chrysakis20a.html, algorithm 1.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int, UInt32

KEEPS = ("reservoir", "balanced")


class Classes(NamedTuple):
    """For each class: the number of offered samples, and whether it has been the largest in a full memory."""

    seen: Int[Array, " C"]
    full: Bool[Array, " C"]


def no_classes(num_labels: int, keeps: str) -> Classes | None:
    """The state before any sample; None for a memory that does not balance classes."""
    if keeps != "balanced":
        return None
    return Classes(jnp.zeros(num_labels, jnp.int32), jnp.zeros(num_labels, bool))


def balanced_slots(
    bits: UInt32[Array, " B"],
    offered: Bool[Array, " B"],
    y_B: Int[Array, " B"],
    stored_M: Int[Array, " M"],
    held: Int[Array, ""],
    classes: Classes,
) -> tuple[Int[Array, " B"], Classes]:
    """The slot that each offered sample takes in turn, or M (none), and the state of the classes afterwards.

    stored_M: the labels in the memory, of which the first `held` belong to samples. bits: one random word per sample.
    Where two samples of a batch took one slot, the later keeps it.
    """
    size, none = len(stored_M), jnp.asarray(len(stored_M))

    def one(carry: Any, row: Any) -> Any:
        y_M, held, seen, full = carry
        word, y, offer = row
        count = jnp.zeros_like(seen).at[y_M].add(jnp.arange(size) < held)
        seen = seen.at[y].add(offer)
        full = full | (offer & (held == size) & (count == count.max()))
        # The n-th sample of a class that has been the largest is stored with probability count / n.
        place = (word % jnp.maximum(seen[y], 1).astype(word.dtype)).astype(jnp.int32)
        enters = ~full[y] | (place < count[y])
        of = jnp.where(full[y], y, count.argmax())  # class whose slot is freed
        which = jnp.where(full[y], place, (word % jnp.maximum(count[of], 1).astype(word.dtype)).astype(jnp.int32))
        is_of = (y_M == of) & (jnp.arange(size) < held)
        taken = jnp.argmax(is_of & (jnp.cumsum(is_of) == which + 1))
        slot = jnp.where(offer & enters, jnp.where(held < size, held, taken), none)
        return (y_M.at[slot].set(y, mode="drop"), jnp.minimum(held + offer, size), seen, full), slot

    start = stored_M, held, *classes
    (_, _, *classes_after), slot = jax.lax.scan(one, start, (bits, y_B, offered))
    later = jnp.triu(slot[:, None] == slot, k=1).any(1)
    return jnp.where(later, none, slot), Classes(*classes_after)
