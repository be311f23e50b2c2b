"""Execution: one compile a static group, chunks of one width, padded at the end, resumable by id."""

import dataclasses
import itertools
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import jax
from tqdm import tqdm

from pcl import learners
from pcl.evaluation.record import log_every
from pcl.fields import as_dict, canonical
from pcl.runner import devices
from pcl.runner.program import Program, compile_group
from pcl.runner.run import probe_steps
from pcl.runner.store import Store
from pcl.runner.sweep import RunConfig, static_groups
from pcl.types import Stream

DEFAULT_WIDTH = {"map": 16, "vmap": 256}


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Runs that are executed and stored together, padded to `width`."""

    runs: tuple[RunConfig, ...]
    width: int


def plan(runs: Sequence[RunConfig], mode: str, max_width: int = 0) -> list[list[Chunk]]:
    """The chunks of each static group, from all runs and not from what is left of them.

    The width is the smallest that needs the fewest chunks of at most `max_width` (0: the mode's default),
    a multiple of the devices.
    """
    n_devices = jax.local_device_count()
    limit = max_width or DEFAULT_WIDTH[mode]
    chunks = []
    for group in static_groups(runs):
        n_chunks = -(-len(group) // limit)
        width = -(-len(group) // n_chunks)
        width = -(-width // n_devices) * n_devices
        chunks.append([Chunk(tuple(group[i : i + width]), width) for i in range(0, len(group), width)])
    return chunks


def execute(
    groups: Sequence[Sequence[Chunk]],
    store: Store,
    mode: str,
    experiment: str,
    shard_index: int = 0,
    num_shards: int = 1,
) -> int:
    """Run what the store does not hold yet; returns how many runs were executed.

    A part is written after every chunk, so that a killed process loses at most the chunk it was in.
    Shards own every `num_shards`-th chunk of the full plan, so that they agree without talking.
    """
    done = store.ids()
    number = itertools.count()
    missing = [
        [
            [run for run in chunk.runs if run.run_id not in done]
            for chunk in group
            if next(number) % num_shards == shard_index
        ]
        for group in groups
    ]
    total = sum(len(runs) for group in missing for runs in group)
    with tqdm(total=total, unit="run", disable=None if total else True) as progress:
        for group, group_missing in zip(groups, missing, strict=True):
            todo = [runs for runs in group_missing if runs]
            if not todo:
                continue
            config = todo[0][0]
            progress.set_description(f"{config.learner} on {config.stream_name}: compiling")
            program = compile_group(config, group[0].width, mode)
            progress.set_description(f"{config.learner} on {config.stream_name}")
            while todo:
                runs, todo[0] = todo[0][: program.width], todo[0][program.width :]
                try:
                    rows = _run_chunk(program, runs, experiment)
                except jax.errors.JaxRuntimeError as error:
                    half = program.width // (2 * jax.local_device_count()) * jax.local_device_count()
                    if "RESOURCE_EXHAUSTED" not in str(error) or half == 0:
                        raise
                    program = compile_group(config, half, mode)
                    todo[0] = runs + todo[0]
                    continue
                store.write(rows)
                progress.update(len(runs))
                todo = [runs for runs in todo if runs]
    return total


def _run_chunk(program: Program, runs: Sequence[RunConfig], experiment: str) -> list[dict[str, Any]]:
    start = time.perf_counter()
    record = program(runs)
    run_s = time.perf_counter() - start
    record = jax.device_get(record)
    stream, state_bytes = program.stream, program.state_bytes
    timing = {
        "compile_s": program.compile_s,
        "run_s": run_s,
        "ms_per_step": 1e3 * run_s / (stream.steps * program.width),
    }
    about = devices.provenance()
    provenance = about | {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "mode": program.mode,
        "width": program.width,
        "versions": json.dumps(about["versions"]),
    }
    rows = []
    for i, run in enumerate(runs):
        curves: dict[str, Any] = {k: v if v is None else v[i].tolist() for k, v in record._asdict().items()}
        diverged = curves.pop("diverged_at"), curves.pop("inference_diverged")
        taught, steps = curves["taught"], curves["inference_steps"]
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
                "state_bytes": state_bytes,
                "flops_per_sample": float(learners.entry(run.learner).flops(*cost)),
                "cost_ratio": float(learners.cost_ratio(run.learner, *cost)),
                "chance": stream.chance,
                "steps": stream.steps,
                "log_every": log_every(stream.steps, run.evaluation.log_bins),
                "task_ends": stream.task_ends,
                "probe_steps": probe_steps(stream, run.evaluation.probe_every, run.evaluation.end_every),
                "timing": timing,
                "provenance": provenance,
            }
        )
    return rows


def _status(diverged_at: int, by_inference: bool, stream: Stream, run: RunConfig) -> str:
    """What a record says of how the run went: where it diverged, and if inference did, its step size and the bound."""
    if diverged_at < 0:
        return "ok"
    if not by_inference:
        after_all = diverged_at == stream.steps
        return "ended in a state that is not finite" if after_all else f"diverged at step {diverged_at}"
    what = f"inference diverged at step {diverged_at}: it raised the energy"
    step_bound, numbers = learners.entry(run.learner).step_bound, as_dict(run.hp)
    bound = step_bound(stream.spec, run.hp) if step_bound else None
    if bound is None:
        return what + (f"; inference={numbers['inference']}" if "inference" in numbers else "")
    return f"{what}; inference_lr={numbers['inference_lr']:g}, stable below {bound:.2g} at fresh weights"
