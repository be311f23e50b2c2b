"""A run: one pure function, one `lax.scan` over the whole stream."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.evaluation.record import (
    Confidence,
    Record,
    bin_last,
    bin_mean,
    binned,
    confident,
    group_mean,
    log_every,
    scores,
    unsure,
)
from pcl.fields import check_all
from pcl.learners.inputs import finite_rows
from pcl.runner import devices, request
from pcl.runner.evaluation import Evaluation
from pcl.types import Batch, Data, HParams, Info, Layout, Learner, Prediction, State, Stream

Run = Callable[[PRNGKeyArray, HParams, Data], Record]
# The learner's state, probed scores, confidence so far, what was asked for, and batches it will be busy for.
Carry = tuple[State, Array, Confidence, request.Asking, Array]
CostRatio = Callable[[HParams, Any, int], Any]  # (hp, inference steps, rows of a batch) -> batches' time


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


def make_run(
    learner: Learner,
    stream: Stream,
    probe_every: int = 1,
    probe_size: int | None = None,
    log_bins: int = 250,
    revisit_steps: int = 0,
    end_every: int = 1,
    cost_ratio: CostRatio | None = None,
) -> Run:
    """`run(key, hp, data) -> Record`: lives through the stream once, probing on a fixed schedule.

    At each step the incoming batch is predicted before it is learned from (prequential evaluation:
    Gama, Sebastiao and Rodrigues (2013), doi:10.1007/s10994-012-5320-9) and logged into at most `log_bins`
    bins. At `probe_steps` held-out samples are queried: `probe_size` of them (None: all), and all of them
    at each `end_every`-th end of a task (0: never). After the stream a copy of the final state lives through
    `revisit_steps` steps of each group anew, which shows how fast a known context is found again.

    Where labels come on request (`stream.label_budget`), the learner's own predictions decide which.

    With `cost_ratio` the stream does not wait: an update that takes as long as c batches need to arrive makes the
    learner miss the next c - 1 of them (on average, where c is not whole). It still predicts them, from what it
    knows. Ghunaim et al. (2023), arXiv:2302.01047.

    The key decides the stream and the learner's initial state, independently; learners that share a key live on
    the same stream. `run` may be jitted, vmapped over `key` and the leaves of `hp`, or mapped; pass `data` as an
    argument. Its products are those of float32, whatever JAX is told where it is called.

    Raises:
      UsageError: a number is out of range; groups of the stream cannot be revisited, or not for so many steps (when
        `run` is traced).
    """
    check_all(Evaluation(probe_every, probe_size or 0, log_bins, revisit_steps, end_every), Evaluation())
    if revisit_steps and stream.revisit is None:
        raise UsageError(f"revisit_steps={revisit_steps}: nothing comes back on this stream; set revisit_steps=0")
    probes = probe_steps(stream, probe_every, end_every)
    slot = np.zeros(stream.steps, np.int32)
    slot[np.asarray(probes[1:], int) - 1] = np.arange(1, len(probes))
    whole = np.zeros(stream.steps, np.int32)
    whole[np.asarray(whole_probes(stream, end_every), int) - 1] = 1
    # What a step does about probing: nothing, a sample, everything.
    probing = (slot > 0) * (1 + whole)
    every = log_every(stream.steps, log_bins)

    @devices.pinned()
    def run(key: PRNGKeyArray, hp: HParams, data: Data) -> Record:
        stream_key, learner_key = jax.random.split(key)
        world, steps, layout = stream.schedule(stream_key, data)
        state = learner.init(learner_key, hp)
        n_groups = layout.group_task.shape[0]

        def probe(state: State, step: Any, size: int | None) -> Float[Array, " G"]:
            assert stream.probe is not None
            batch, group = stream.probe(world, step, data, size)
            return group_mean(scores(learner.predict(state, batch.x, hp), batch, layout), group, n_groups)

        def learn(state: State, batch: Batch) -> tuple[State, Prediction, Info]:
            learned, info = learner.update(state, batch, hp)
            prediction = info.prediction
            if prediction is None:
                prediction = learner.predict(state, batch.x, hp)
            return learned, prediction, info

        def live(carry: Carry, inputs: tuple) -> tuple[Carry, dict[str, Array]]:
            state, accuracy, sure, asking, busy = carry
            step, slot, probes_now = inputs
            lesson = stream.observe(world, step, data)
            # A row that is not finite is skipped by the learner, and to all that is counted it is padding.
            batch = lesson._replace(valid=lesson.valid & finite_rows(lesson))
            prediction = None
            if stream.label_budget is not None:
                prediction = learner.predict(state, batch.x, hp)
                labelled, asking = request.ask(asking, request.wanted(prediction), batch.valid, stream.label_budget)
                lesson = lesson._replace(labelled=labelled)
            if cost_ratio is not None:
                # A lesson that is missed changes nothing, the update's own prediction is then one of padding.
                prediction = learner.predict(state, batch.x, hp)
                lesson = lesson._replace(valid=lesson.valid & (busy < 1))
            learned, of_update, info = learn(state, lesson)
            prediction = of_update if prediction is None else prediction
            if cost_ratio is not None:
                settled = 0.0 if info.inference_steps is None else info.inference_steps
                time = cost_ratio(hp, settled, batch.valid.shape[0])
                busy = jnp.maximum(busy + jnp.where(busy < 1, time, 0) - 1, 0)
            sure = confident(sure, prediction, batch, layout)
            # `probes_now` does not depend on what is vmapped, so that probes are skipped and not masked.
            choices = (
                lambda: accuracy,
                lambda: accuracy.at[slot].set(probe(learned, step, probe_size)),
                lambda: accuracy.at[slot].set(probe(learned, step, None)),
            )
            if stream.probe is not None:
                accuracy = jax.lax.switch(probes_now, choices[: probing.max() + 1])
            return (learned, accuracy, sure, asking, busy), _log(lesson, batch, prediction, info, layout)

        def revisit(group: Int[Array, ""]) -> Float[Array, " R"]:
            assert stream.revisit is not None

            def again(state: State, batch: Batch) -> tuple[State, Float[Array, ""]]:
                learned, prediction, _ = learn(state, batch)
                return learned, scores(prediction, batch, layout).mean()

            last = jax.tree.map(lambda leaf: leaf[-1], steps)
            return jax.lax.scan(again, state, stream.revisit(world, last, data, group, revisit_steps))[1]

        first = jax.tree.map(lambda leaf: leaf[0], steps)
        accuracy, group_count = jnp.zeros((len(probes), n_groups)), jnp.zeros(n_groups, jnp.int32)
        if stream.probe is not None:
            accuracy = accuracy.at[0].set(probe(state, first, probe_size))
            group_count = jnp.bincount(stream.probe(world, first, data, None)[1], length=n_groups)
        start = (state, accuracy, unsure(), request.start(), jnp.zeros(()))
        (state, accuracy, sure, _, _), log = jax.lax.scan(live, start, (steps, slot, probing))
        diverged_at, inference_diverged = _divergence(log, state)
        belief, contexts = log.get("belief"), log.get("contexts")
        sums = {name: binned(value, every) for name, value in log.items() if value.ndim == 1}
        return Record(
            probe_accuracy=accuracy,
            group_count=group_count,
            group_task=layout.group_task,
            visit_start=layout.visit_start,
            visit_task=layout.visit_task,
            seen=sums["seen"],
            taught=sums["taught"],
            hits=sums["hits"],
            confidence=sure.total,
            confident_hits=sure.hits.astype(jnp.float32),
            confident=sure.answers.astype(jnp.float32),
            surprise=sums.get("surprise"),
            input_surprise=sums.get("input_surprise"),
            energy=sums.get("energy"),
            inference_steps=sums.get("inference_steps"),
            residual=sums.get("residual"),
            belief=None if belief is None else bin_mean(belief, every),
            contexts=None if contexts is None else bin_last(contexts, every),
            refused=sums.get("refused"),
            merged=sums.get("merged"),
            split=sums.get("split"),
            skipped=sums.get("skipped"),
            revisit_accuracy=jax.lax.map(revisit, jnp.arange(n_groups)) if revisit_steps else None,
            diverged_at=diverged_at,
            inference_diverged=inference_diverged,
        )

    return run


def _log(lesson: Batch, batch: Batch, prediction: Prediction, info: Info, layout: Layout) -> dict[str, Array]:
    """Sums over the samples of one step: of `batch`, which arrived, and of the rows of `lesson` that were taught.

    Whether inference diverged, and what the learner says of its contexts, is logged as it is.
    """
    taught = (lesson.valid & batch.valid & lesson.labelled).sum().astype(jnp.float32)
    hits = scores(prediction, batch, layout).sum()
    seen = batch.valid.sum().astype(jnp.float32)
    log = {"seen": seen, "taught": taught, "hits": hits}
    if info.input_surprise is not None:
        log["input_surprise"] = info.input_surprise * seen
    means = {name: getattr(info, name) for name in ("surprise", "energy", "inference_steps", "residual")}
    log |= {name: value * taught for name, value in means.items() if value is not None}
    told = ("risen", "belief", "contexts", "refused", "merged", "split", "skipped")
    as_it_is = {name: getattr(info, name) for name in told}
    return log | {name: value for name, value in as_it_is.items() if value is not None}


def _divergence(log: dict[str, Array], state: State) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """The first step that diverged, and whether inference did: it began at a finite energy and ended above it.

    Otherwise a step diverges where its log is not finite (a residual may be infinite); the number of steps if only
    the final state is not finite; -1 if all is well.
    """
    counted = [value for name, value in log.items() if name != "residual"]
    finite = jnp.all(jnp.stack([jnp.isfinite(value).reshape(len(value), -1).all(1) for value in counted]), axis=0)
    risen = log["risen"] > 0 if "risen" in log else jnp.zeros_like(finite)
    floats = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    final_good = jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in floats]))
    good, risen = jnp.append(finite & ~risen, final_good), jnp.append(risen, False)
    first = jnp.argmin(good)
    return jnp.where(good.all(), -1, first).astype(jnp.int32), risen[first]
