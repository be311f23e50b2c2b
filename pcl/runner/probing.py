"""Probes: held-out samples that are queried on a schedule during a run, and after it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from pcl.evaluation.record import group_mean, scores
from pcl.runner.evaluation import Evaluation
from pcl.runner.step import learning
from pcl.types import Batch, Data, HParams, Learner, Schedule, State, Stream


def probe_steps(stream: Stream, every: int, end_every: int = 1) -> tuple[int, ...]:
    """Numbers of steps after which held-out samples are probed: 0, each `every`, `whole_probes`, and the last.

    None on a stream without held-out samples.
    """
    if stream.probe is None:
        return ()
    regular = range(0, stream.steps + 1, every)
    return tuple(sorted({*regular, *whole_probes(stream, end_every), stream.steps}))


def whole_probes(stream: Stream, end_every: int) -> tuple[int, ...]:
    """Numbers of steps after which all held-out samples are probed: each `end_every`-th end of a task, and the last.

    None where `end_every` is 0.
    """
    return (*stream.task_ends[end_every - 1 :: end_every], stream.steps) if end_every else ()


class Due(NamedTuple):
    """The probe after each step: its branch of `Prober.look`, and its number."""

    branch: Int[Array, "..."]
    number: Int[Array, "..."]


class Prober(NamedTuple):
    """Scores of held-out samples over one run.

    accuracy:    [P, G], with those of the untrained learner
    group_count: held-out samples of each group
    due:         for each step
    look:        (accuracy, due, state, step) -> accuracy, with what is due after this step
    """

    accuracy: Float[Array, "P G"]
    group_count: Int[Array, " G"]
    due: Due
    look: Callable[[Array, Due, State, Any], Array]


def prober(
    learner: Learner, hp: HParams, stream: Stream, evaluation: Evaluation, schedule: Schedule, data: Data, state: State
) -> Prober:
    """The probes of a run that begins in `state`."""
    world, steps, layout = schedule
    groups = layout.group_task.shape[0]
    if stream.probe is None:
        never = Due(*np.zeros((2, stream.steps), np.int32))
        return Prober(jnp.zeros((0, groups)), jnp.zeros(groups, jnp.int32), never, lambda accuracy, *_: accuracy)
    held_out = stream.probe
    first = jax.tree.map(lambda leaf: leaf[0], steps)
    group = held_out(world, first, data, None)[1]
    probes = probe_steps(stream, evaluation.probe_every, evaluation.end_every)
    sizes, due = _due(stream, evaluation, probes, len(group))

    def mean_scores(state: State, step: Any, size: int | None) -> Float[Array, " G"]:
        batch, group = held_out(world, step, data, size)
        return group_mean(scores(learner.predict(state, batch.x, hp), batch, layout), group, groups)

    def look(accuracy: Array, due: Due, state: State, step: Any) -> Array:
        def set_by(size: int | None) -> Callable[[], Array]:
            return lambda: accuracy.at[due.number].set(mean_scores(state, step, size))

        # `due` is not vmapped, so that probes are skipped and not masked.
        return jax.lax.switch(due.branch, (lambda: accuracy, *map(set_by, sizes)))

    untrained = mean_scores(state, first, evaluation.probe_size or None)
    accuracy = jnp.zeros((len(probes), groups)).at[0].set(untrained)
    return Prober(accuracy, jnp.bincount(group, length=groups), due, look)


def _due(
    stream: Stream, evaluation: Evaluation, probes: Sequence[int], held_out: int
) -> tuple[tuple[int | None, ...], Due]:
    """The different sizes of probes (None: all samples), one per branch, and the probe due after each step."""
    sample = evaluation.probe_size if 0 < evaluation.probe_size < held_out else None
    size: dict[int, int | None] = dict.fromkeys(probes[1:], sample)
    size |= dict.fromkeys(whole_probes(stream, evaluation.end_every), None)
    sizes = tuple(one for one in (sample, None)[sample is None :] if one in size.values())
    due = Due(*np.zeros((2, stream.steps), np.int32))
    for number, (step, one) in enumerate(sorted(size.items()), 1):
        due.branch[step - 1], due.number[step - 1] = 1 + sizes.index(one), number
    return sizes, due


def revisits(
    learner: Learner, hp: HParams, stream: Stream, evaluation: Evaluation, schedule: Schedule, data: Data, state: State
) -> Float[Array, "G R"] | None:
    """Scores of a copy of the final `state` at each of `revisit_steps` further steps of each group, if any."""
    if not evaluation.revisit_steps:
        return None
    world, steps, layout = schedule
    assert stream.revisit is not None
    again, step = stream.revisit, learning(learner)

    def episode(group: Int[Array, ""]) -> Float[Array, " R"]:
        def live(state: State, batch: Batch) -> tuple[State, Float[Array, ""]]:
            state, _, lived = step.act(state, step.memory, batch, hp)
            return state, scores(lived.prediction, batch, layout).mean()

        last = jax.tree.map(lambda leaf: leaf[-1], steps)
        return jax.lax.scan(live, state, again(world, last, data, group, evaluation.revisit_steps))[1]

    return jax.lax.map(episode, jnp.arange(layout.group_task.shape[0]))
