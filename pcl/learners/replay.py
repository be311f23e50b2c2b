"""Experience replay: a reservoir of the past is mixed into every batch that a network rule learns from.

A memory strategy around any learner whose updates take a masked batch; every sample of the stream is in
the memory with equal probability. Samples are stored as they arrived; `replay_augment` draws a new view at each recall,
in addition to the view under which they arrived. Sources: reservoir sampling, Vitter (1985), doi:10.1145/3147.3165,
algorithm R; its use in continual learning, Chaudhry et al. (2019), arXiv:1902.10486.
"""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray, UInt32

from pcl import augment
from pcl.errors import UsageError
from pcl.fields import nested, static
from pcl.learners.balance import KEEPS, Classes, balanced_slots, no_classes
from pcl.learners.inputs import no_targets, teaching_rows
from pcl.types import Batch, Info, Learner, LearnerEntry, Prediction, Spec

Size = int | Int[Array, ""]  # of the memory: traced where runs of several sizes share a program


@struct.dataclass
class ReplayHParams:
    """Hyper-parameters of the memory, and of the rule that learns from it."""

    rule: Any = nested(None)
    memory: int = static(500, "labelled samples that the memory holds", low=1)
    replayed: int = static(10, "samples replayed from the memory at each step", low=1)
    keeps: str = static(
        "reservoir",
        "sampling of the memory: reservoir (all samples alike) or balanced (all classes alike)",
        choices=KEEPS,
    )
    updates: int = static(1, "weight updates per batch, each with its own samples from the memory", low=1)

    replay_augment: str = static(
        "none", "random augmentation of replayed images, as `augment` for arriving ones", choices=augment.KINDS
    )

    LATER: ClassVar[tuple[str, ...]] = ("keeps", "updates", "replay_augment")


class ReplayState(NamedTuple):
    """The rule's state and a reservoir of M samples; `seen` counts the samples that were offered to it."""

    rule: Any
    x: Float[Array, "M ..."]
    y: Int[Array, " M"] | Float[Array, "M C"]
    seen: Int[Array, ""]
    key: PRNGKeyArray
    classes: Classes | None = None


def check(spec: Spec, hp: ReplayHParams) -> None:
    """Refuses class balancing of real targets, augmentation of no images, and annealing with several updates per batch.

    Raises:
      UsageError: otherwise; the message says what would be right.
    """
    if spec.num_targets and hp.keeps == "balanced":
        raise UsageError("keeps=balanced: real targets have no classes that could be balanced; set keeps=reservoir")
    if hp.updates > 1 and getattr(hp.rule, "anneal_steps", False):
        raise UsageError(f"updates={hp.updates}: anneal_steps counts batches of one update; set anneal_steps=0")
    augment.check(hp.replay_augment, spec.input_shape, "this stream", "replay_augment")


def draws(key: PRNGKeyArray, update: int, words: int) -> UInt32[Array, " words"]:
    """Random words for one of the updates of a batch."""
    return jax.random.bits(jax.random.fold_in(key, update) if update else key, (words,))


def viewed(x: Float[Array, "R ..."], key: PRNGKeyArray, update: int, kind: str) -> Float[Array, "R ..."]:
    """Images recalled for one of the updates of a batch, each under a view of its own."""
    if kind == "none":
        return x
    apart = jax.random.fold_in(jax.random.fold_in(key, 0), update)  # `draws` never folds in a 0
    return augment.viewed(x, augment.views(apart, kind, x.shape[:1]))


