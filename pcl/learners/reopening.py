"""A sensory code that develops anew after a shift of the input distribution: its critical period opens again.

A rule on a code (class Gaussians, or parallax) is taught as by `developing`. Beside it are a reservoir of past labelled
samples and a change detector on the inputs' surprise (`pcl.code.fit`), which sees neither labels nor tasks. An alarm
begins a critical period. During the period the rule goes on with its present code, and new samples are kept apart. Then

  a new code develops on as many samples as the first did, alternating between the period and the past
  the rule begins anew and is taught the reservoir and the period on the new code, in the order in which their samples
    came, so that contexts can be inferred from their order again
  the period's samples are offered to the reservoir, and surprise is measured by the new code

All that the rule has learned is then on one code. Lost are the samples that were neither in the reservoir nor in the
period. If the reservoir holds all samples none are lost, and the rule ends as if it had learned on the new code from
the start. Without an alarm it is the rule itself.

The first critical period is like the others, without a past. The reservoir does not select by surprise, because
surprising samples are not representative. Class Gaussians on 64 random directions, taught 300 of 10,000 images of MNIST
(in brackets: 1,000; mean of five draws, tested on other training images), are right on 73.7 % (79.5) if these are drawn
at random, on 74.2 (79.6) if as many of each class are, on 47.5 (67.2) if they are drawn by surprise times the rarity
of the class, on 68.7 (78.2) if these are then weighted back; all 10,000 give 82.1. Source of the reservoir: Vitter
(1985), doi:10.1145/3147.3165.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.code import code, fit
from pcl.errors import UsageError
from pcl.fields import Traced, nested, static, traced
from pcl.learners import generative
from pcl.learners.inputs import masked_vectors, no_targets, teaching_rows
from pcl.learners.replay import reservoir_slots
from pcl.loops import when
from pcl.products import exact
from pcl.types import Batch, Info, Learner, LearnerEntry, Prediction, Spec


@struct.dataclass
class HParams:
    """Hyper-parameters of the reservoir and of the change detector."""

    rule: Any = nested(None)
    memory: int = static(2000, "labelled samples that the memory holds", low=1)
    slack: Traced = traced(1.0, "rise of surprise that is tolerated, in standard deviations", low=0)
    alarm: Traced = traced(
        50.0, "accumulated excess surprise at which a new code develops, in standard deviations", low=0
    )


class Past(NamedTuple):
    """A reservoir of labelled samples; `seen` counts those that were offered."""

    samples: Batch
    number: Int[Array, " M"]  # how many were offered before each
    seen: Int[Array, ""]
    key: PRNGKeyArray


class State(NamedTuple):
    """The rule and its code; the reservoir; the samples of an open period; the change detector."""

    rule: Any
    past: Past
    period: Batch
    stored: Int[Array, ""]  # rows of `period` that hold a sample
    open: Bool[Array, ""]
    openings: Int[Array, ""]  # that have come to their end
    watch: fit.Watch


def entry(rule: LearnerEntry, living: Callable[[Spec], Learner], summary: str, label: str | None) -> LearnerEntry:
    """The entry of `rule` on a code that develops anew; `living` makes it on a code that stays as it is."""
    rests = rule.at_rest
    return rule._replace(
        make=lambda spec: around(living(spec), spec),
        hparams=HParams(rule=rule.hparams.replace(features="code")),
        summary=summary,
        # The cost of a sample between two openings.
        flops=lambda spec, hp, steps, batch: rule.flops(spec, hp.rule, steps, batch) + fit.flops(spec, hp.rule),
        label=label,
        at_rest=rests and (lambda spec, state: state._replace(rule=rests(spec, state.rule))),
    )


def around(rule: Learner, spec: Spec) -> Learner:
    """The learner `rule`, whose state has a field `code`, with codes that follow each other."""

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        if hp.rule.features != "code":
            raise UsageError(f"features={hp.rule.features}: only features=code has a critical period to open again")
        # The rule starts from the key that it has on its own: runs with and without a memory are paired by seed.
        none, number_M = jnp.zeros((), jnp.int32), jnp.zeros(hp.memory, jnp.int32)
        past = Past(_no_samples(spec, hp.memory), number_M, none, jax.random.fold_in(key, 1))
        period = _no_samples(spec, hp.rule.critical)
        return State(rule.init(key, hp.rule), past, period, none, jnp.ones((), bool), none, fit.init())

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return rule.predict(state.rule, x, hp.rule)

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        """One update; raises UsageError if a critical period is shorter than a batch."""
        rows, critical = len(batch.valid), hp.rule.critical
        if rows > critical:
            raise UsageError(f"critical={critical}: must hold at least one batch, here of {rows} samples")
        now, closed = state.rule.code, state.rule.code.closed
        learned, info = rule.update(state.rule, batch._replace(labelled=batch.labelled & closed), hp.rule)
        x = masked_vectors(batch).reshape(batch.x.shape)
        watch = fit.observe(state.watch, fit.surprise(now, x, hp.rule), batch.valid & ~state.open, hp.slack)
        apart = batch._replace(valid=batch.valid & state.open)
        period, stored = code.store(state.period, state.stored, apart)
        state = State(
            rule=learned,
            past=remember(state.past, batch._replace(valid=batch.valid & ~state.open)),
            period=period,
            stored=stored,
            open=state.open | (watch.total > hp.alarm),
            openings=state.openings,
            watch=watch,
        )
        full = state.open & (stored + rows > critical)
        return when(full, lambda s: _reopened(rule, spec, s, rows, hp), state), info

    return Learner(init, exact(predict), exact(update))  # as by `developing`


def _reopened(rule: Learner, spec: Spec, state: State, rows: int, hp: HParams) -> State:
    """The state with a new code, and the rule taught all remembered samples on it."""
    held = jnp.minimum(state.past.seen, hp.memory)
    shown = _by_turns(state, held, hp)
    fresh = code.init(state.rule.code.key, spec, hp.rule)

    def look(i: Array, young: code.Code) -> code.Code:
        at = i * rows + jnp.arange(rows)
        return code.learn(young, jax.tree.map(lambda leaf: leaf[at], shown), hp.rule)

    grown = jax.lax.fori_loop(0, hp.rule.critical // rows, look, fresh)
    known = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), state.past.samples, state.period)
    came = jnp.append(state.past.number, state.past.seen + jnp.arange(hp.rule.critical))
    # By arrival, because a rule may infer contexts from the order of samples; padding last.
    order = jnp.argsort(jnp.where(known.valid, came, jnp.iinfo(came.dtype).max))

    def live(i: Array, lived: Any) -> Any:
        at = i * rows + jnp.arange(rows)
        some = jax.tree.map(lambda leaf: leaf[order[jnp.minimum(at, len(order) - 1)]], known)
        return rule.update(lived, some._replace(valid=some.valid & (at < len(order))), hp.rule)[0]

    born = rule.init(state.rule.code.key, hp.rule)._replace(code=grown)
    lived = jax.lax.fori_loop(0, -(-known.valid.sum() // rows), live, born)
    return State(
        rule=lived,
        past=remember(state.past, state.period),
        period=jax.tree.map(jnp.zeros_like, state.period),
        stored=jnp.zeros_like(state.stored),
        open=jnp.zeros_like(state.open),
        openings=state.openings + 1,
        watch=fit.begin(grown, hp.rule),
    )


def remember(past: Past, batch: Batch) -> Past:
    """The reservoir after the rows of a batch that teach were offered to it one by one."""
    offered, memory = teaching_rows(batch), len(past.samples.valid)
    bits = jax.random.bits(jax.random.fold_in(past.key, past.seen), offered.shape)
    slot = reservoir_slots(bits, offered, past.seen, memory)
    number_B = past.seen + jnp.cumsum(offered) - offered
    new = batch, number_B.astype(past.number.dtype)
    kept = past.samples, past.number
    samples, number = jax.tree.map(lambda leaf, row: leaf.at[slot].set(row, mode="drop"), kept, new)
    return past._replace(samples=samples, number=number, seen=past.seen + offered.sum())


def _no_samples(spec: Spec, n: int) -> Batch:
    no = jnp.zeros(n, bool)
    return Batch(jnp.zeros((n, *spec.input_shape)), no_targets(spec, n), no, no, jnp.zeros(n, jnp.int32))


def _by_turns(state: State, held: Int[Array, ""], hp: HParams) -> Batch:
    """As many samples as a critical period has: alternately of the period and of the past, in random order."""
    at = jnp.arange(hp.rule.critical)
    draw = jax.random.uniform(jax.random.fold_in(state.past.key, ~state.openings), (hp.memory,))
    order = jnp.argsort(jnp.where(jnp.arange(hp.memory) < held, draw, 2.0))
    old = order[(at // 2) % jnp.maximum(held, 1)]
    from_past = (at % 2 == 1) & (held > 0)

    def mixed(past: Array, period: Array) -> Array:
        chosen = from_past.reshape(-1, *[1] * (past.ndim - 1))
        return jnp.where(chosen, past[old], period[jnp.minimum(at, state.stored - 1)])

    return jax.tree.map(mixed, state.past.samples, state.period)


ENTRY = entry(
    generative.ENTRY,
    generative.gaussians,
    summary="class Gaussians on a sensory code that develops anew when inputs no longer fit it",
    label=None,
)
