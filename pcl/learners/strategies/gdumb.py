"""GDumb: a class-balanced memory, and a network trained on nothing else (backpropagation).

The paper trains when it is asked. A query cannot change the state, so that here a fresh network is trained on the
memory after every `retrain_every` batches, and answers until the next: set it so that queries come just after. The
memory is that of `memory` (balanced), which holds classes in the paper's proportions, and samples of a class with equal
probability instead of the first of them. With a memory of the whole stream it is the bound of joint training. Source:
Prabhu, Torr and Dokania (2020), ECCV, doi:10.1007/978-3-030-58536-5_31, without its augmentation (CutMix) and its
schedule of the learning rate, a cosine from 0.05 to 0.0005 with warm restarts, over up to 256 passes.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.fields import nested, static
from pcl.learners import backprop, mlp
from pcl.learners.inputs import teaching_rows
from pcl.learners.rule import NetworkRule, lesson
from pcl.learners.strategies import memory, strategy
from pcl.loops import when
from pcl.types import Batch, Info, Learner, Prediction, Spec


@struct.dataclass
class HParams:
    """Hyper-parameters of the memory and of training on it."""

    rule: Any = nested(None)
    memory: int = static(500, "labelled samples that the memory holds", low=1)
    retrain_every: int = static(100, "batches between two trainings on the memory", low=1)
    retrain_passes: int = static(30, "passes over the memory per training", low=1)
    retrain_batch: int = static(10, "batch size of the training on the memory", low=1)


class State(NamedTuple):
    """The rule's state after the last training, the memory, and the batches that came."""

    rule: Any
    memory: memory.Memory
    batches: Int[Array, ""]
    key: PRNGKeyArray


def around(rule: NetworkRule, spec: Spec) -> Learner:
    """The learner `rule`, trained anew on a memory at intervals."""

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        stored = {"x": jnp.zeros((hp.memory, *spec.input_shape)), "y": jnp.zeros(hp.memory, jnp.int32)}
        kept = memory.empty(stored, spec.num_labels, "balanced")
        return State(rule.init(key, hp.rule), kept, jnp.zeros((), jnp.int32), jax.random.fold_in(key, 1))

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return mlp.predict(spec, state.rule.network, x)

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        n, offer = batch.y.shape[0], teaching_rows(batch)
        bits = jax.random.bits(jax.random.fold_in(state.key, state.memory.seen), (n,))
        rows = {"x": batch.x.reshape(n, *spec.input_shape), "y": batch.y}
        kept = memory.offered(state.memory, bits, rows, offer)
        batches = state.batches + offer.any()
        due = offer.any() & (batches % hp.retrain_every == 0)
        key = jax.random.fold_in(state.key, batches)
        trained = when(due, lambda _: _trained(rule, kept, key, spec, hp), state.rule)
        return State(trained, kept, batches, state.key), Info()

    return Learner(init, predict, update)


def _trained(rule: NetworkRule, kept: memory.Memory, key: PRNGKeyArray, spec: Spec, hp: HParams) -> Any:
    """A fresh state of the rule, trained on the whole memory in shuffled passes."""
    start, shuffle = jax.random.split(key)
    size = -(-kept.size // hp.retrain_batch) * hp.retrain_batch

    def one_pass(state: Any, key: PRNGKeyArray) -> tuple[Any, None]:
        # Empty slots come last. The last batch is filled up with invalid rows.
        place = jnp.where(jnp.arange(size) < kept.held, jax.random.uniform(key, (size,)), 2.0)
        batches = jnp.argsort(place).reshape(-1, hp.retrain_batch)

        def one(state: Any, row: Int[Array, " b"]) -> tuple[Any, None]:
            valid = row < kept.held
            slot = jnp.minimum(row, kept.size - 1)
            given = Batch(kept.stored["x"][slot], kept.stored["y"][slot], valid, valid, jnp.zeros_like(slot))
            return rule.learn(state, lesson(given, spec), hp.rule)[0], None

        return jax.lax.scan(one, state, batches)

    return jax.lax.scan(one_pass, rule.init(start, hp.rule), jax.random.split(shuffle, hp.retrain_passes))[0]


ENTRY = strategy.entry(
    backprop.ENTRY,
    around,
    HParams(),
    summary="a fresh network trained on a class-balanced memory at intervals (GDumb), backpropagation",
    label="GDumb, backpropagation",
    cost=lambda own, spec, hp, batch: own * hp.memory * hp.retrain_passes / (hp.retrain_every * batch),
    targets=False,
)
