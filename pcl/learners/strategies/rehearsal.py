"""Framework of strategies that replay samples from a memory with each batch: draw, learn, offer.

The memory is read before the batch is offered to it, so that what is replayed is of the past.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray, UInt32

from pcl.learners import mlp
from pcl.learners.inputs import mean_weights, no_targets, targets, teaching_rows
from pcl.learners.replay import check, draws, viewed
from pcl.learners.rule import Lesson, NetworkRule, lesson
from pcl.learners.strategies import memory, strategy
from pcl.network.energy import output_cost
from pcl.types import Batch, HParams, Info, Learner, LearnerEntry, Logged, Prediction, Spec


class Recalled(NamedTuple):
    """Samples drawn from the memory, with the values stored with them; invalid rows are zero."""

    lesson: Lesson  # the mean over the rows
    y: Array
    beside: dict[str, Array]
    valid: Bool[Array, " R"]


class State(NamedTuple):
    """The state of the method (the rule's, or one that holds it), and the memory."""

    rule: Any
    memory: memory.Memory
    key: PRNGKeyArray


class Method(NamedTuple):
    """How a strategy learns from a batch and from replayed samples.

    learn: (rule, state, lesson of the batch, recalled, batch, spec, hp) -> (state, info, values to store with its rows)
    cost: (operations of the rule, spec, hp, rows of a batch) -> operations per learned sample
    draws: samples drawn per step. beside: shapes of the values stored with a sample.
    init, network: of the method's state, where it is another than the rule's.
    """

    learn: Callable[[NetworkRule, Any, Lesson, Recalled, Batch, Spec, HParams], tuple[Any, Info, dict[str, Array]]]
    cost: Callable[[Any, Spec, HParams, int], Any]
    draws: Callable[[HParams], int] = lambda hp: hp.replayed
    beside: Callable[[Spec], dict[str, tuple[int, ...]]] = lambda spec: {}
    init: Callable[[Any], Any] = lambda state: state
    network: Callable[[Any], Any] = lambda state: state.network


def joint_cost(own: Any, spec: Spec, hp: HParams, batch: int) -> Any:
    """Operations per arriving sample, with those of the samples that are replayed with it."""
    return own * (batch + hp.replayed) / batch


def entry(
    rule: LearnerEntry, method: Method, hparams: HParams, summary: str, label: str, **others: Any
) -> LearnerEntry:
    """The entry of `rule` with a memory that `method` learns from."""
    return strategy.entry(
        rule,
        lambda rule, spec: around(rule, spec, method),
        hparams,
        summary,
        label,
        cost=lambda own, spec, hp, batch: hp.updates * method.cost(own, spec, hp, batch),
        **others,
    )


def around(rule: NetworkRule, spec: Spec, method: Method) -> Learner:
    """The learner `rule` with a memory."""

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        check(spec, hp)
        stored = {"x": jnp.zeros((hp.memory, *spec.input_shape)), "y": no_targets(spec, hp.memory)}
        stored |= {name: jnp.zeros((hp.memory, *shape)) for name, shape in method.beside(spec).items()}
        kept = memory.empty(stored, spec.num_labels, hp.keeps)
        # The rule starts from the key that it has on its own: runs with and without a memory are paired by seed.
        return State(method.init(rule.init(key, hp.rule)), kept, jax.random.fold_in(key, 1))

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return mlp.predict(spec, method.network(state.rule), x)

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        # The count of samples makes every draw new; a batch of padding draws, stores and changes nothing.
        n, offer, size = batch.y.shape[0], teaching_rows(batch), method.draws(hp)
        key, given = jax.random.fold_in(state.key, state.memory.seen), lesson(batch, spec)

        def learn(own: Any, bits: UInt32[Array, " R"], number: int) -> tuple[dict[str, Array], Any]:
            rows, valid = memory.drawn(state.memory, bits, offer.any())
            beside = {name: rows[name] for name in method.beside(spec)}
            shown = viewed(rows["x"], key, number, hp.replay_augment)
            past = Batch(shown, rows["y"], valid, valid, jnp.zeros(size, jnp.int32))
            recalled = Recalled(lesson(past, spec), rows["y"], beside, valid)
            return rows, method.learn(rule, own, given, recalled, batch, spec, hp)

        bits = draws(key, 0, size + n)
        rows, (learned, info, kept) = learn(state.rule, bits[:size], 0)
        for number in range(1, hp.updates):
            _, (learned, *_) = learn(learned, draws(key, number, size), number)
        x = batch.x.reshape(n, *spec.input_shape)
        after = memory.offered(state.memory, bits[size:], {"x": x, "y": batch.y, **kept}, offer, rows)
        return State(learned, after, state.key), info

    return Learner(init, predict, update)


def joined(first: Lesson, second: Lesson) -> Lesson:
    """The rows of two lessons, whose costs add up. Both or none of them leave outputs out, or match some."""
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, second)


def weighted(given: Lesson, weight: Any) -> Lesson:
    """`given`, whose cost is multiplied by `weight`."""
    return given._replace(weight=weight * given.weight)


def told(info: Info, batch: Batch, spec: Spec, output: str) -> Info:
    """The report of a rule on the rows that arrived, which are the first of those that it has learned from."""
    n, shown = batch.y.shape[0], info.prediction
    assert shown is not None
    of_batch = jax.tree.map(lambda leaf: leaf[:n], shown)
    a = of_batch.mean if spec.num_targets else of_batch.logits
    surprise = mean_weights(batch) @ output_cost(output, targets(batch, spec), a)
    return info._replace(prediction=of_batch, log=info.log | {"surprise": Logged(surprise, "taught")})
