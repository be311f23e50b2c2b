"""A memory of past samples: which of them it keeps, and draws from it, at a constant cost per step.

It is a reservoir (`replay`) or balances classes (`balance`). With a sample, a strategy may store further values: the
output of the network when the sample arrived, say.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int, UInt32

from pcl.learners.balance import Classes, balanced_slots, no_classes
from pcl.learners.replay import reservoir_slots


class Memory(NamedTuple):
    """Arrays [M, ...] of slots, the number of offered samples, and class statistics of a balanced memory, or None."""

    stored: dict[str, Array]
    seen: Int[Array, ""]
    classes: Classes | None

    @property
    def size(self) -> int:
        """Number of slots."""
        return len(self.stored["y"])

    @property
    def held(self) -> Int[Array, ""]:
        """Slots that hold a sample; they are the first."""
        return jnp.minimum(self.seen, self.size)


def empty(stored: dict[str, Array], num_labels: int, keeps: str) -> Memory:
    """A memory without samples; `stored` holds arrays of its shapes and types."""
    return Memory(stored, jnp.zeros((), jnp.int32), no_classes(num_labels, keeps))


def drawn(
    memory: Memory, bits: UInt32[Array, " R"], wanted: Bool[Array, ""]
) -> tuple[dict[str, Array], Bool[Array, " R"]]:
    """Samples drawn uniformly with replacement, one per random word; none are valid if the memory is empty."""
    held = memory.held
    index = (bits % jnp.maximum(held, 1).astype(bits.dtype)).astype(jnp.int32)
    return jax.tree.map(lambda leaf: leaf[index], memory.stored), jnp.broadcast_to((held > 0) & wanted, index.shape)


def offered(
    memory: Memory,
    bits: UInt32[Array, " B"],
    rows: dict[str, Array],
    offer: Bool[Array, " B"],
    read: dict[str, Array] | None = None,
) -> Memory:
    """The memory after rows were offered to it, with a random word each.

    read: samples read from the memory before, if any were. The slots are made to depend on them, which changes nothing
    (no number is infinite), so that the compiler reads before it writes. Otherwise XLA copies the whole memory at every
    step.
    """
    classes = memory.classes
    if classes is None:
        slot = reservoir_slots(bits, offer, memory.seen, memory.size)
    else:
        slot, classes = balanced_slots(bits, offer, rows["y"], memory.stored["y"], memory.held, classes)
    if read is not None:
        never = jnp.stack([leaf.ravel()[0] <= (-1 if name == "y" else -jnp.inf) for name, leaf in read.items()]).all()
        slot = jnp.where(never, 0, slot)
    stored = {name: leaf.at[slot].set(rows[name], mode="drop") for name, leaf in memory.stored.items()}
    return Memory(stored, memory.seen + offer.sum(), classes)