def entry(rule: LearnerEntry, summary: str, label: str) -> LearnerEntry:
    """The entry of `rule` with a reservoir; locality and kinds of prediction are those of `rule`."""
    bound = rule.step_bound
    return rule._replace(
        make=lambda spec: around(rule.make(spec), spec),
        hparams=ReplayHParams(rule=rule.hparams),
        summary=summary,
        # A sample arrives in a batch and is learned with those recalled beside it.
        flops=lambda spec, hp, steps, batch: (
            rule.flops(spec, hp.rule, steps, batch) * hp.updates * (batch + hp.replayed) / batch
        ),
        label=label,
        step_bound=bound and (lambda spec, hp: bound(spec, hp.rule)),
        rule=None,
        sizes=lambda hp: (
            *(("memory",) if hp.keeps == "reservoir" else ()),
            *(rule.sizes(hp.rule) if rule.sizes else ()),
        ),
    )


def around(rule: Learner, spec: Spec) -> Learner:
    """The learner `rule`, whose batches are filled up with samples drawn from a reservoir."""

    def init(key: PRNGKeyArray, hp: ReplayHParams) -> ReplayState:
        check(spec, hp)
        x, y = jnp.zeros((hp.memory, *spec.input_shape)), no_targets(spec, hp.memory)
        # The rule starts from the key that it has on its own: runs with and without replay are paired by seed.
        own, none, classes = rule.init(key, hp.rule), jnp.zeros((), jnp.int32), no_classes(spec.num_labels, hp.keeps)
        return ReplayState(own, x, y, none, jax.random.fold_in(key, 1), classes)

    def predict(state: ReplayState, x: Float[Array, "B ..."], hp: ReplayHParams) -> Prediction:
        return rule.predict(state.rule, x, hp.rule)

    def update(state: ReplayState, batch: Batch, hp: ReplayHParams) -> tuple[ReplayState, Info]:
        # The count of samples makes every draw new; a batch of padding draws, stores and changes nothing.
        key = jax.random.fold_in(state.key, state.seen)
        bits = draws(key, 0, hp.replayed + batch.y.shape[0])  # one draw: each costs time on CPUs
        offered = teaching_rows(batch)
        recalled = recall(state, bits[: hp.replayed], offered.any(), hp.memory)

        def joined(past: Batch, number: int) -> Batch:
            shown = past._replace(x=viewed(past.x, key, number, hp.replay_augment))
            return jax.tree.map(_behind, batch, shown)

        rule_state, info = rule.update(state.rule, joined(recalled, 0), hp.rule)
        for number in range(1, hp.updates):
            others = recall(state, draws(key, number, hp.replayed), offered.any(), hp.memory)
            rule_state, _ = rule.update(rule_state, joined(others, number), hp.rule)
        if info.prediction is not None:
            info = info._replace(prediction=jax.tree.map(lambda leaf: leaf[: batch.y.shape[0]], info.prediction))
        slot, classes = _slots(bits[hp.replayed :], offered, batch, state, hp.memory)
        slot = _once_read(recalled, slot)
        x = state.x.at[slot].set(batch.x, mode="drop")
        y = state.y.at[slot].set(batch.y, mode="drop")
        return ReplayState(rule_state, x, y, state.seen + offered.sum(), state.key, classes), info

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


def _slots(
    bits: UInt32[Array, " B"], offered: Bool[Array, " B"], batch: Batch, state: ReplayState, memory: Size
) -> tuple[Int[Array, " B"], Classes | None]:
    """The slot that each row takes, or `memory`, and what is then known of classes."""
    if state.classes is None:
        return reservoir_slots(bits, offered, state.seen, memory), None
    held = jnp.minimum(state.seen, memory)
    return balanced_slots(bits, offered, batch.y, state.y, held, state.classes)


def _once_read(recalled: Batch, slot: Int[Array, " B"]) -> Int[Array, " B"]:
    """`slot`, with a dependence on the recalled samples that changes nothing (no input is infinite).

    It tells the compiler that the memory is read before it is written. Without it XLA copies the whole memory at every
    step, which costs time in proportion to its size.
    """
    never = (recalled.x.ravel()[0] == -jnp.inf) & (recalled.y.ravel()[0] < 0)
    return jnp.where(never, 0, slot)


def _behind(first: Array, second: Array) -> Array:
    return jnp.concatenate([first, second.astype(first.dtype)])
