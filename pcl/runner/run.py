"""A run: one pure function, one `lax.scan` over the whole stream."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.evaluation.record import Record, binned, group_accuracy, hits, log_every
from pcl.types import Batch, Data, HParams, Info, Learner, State, Stream

Run = Callable[[PRNGKeyArray, HParams, Data], Record]


def probe_steps(stream: Stream, every: int) -> tuple[int, ...]:
    """Numbers of steps after which the held-out samples are probed: 0, each `every`, each end of a task.

    None on a stream without held-out samples.
    """
    if stream.probe is None:
        return ()
    regular = range(0, stream.steps + 1, every)
    return tuple(sorted({*regular, *stream.task_ends, stream.steps}))


def make_run(
    learner: Learner,
    stream: Stream,
    probe_every: int = 1,
    probe_size: int | None = None,
    log_bins: int = 250,
    revisit_steps: int = 0,
) -> Run:
    """`run(key, hp, data) -> Record`: lives through the stream once, probing on a fixed schedule.

    At each step the incoming batch is predicted before it is learned from (prequential evaluation:
    Gama, Sebastiao and Rodrigues (2013), doi:10.1007/s10994-012-5320-9) and logged into at most `log_bins`
    bins. At `probe_steps` held-out samples are queried: `probe_size` of them (None: all), and all of them
    at the ends of tasks. After the stream a copy of the final state lives through `revisit_steps` steps of
    each group anew, which shows how fast a known context is found again. The key decides the stream and the
    learner's initial state, independently; learners that share a key live on the same stream. `run` may be
    jitted, vmapped over `key` and the leaves of `hp`, or mapped; pass `data` as an argument.

    Raises:
      UsageError: groups of the stream cannot be revisited, or not for so many steps (when `run` is traced).
    """
    if revisit_steps and stream.revisit is None:
        raise UsageError(f"revisit_steps={revisit_steps}: nothing comes back on this stream; set revisit_steps=0")
    probes = probe_steps(stream, probe_every)
    slot = np.zeros(stream.steps, np.int32)
    slot[np.asarray(probes[1:], int) - 1] = np.arange(1, len(probes))
    whole = np.zeros(stream.steps, np.int32)
    whole[np.asarray((*stream.task_ends, stream.steps)) - 1] = 1
    # What a step does about probing: nothing, a sample, everything.
    probing = (slot > 0) * (1 + whole)
    every = log_every(stream.steps, log_bins)

    def run(key: PRNGKeyArray, hp: HParams, data: Data) -> Record:
        stream_key, learner_key = jax.random.split(key)
        world, steps, layout = stream.schedule(stream_key, data)
        state = learner.init(learner_key, hp)
        n_groups = layout.group_task.shape[0]

        def probe(state: State, step: Any, size: int | None) -> Float[Array, " G"]:
            assert stream.probe is not None
            batch, group = stream.probe(world, step, data, size)
            return group_accuracy(hits(learner.predict(state, batch.x, hp), batch, layout), group, n_groups)

        def learn(state: State, batch: Batch) -> tuple[State, Bool[Array, " B"], Info]:
            learned, info = learner.update(state, batch, hp)
            prediction = info.prediction
            if prediction is None:
                prediction = learner.predict(state, batch.x, hp)
            return learned, hits(prediction, batch, layout), info

        def live(carry: tuple[State, Array], inputs: tuple) -> tuple[tuple[State, Array], dict[str, Array]]:
            state, accuracy = carry
            step, slot, probing = inputs
            batch = stream.observe(world, step, data)
            learned, hit, info = learn(state, batch)
            # `probing` does not depend on what is vmapped, so that probes are skipped and not masked.
            choices = (
                lambda: accuracy,
                lambda: accuracy.at[slot].set(probe(learned, step, probe_size)),
                lambda: accuracy.at[slot].set(probe(learned, step, None)),
            )
            if stream.probe is not None:
                accuracy = jax.lax.switch(probing, choices)
            return (learned, accuracy), _log(batch, hit, info)

        def revisit(group: Int[Array, ""]) -> Float[Array, " R"]:
            assert stream.revisit is not None

            def again(state: State, batch: Batch) -> tuple[State, Float[Array, ""]]:
                learned, hit, _ = learn(state, batch)
                return learned, hit.mean()

            last = jax.tree.map(lambda leaf: leaf[-1], steps)
            return jax.lax.scan(again, state, stream.revisit(world, last, data, group, revisit_steps))[1]

        first = jax.tree.map(lambda leaf: leaf[0], steps)
        accuracy, group_count = jnp.zeros((len(probes), n_groups)), jnp.zeros(n_groups, jnp.int32)
        if stream.probe is not None:
            accuracy = accuracy.at[0].set(probe(state, first, probe_size))
            group_count = jnp.bincount(stream.probe(world, first, data, None)[1], length=n_groups)
        (state, accuracy), log = jax.lax.scan(live, (state, accuracy), (steps, slot, probing))
        sums = {name: binned(value, every) for name, value in log.items()}
        return Record(
            probe_accuracy=accuracy,
            group_count=group_count,
            group_task=layout.group_task,
            visit_start=layout.visit_start,
            visit_task=layout.visit_task,
            seen=sums["seen"],
            taught=sums["taught"],
            hits=sums["hits"],
            surprise=sums.get("surprise"),
            energy=sums.get("energy"),
            inference_steps=sums.get("inference_steps"),
            revisit_accuracy=jax.lax.map(revisit, jnp.arange(n_groups)) if revisit_steps else None,
            diverged_at=_diverged_at(log, state),
        )

    return run


def _log(batch: Batch, hit: Bool[Array, " B"], info: Info) -> dict[str, Float[Array, ""]]:
    """Sums over the samples of one step."""
    taught = (batch.valid & batch.labelled).sum().astype(jnp.float32)
    log = {"seen": batch.valid.sum().astype(jnp.float32), "taught": taught, "hits": hit.sum().astype(jnp.float32)}
    means = {"surprise": info.surprise, "energy": info.energy, "inference_steps": info.inference_steps}
    return log | {name: value * taught for name, value in means.items() if value is not None}


def _diverged_at(log: dict[str, Float[Array, " steps"]], state: State) -> Array:
    """The first step whose log is not finite; the number of steps if only the final state is not; else -1."""
    good = jnp.all(jnp.stack([jnp.isfinite(value) for value in log.values()]), axis=0)
    floats = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    final_good = jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in floats]))
    good = jnp.append(good, final_good)
    return jnp.where(good.all(), -1, jnp.argmin(good)).astype(jnp.int32)
