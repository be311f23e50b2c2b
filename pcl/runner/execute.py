"""Execution: one compilation per static group, chunks of one width (the last is padded), resumable by run id."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

from pcl import learners, outside, saved
from pcl.evaluation.record import Record, log_every
from pcl.fields import as_dict, canonical
from pcl.interrupts import Interrupts
from pcl.runner import devices, families, mesh
from pcl.runner.charging import STEPS
from pcl.runner.probing import probe_steps
from pcl.runner.program import Program, compile_group, require_room, too_large
from pcl.runner.progress import Progress
from pcl.runner.segments import Checkpoints
from pcl.runner.store import Store
from pcl.runner.sweep import RunConfig, static_groups
from pcl.runner.watch import Watch, Watching
from pcl.types import Stream

DEFAULT_WIDTH = {"map": 16, "vmap": 256}


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Runs that are executed and stored together, padded to `width`."""

    runs: tuple[RunConfig, ...]
    width: int


def plan(
    runs: Sequence[RunConfig],
    mode: str,
    max_width: int = 0,
    shard_index: int = 0,
    num_shards: int = 1,
    share: str = "never",
) -> list[list[Chunk]]:
    """The chunks of each static group of this shard, from all its runs, finished ones included.

    Groups that differ in sizes alone are one, if they are to `share` a program (`families.grouped`).

    The width is the smallest that needs the fewest chunks of at most `max_width` (0: the mode's default),
    a multiple of the runs side by side. A group of which this shard has no run is left out.
    """
    abreast = mesh.abreast()
    limit = max_width or DEFAULT_WIDTH[mode]
    chunks = []
    for group in families.grouped(owned(static_groups(runs), shard_index, num_shards), share, mode):
        n_chunks = -(-len(group) // limit)
        width = -(-len(group) // n_chunks)
        width = -(-width // abreast) * abreast
        chunks.append([Chunk(tuple(group[i : i + width]), width) for i in range(0, len(group), width)])
    return chunks


def owned(groups: Sequence[Sequence[RunConfig]], shard_index: int, num_shards: int) -> list[list[RunConfig]]:
    """The runs of each group that belong to this shard, without empty groups.

    Runs are dealt in the order of their ids, group after group, so that shards have equally many of each group (up to
    one). Order of the command, cores, mode and width do not matter, so that different shards agree without
    communication.
    """
    ids = sorted(sorted(run.run_id for run in group) for group in groups)
    owner = {run_id: place % num_shards for place, run_id in enumerate(itertools.chain(*ids))}
    shares = [[run for run in group if owner[run.run_id] == shard_index] for group in groups]
    return [share for share in shares if share]


def execute(
    groups: Sequence[Sequence[Chunk]],
    store: Store,
    mode: str,
    experiment: str,
    interrupts: Interrupts | None = None,
    states: Path | None = None,
    checkpoint_steps: int = 0,
    watching: Watching | None = None,
    compile: Callable[..., Program] = compile_group,
) -> int:
    """Execute the runs that the store does not hold yet; returns how many.

    A part is written after every chunk, so that a killed process loses at most the chunk it was in. The final state
    of each run is written to the folder `states`, where one is named, as `<run id>.npz`; a run whose record is there
    and whose state is not is executed again for its state. With `checkpoint_steps` a checkpoint of the chunk in flight
    is written every so many steps, from which the same call resumes. With `watching` the runs in flight report their
    progress, which changes no bit of a record. `compile` may keep programs from call to call.

    Raises:
      UsageError: settings of any group contradict each other or a single run does not fit (before the first is
      compiled),
        or memory runs out with a single run a device.
      Interrupted: a signal came, and the chunk in flight, or a checkpoint of it, has been written.
    """
    interrupts = interrupts or Interrupts()
    done = store.ids()
    missing = _missing(groups, complete(done, states))
    total = sum(len(runs) for todo, _ in missing for runs in todo)
    progress = Progress(total)
    told = Watch(watching._replace(watchers=(progress.heard, *watching.watchers)), progress.say) if watching else None
    with progress, told or contextlib.nullcontext():
        kept = Checkpoints(checkpoint_steps, store.folder, interrupts, progress.say) if checkpoint_steps else None
        how: dict[str, Any] = {"mode": mode, "final_state": states is not None, "checkpoints": kept, "watch": told}
        for todo, width in missing:
            config = todo[0][0]
            life = f"{config.learner} on {config.stream_name}"
            interrupts.doing = progress.now(f"compiling {life}")
            program = compile(config, width, **how)
            interrupts.doing = progress.now(f"running {life}")
            while todo:
                runs, todo[0] = todo[0][: program.width], todo[0][program.width :]
                try:
                    with interrupts.chunk():
                        rows = _run_chunk(program, runs, experiment, states)
                        if new := [row for row in rows if row["run_id"] not in done]:
                            store.write(new)
                        program.stored(runs)
                except (jax.errors.JaxRuntimeError, MemoryError) as error:
                    if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
                        raise
                    half = program.width // (2 * mesh.abreast()) * mesh.abreast()
                    if half == 0:
                        raise too_large(config, "ran") from error
                    program = compile(config, half, **how)
                    todo[0] = runs + todo[0]
                    continue
                progress.add(len(runs))
                todo = [runs for runs in todo if runs]
    return total


def complete(done: Collection[str], states: Path | None) -> set[str]:
    """The ids of `done` runs whose final state is in the folder `states` too, where one is named."""
    return {run_id for run_id in done if states is None or state_file(states, run_id).exists()}


def _missing(groups: Sequence[Sequence[Chunk]], complete: Collection[str]) -> list[tuple[list[list[RunConfig]], int]]:
    """The runs of each chunk of each group that are not complete, and the group's width; all have room."""
    missing = []
    for group in groups:
        todo = [[run for run in chunk.runs if run.run_id not in complete] for chunk in group]
        todo = [runs for runs in todo if runs]
        if todo:
            require_room(todo[0][0])
            missing.append((todo, group[0].width))
    return missing


def state_file(states: Path, run_id: str) -> Path:
    """The file of a run's final state."""
    return states / f"{run_id}.npz"


def _run_chunk(
    program: Program, runs: Sequence[RunConfig], experiment: str, states: Path | None
) -> list[dict[str, Any]]:
    lived, run_s = program.lived(runs)
    record, *ended = jax.device_get(lived)
    if states is not None:
        for i, run in enumerate(runs):
            state = families.own_state(program.learner, jax.tree.map(lambda leaf, i=i: leaf[i], ended[0]), run)
            saved.save(program.learner, state, run.hp, state_file(states, run.run_id))
    return rows_of(program, runs, record, run_s, experiment)


def rows_of(
    program: Program, runs: Sequence[RunConfig], record: Record, run_s: float, experiment: str
) -> list[dict[str, Any]]:
    """The rows of a chunk, as they are stored; `record` is led by runs, which took `run_s` seconds."""
    stream = program.stream
    timing = {
        "compile_s": program.compile_s,
        "run_s": run_s,
        "ms_per_step": 1e3 * run_s / (stream.steps * program.width),
    }
    about = devices.provenance()
    provenance = about | {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "mode": program.mode + families.mode_text(runs[0].family),
        "width": program.width,
        "versions": json.dumps(about["versions"] | outside.brought()),
    }
    rows = []
    for i, run in enumerate(runs):
        own: dict[str, Any] = jax.tree.map(lambda leaf, i=i: leaf[i].tolist(), record)._asdict()
        logged, diverged = own.pop("logged"), (own.pop("diverged_at"), own.pop("inference_diverged"))
        curves = own | {name: curve.value for name, curve in logged.items()}
        taught, steps = curves["taught"], curves.get(STEPS)
        mean_steps = sum(steps) / max(sum(taught), 1) if steps else 0.0
        cost = stream.spec, run.hp, mean_steps, run.stream.batch
        rows.append(
            curves
            | {
                "run_id": run.run_id,
                "experiment": experiment,
                "stream": run.stream_name,
                "learner": run.learner,
                "variant": canonical(run.variant),
                "seed": run.seed,
                "config": canonical(run.identity),
                "status": _status(*diverged, stream, run),
                "state_bytes": program.state_bytes(run.hp),
                "flops_per_sample": float(learners.REGISTRY[run.learner].flops(*cost)),
                "cost_ratio": float(learners.cost_ratio(run.learner, *cost)),
                "chance": stream.chance,
                "steps": stream.steps,
                "log_every": log_every(stream.steps, run.evaluation.log_bins),
                "task_ends": stream.task_ends,
                "probe_steps": probe_steps(stream, run.evaluation.probe_every, run.evaluation.end_every),
                "logged": {name: curve.per for name, curve in logged.items()},
                "timing": timing,
                "provenance": provenance,
            }
        )
    return rows


def _status(diverged_at: int, by_inference: bool, stream: Stream, run: RunConfig) -> str:
    """The status of a run: ok, or the step at which it diverged; if inference did, with its step size and the bound."""
    if diverged_at < 0:
        return "ok"
    if not by_inference:
        after_all = diverged_at == stream.steps
        return "ended in a state that is not finite" if after_all else f"diverged at step {diverged_at}"
    what = f"inference diverged at step {diverged_at}: it raised the energy"
    step_bound, numbers = learners.REGISTRY[run.learner].step_bound, as_dict(run.hp)
    bound = step_bound(stream.spec, run.hp) if step_bound else None
    if bound is None:
        return what + (f"; inference={numbers['inference']}" if "inference" in numbers else "")
    if numbers["inference_lr"] > bound:
        return f"{what}; inference_lr={numbers['inference_lr']:g}, stable below {bound:.2g} at fresh weights"
    return (
        f"{what}; weights have grown since: lr={numbers['lr']:g}, while inference_lr={numbers['inference_lr']:g} is"
        f" below {bound:.2g}, what is stable at fresh weights"
    )
