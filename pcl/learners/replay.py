"""Experience replay: a reservoir of the past is mixed into every batch that a network rule learns from.

A memory strategy around any learner whose updates take a masked batch; every sample of the stream is in
the memory with equal probability. Sources: reservoir sampling, Vitter (1985), doi:10.1145/3147.3165,
algorithm R; its use in continual learning, Chaudhry et al. (2019), arXiv:1902.10486.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray, UInt32

from pcl.fields import nested, static
from pcl.learners.inputs import no_targets, teaching_rows
from pcl.types import Batch, Info, Learner, LearnerEntry, Prediction, Spec

Size = int | Int[Array, ""]  # of the memory: traced where runs of several sizes share a program


@struct.dataclass
class ReplayHParams:
    """Numbers of the memory, and of the rule that learns from it."""

    rule: Any = nested(None)
    memory: int = static(500, "labelled samples that the reservoir holds", low=1)
    replayed: int = static(10, "samples drawn from the reservoir at each step", low=1)


class ReplayState(NamedTuple):
    """The rule's state and a reservoir of M samples; `seen` counts the samples that were offered to it."""

    rule: Any
    x: Float[Array, "M ..."]
    y: Int[Array, " M"] | Float[Array, "M C"]
    seen: Int[Array, ""]
    key: PRNGKeyArray


def entry(rule: LearnerEntry, summary: str, label: str) -> LearnerEntry:
    """The entry of `rule` with a reservoir; locality and kinds of prediction are those of `rule`."""
    bound = rule.step_bound
    return rule._replace(
        make=lambda spec: around(rule.make(spec), spec),
        hparams=ReplayHParams(rule=rule.hparams),
        summary=summary,
        # A sample arrives in a batch and is learned with those recalled beside it.
        flops=lambda spec, hp, steps, batch: rule.flops(spec, hp.rule, steps, batch) * (batch + hp.replayed) / batch,
        label=label,
        step_bound=bound and (lambda spec, hp: bound(spec, hp.rule)),
        sizes=lambda hp: ("memory", *rule.sizes(hp.rule)),
    )


def around(rule: Learner, spec: Spec) -> Learner:
    """The learner `rule`, whose batches are filled up with samples drawn from a reservoir."""

    def init(key: PRNGKeyArray, hp: ReplayHParams) -> ReplayState:
        x, y = jnp.zeros((hp.memory, *spec.input_shape)), no_targets(spec, hp.memory)
        # The rule starts as it would on its own, so that learners with and without replay are paired.
        return ReplayState(rule.init(key, hp.rule), x, y, jnp.zeros((), jnp.int32), jax.random.fold_in(key, 1))

    def predict(state: ReplayState, x: Float[Array, "B ..."], hp: ReplayHParams) -> Prediction:
        return rule.predict(state.rule, x, hp.rule)

    def update(state: ReplayState, batch: Batch, hp: ReplayHParams) -> tuple[ReplayState, Info]:
        # The count of samples makes every draw new; a batch of padding draws, stores and changes nothing.
        key = jax.random.fold_in(state.key, state.seen)
        bits = jax.random.bits(key, (hp.replayed + batch.y.shape[0],))  # one draw: on CPUs each has its price
        offered = teaching_rows(batch)
        recalled = recall(state, bits[: hp.replayed], offered.any(), hp.memory)
        joined = jax.tree.map(_behind, batch, recalled)
        rule_state, info = rule.update(state.rule, joined, hp.rule)
        if info.prediction is not None:
            info = info._replace(prediction=jax.tree.map(lambda leaf: leaf[: batch.y.shape[0]], info.prediction))
        slot = _once_read(recalled, reservoir_slots(bits[hp.replayed :], offered, state.seen, hp.memory))
        x = state.x.at[slot].set(batch.x, mode="drop")
        y = state.y.at[slot].set(batch.y, mode="drop")
        return ReplayState(rule_state, x, y, state.seen + offered.sum(), state.key), info

    return Learner(init, predict, update)


def recall(state: ReplayState, bits: UInt32[Array, " R"], wanted: Bool[Array, ""], memory: Size) -> Batch:
    """Samples drawn uniformly and with replacement from the reservoir; none are valid if it is empty.

    `bits` are random, one word for each sample to recall, so the cost does not depend on the memory's size. Slots from
    `memory` on are no part of it.
    """
    held = jnp.minimum(state.seen, memory)
    index = (bits % jnp.maximum(held, 1).astype(bits.dtype)).astype(jnp.int32)
    valid = jnp.broadcast_to((held > 0) & wanted, index.shape)
    return Batch(state.x[index], state.y[index], jnp.ones_like(valid), valid, jnp.zeros_like(index))


def reservoir_slots(
    bits: UInt32[Array, " B"], offered: Bool[Array, " B"], seen: Int[Array, ""], memory: Size
) -> Int[Array, " B"]:
    """The slot that each offered sample takes, or `memory` (no slot) where the reservoir passes it over.

    Sample number n (from 0) takes slot n while there is room and a uniform one of 0 .. n afterwards, if it
    exists. Where two samples of a batch draw one slot, the later keeps it, as if they had come in turn.
    `bits` are random, one word for each sample; its remainder is uniform up to a bias of n / 2^32.
    """
    number = seen + jnp.cumsum(offered) - offered
    drawn = jnp.where(number < memory, number, (bits % (number + 1).astype(bits.dtype)).astype(number.dtype))
    slot = jnp.where(offered, jnp.minimum(drawn, memory), memory)
    later = jnp.triu(slot[:, None] == slot, k=1).any(1)
    return jnp.where(later, memory, slot)


def _once_read(recalled: Batch, slot: Int[Array, " B"]) -> Int[Array, " B"]:
    """`slot`, with a dependence on the recalled samples that changes nothing (no input is infinite).

    It tells the compiler that the memory is read before it is written. Without it XLA copies the whole memory at every
    step, which costs time in proportion to its size.
    """
    never = (recalled.x.ravel()[0] == -jnp.inf) & (recalled.y.ravel()[0] < 0)
    return jnp.where(never, 0, slot)


def _behind(first: Array, second: Array) -> Array:
    return jnp.concatenate([first, second.astype(first.dtype)])
