"""A memory of past samples: which of them it keeps, and draws from it, at a constant cost a step.

reservoir   every sample of the stream is held with equal probability: Vitter (1985), doi:10.1145/3147.3165, R.
balanced    classes are held in equal numbers as far as they have come, and of each class all its samples with equal
            probability since it has been the largest: Chrysakis and Moens (2020), class-balancing reservoir sampling,
            https://proceedings.mlr.press/v119/chrysakis20a.html, algorithm 1.

Beside a sample may lie what a strategy keeps of it: the output of the network when it came, say.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int, UInt32

from pcl.learners.replay import reservoir_slots

KEEPS = ("reservoir", "balanced")


class Classes(NamedTuple):
    """Of each class: samples that were offered, and whether it has been the largest of a full memory."""

    seen: Int[Array, " C"]
    full: Bool[Array, " C"]


class Memory(NamedTuple):
    """Arrays led by M slots, the samples that were offered, and what a balanced memory knows of classes, or None."""

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
    zero, no = jnp.zeros(num_labels, jnp.int32), jnp.zeros(num_labels, bool)
    return Memory(stored, jnp.zeros((), jnp.int32), Classes(zero, no) if keeps == "balanced" else None)


def drawn(
    memory: Memory, bits: UInt32[Array, " R"], wanted: Bool[Array, ""]
) -> tuple[dict[str, Array], Bool[Array, " R"]]:
    """Samples drawn uniformly and with replacement, one a random word; none are valid if there are none."""
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
        slot, classes = _balanced_slots(bits, offer, rows["y"], memory, classes)
    if read is not None:
        never = jnp.stack([leaf.ravel()[0] <= (-1 if name == "y" else -jnp.inf) for name, leaf in read.items()]).all()
        slot = jnp.where(never, 0, slot)
    stored = {name: leaf.at[slot].set(rows[name], mode="drop") for name, leaf in memory.stored.items()}
    return Memory(stored, memory.seen + offer.sum(), classes)


def _balanced_slots(
    bits: UInt32[Array, " B"], offer: Bool[Array, " B"], y_B: Int[Array, " B"], memory: Memory, classes: Classes
) -> tuple[Int[Array, " B"], Classes]:
    """The slot of each row, or M (none), one row after the other; where two rows took one slot the later keeps it."""
    size, none = memory.size, jnp.asarray(memory.size)

    def one(carry: Any, row: Any) -> Any:
        y_M, held, seen, full = carry
        word, y, offer = row
        count = jnp.zeros_like(seen).at[y_M].add(jnp.arange(size) < held)
        seen = seen.at[y].add(offer)
        full = full | ((held == size) & (count == count.max()))
        # Of a class that has been the largest the n-th sample enters with probability count / n.
        place = (word % jnp.maximum(seen[y], 1).astype(word.dtype)).astype(jnp.int32)
        enters = ~full[y] | (place < count[y])
        of = jnp.where(full[y], y, count.argmax())  # the class that gives up a slot
        which = jnp.where(full[y], place, (word % jnp.maximum(count[of], 1).astype(word.dtype)).astype(jnp.int32))
        is_of = (y_M == of) & (jnp.arange(size) < held)
        taken = jnp.argmax(is_of & (jnp.cumsum(is_of) == which + 1))
        slot = jnp.where(offer & enters, jnp.where(held < size, held, taken), none)
        return (y_M.at[slot].set(y, mode="drop"), jnp.minimum(held + offer, size), seen, full), slot

    start = memory.stored["y"], memory.held, *classes
    (_, _, *classes_after), slot = jax.lax.scan(one, start, (bits, y_B, offer))
    later = jnp.triu(slot[:, None] == slot, k=1).any(1)
    return jnp.where(later, none, slot), Classes(*classes_after)
