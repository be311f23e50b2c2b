"""A run: one pure function, one `lax.scan` over the whole stream."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.evaluation.record import BINNED, Confidence, Record, by_bin, confident, log_every, scores, unsure
from pcl.fields import check_all
from pcl.learners.inputs import finite_rows
from pcl.products import rounding
from pcl.runner import devices
from pcl.runner.asking import asking
from pcl.runner.charging import CostRatio, charging
from pcl.runner.evaluation import Evaluation
from pcl.runner.probing import Due, prober, revisits
from pcl.runner.schema import COLUMNS
from pcl.runner.step import Lived, Step, learning
from pcl.runner.telling import Place, Teller, told
from pcl.types import Batch, Data, HParams, Layout, Learner, Logged, State, Stream

Run = Callable[[PRNGKeyArray, HParams, Data], Any]  # a record, or a record and a state
OWN = "seen", "taught", "hits"  # names of the run's own log
Carry = tuple[State, Any, Confidence, Array]  # the learner's state, the step's memory, confidence and probes so far
Log = tuple[dict[str, Logged], Array | None]  # of one step, or led by all; the second says where inference went wrong
Reached = tuple[Carry, Log]  # the state of an unfinished run; the log of its later steps is zero


class Course(NamedTuple):
    """The functions of a run, and their inputs.

    start, inputs: the initial carry, and the inputs of all steps, led by steps
    live:          (carry, inputs of a step) -> (carry, log of the step)
    finish:        (carry, log of all steps) -> (record, final state)
    """

    start: Carry
    inputs: Any
    live: Callable[[Carry, Any], tuple[Carry, Log]]
    finish: Callable[[Carry, Log], tuple[Record, State]]


class Segments(NamedTuple):
    """A run in pieces, each a pure function of (key, hp, data) and of the result of the piece before it.

    begin:   () -> reached
    advance: (reached, done, until) -> reached      the steps from `done` up to `until`
    finish:  (reached) -> (record, final state)     after the last step
    """

    begin: Callable[..., Any]
    advance: Callable[..., Any]
    finish: Callable[..., Any]


def make_run(
    learner: Learner,
    stream: Stream,
    evaluation: Evaluation | None = None,
    cost_ratio: CostRatio | None = None,
    final_state: bool = False,
    teller: Teller | None = None,
) -> Run:
    """`run(key, hp, data) -> Record`: one pass over the stream, with probes on a fixed schedule.

    With `final_state` it returns the record and the state that the learner ends in, as `pcl.save` takes it.

    At each step the incoming batch is predicted before it is learned from (prequential evaluation:
    Gama, Sebastiao and Rodrigues (2013), doi:10.1007/s10994-012-5320-9) and logged into at most `log_bins`
    bins. At `probe_steps` held-out samples are predicted: `probe_size` of them (0: all), and all of them at each
    `end_every`-th end of a task (0: never). After the stream a copy of the final state is run on `revisit_steps`
    further steps of each group, which measures how fast a known context is found again.

    Where labels come on request (`stream.label_budget`), the learner's own predictions decide which (`asking`). With
    `cost_ratio` the evaluation is in real time: the stream does not wait for an update (`charging`).

    The key decides the stream and the learner's initial state, independently; learners that share a key run on
    the same stream. `run` may be jitted, vmapped over `key` and the leaves of `hp`, or mapped; pass `data` as an
    argument. Its products are those of float32, whatever JAX's setting where it is called; `products` of the evaluation
    asks for others in the learner's functions (`pcl.products`).

    With a `teller` the run reports its progress, with the same record; `run` then also takes the run's place among
    those that are executed together, and returns the steps to the next report besides.

    Raises:
      UsageError: a number is out of range; groups of the stream cannot be revisited, or not for so many steps; or a
        learner logs under a reserved name or in an unknown way (when `run` is traced).
    """
    course_of = _courses(learner, stream, evaluation, cost_ratio)

    @devices.pinned()
    def run(key: PRNGKeyArray, hp: HParams, data: Data, place: Place | None = None) -> Any:
        course = course_of(key, hp, data)
        if teller is None or place is None:
            lived = course.finish(*jax.lax.scan(course.live, course.start, course.inputs))
            return lived if final_state else lived[0]
        begin = _begun(course, stream.steps)
        reached, pause = told(teller, functools.partial(_advance, course), place, hp, begin, 0, stream.steps)
        lived = course.finish(*reached)
        return (lived if final_state else lived[0]), pause

    return run


def make_segments(
    learner: Learner,
    stream: Stream,
    evaluation: Evaluation | None = None,
    cost_ratio: CostRatio | None = None,
    teller: Teller | None = None,
) -> Segments:
    """The run of `make_run` in pieces, so that intermediate results can be saved.

    How the steps are divided changes no bit. The record is that of `make_run`, but for the rounding of logged sums,
    which may differ between two compiled programs. With a `teller` they report, as runs do.

    Raises:
      UsageError: as `make_run`.
    """
    course_of = _courses(learner, stream, evaluation, cost_ratio)

    @devices.pinned()
    def begin(key: PRNGKeyArray, hp: HParams, data: Data) -> Reached:
        return _begun(course_of(key, hp, data), stream.steps)

    @devices.pinned()
    def advance(
        key: PRNGKeyArray, hp: HParams, data: Data, reached: Reached, done: Any, until: Any, place: Place | None = None
    ) -> Any:
        advanced = functools.partial(_advance, course_of(key, hp, data))
        if teller is None or place is None:
            return advanced(reached, done, until)
        return told(teller, advanced, place, hp, reached, done, until)

    @devices.pinned()
    def finish(key: PRNGKeyArray, hp: HParams, data: Data, reached: Reached) -> tuple[Record, State]:
        return course_of(key, hp, data).finish(*reached)

    return Segments(begin, advance, finish)


def _begun(course: Course, steps: int) -> Reached:
    """The carried state of a run before its first step."""
    first = jax.tree.map(lambda leaf: leaf[0], course.inputs)
    _, log = jax.eval_shape(course.live, course.start, first)
    empty = jax.tree.map(lambda leaf: jnp.zeros((steps, *leaf.shape), leaf.dtype), log)
    return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, leaf.dtype), (course.start, empty))


def _advance(course: Course, reached: Reached, done: Any, until: Any) -> Reached:
    """The carried state after `until` steps."""
    inputs = jax.tree.map(jnp.asarray, course.inputs)

    def one(i: Any, reached: Reached) -> Reached:
        now = jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, i, keepdims=False), inputs)
        carry, log = course.live(reached[0], now)
        place = functools.partial(jax.lax.dynamic_update_index_in_dim, index=i, axis=0)
        return carry, jax.tree.map(place, reached[1], log)

    return jax.lax.fori_loop(done, until, one, reached)


def _courses(
    learner: Learner, stream: Stream, evaluation: Evaluation | None, cost_ratio: CostRatio | None
) -> Callable[[PRNGKeyArray, HParams, Data], Course]:
    evaluation = evaluation or Evaluation()
    check_all(evaluation, Evaluation())
    learner = Learner._make(rounding(function, evaluation.products) for function in learner)
    if evaluation.revisit_steps and stream.revisit is None:
        raise UsageError(f"revisit_steps={evaluation.revisit_steps}: nothing comes back on this stream; set it to 0")
    return functools.partial(_course, learner, stream, evaluation, _step(learner, stream, cost_ratio))


def _course(
    learner: Learner, stream: Stream, evaluation: Evaluation, step: Step, key: PRNGKeyArray, hp: HParams, data: Data
) -> Course:
    stream_key, learner_key = jax.random.split(key)
    schedule = stream.schedule(stream_key, data)
    state = learner.init(learner_key, hp)
    about = hp, stream, evaluation, schedule, data
    probes = prober(learner, *about, state)

    def live(carry: Carry, inputs: tuple[Any, Due]) -> tuple[Carry, Log]:
        state, memory, sure, accuracy = carry
        now, due = inputs
        arrived = stream.observe(schedule.world, now, data)
        # A row that is not finite is skipped by the learner, and counts as padding.
        batch = arrived._replace(valid=arrived.valid & finite_rows(arrived))
        state, memory, lived = step.act(state, memory, arrived, hp)
        sure = confident(sure, lived.prediction, batch, schedule.layout)
        accuracy = probes.look(accuracy, due, state, now)
        return (state, memory, sure, accuracy), _log(lived, batch, schedule.layout)

    def finish(carry: Carry, log: Log) -> tuple[Record, State]:
        state, _, sure, accuracy = carry
        logged = by_bin(log[0], log_every(stream.steps, evaluation.log_bins))
        own = {name: logged.pop(name).value for name in OWN}
        diverged_at, inference_diverged = _divergence(log, state)
        record = Record(
            probe_accuracy=accuracy,
            group_count=probes.group_count,
            group_task=schedule.layout.group_task,
            visit_start=schedule.layout.visit_start,
            visit_task=schedule.layout.visit_task,
            **own,
            confidence=sure.total,
            confident_hits=sure.hits.astype(jnp.float32),
            confident=sure.answers.astype(jnp.float32),
            logged=logged,
            revisit_accuracy=revisits(learner, *about, state),
            diverged_at=diverged_at,
            inference_diverged=inference_diverged,
        )
        return record, state

    start = state, step.memory, unsure(), probes.accuracy
    return Course(start, (schedule.step, probes.due), live, finish)


def _step(learner: Learner, stream: Stream, cost_ratio: CostRatio | None) -> Step:
    step = learning(learner)
    if cost_ratio is not None:
        step = charging(step, learner, cost_ratio)
    if stream.label_budget is not None:
        step = asking(step, learner, stream.label_budget)
    return step


def _log(lived: Lived, batch: Batch, layout: Layout) -> Log:
    """The log of one step: counts of the rows that arrived and of those that taught, and the learner's own log.

    Means over rows are multiplied with the number of rows, so that they add up.
    """
    lesson, info = lived.lesson, lived.info
    own = {
        "seen": batch.valid.sum().astype(jnp.float32),
        "taught": (lesson.valid & batch.valid & lesson.labelled).sum().astype(jnp.float32),
        "hits": scores(lived.prediction, batch, layout).sum(),
    }
    for name, logged in info.log.items():
        if name in COLUMNS.names or logged.per not in BINNED:
            known = ", ".join(BINNED)
            raise UsageError(f"logged {name!r} per {logged.per!r}: give a name that records lack, and one of {known}")
    reported = {
        name: dataclasses.replace(logged, value=jnp.asarray(logged.value, jnp.float32) * own.get(logged.per, 1.0))
        for name, logged in info.log.items()
    }
    return {name: Logged(value, "count") for name, value in own.items()} | reported, info.risen


def _divergence(log: Log, state: State) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """The first step that diverged, and whether inference did: it began at a finite energy and ended above it.

    Otherwise a step diverges if its log must be finite (`Logged.finite`) and is not; the number of steps if
    only the final state is not finite; -1 if all is well.
    """
    must_be = [logged.value for logged in log[0].values() if logged.finite]
    finite = jnp.all(jnp.stack([jnp.isfinite(value).reshape(len(value), -1).all(1) for value in must_be]), axis=0)
    risen = jnp.zeros_like(finite) if log[1] is None else log[1] > 0
    floats = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    final_good = jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in floats]))
    good, risen = jnp.append(finite & ~risen, final_good), jnp.append(risen, False)
    first = jnp.argmin(good)
    return jnp.where(good.all(), -1, first).astype(jnp.int32), risen[first]
