"""Execution: one compile a static group, chunks of one width, padded at the end, resumable by id."""

import dataclasses
import itertools
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from tqdm import tqdm

from pcl import learners, streams
from pcl.evaluation.record import Record, log_every
from pcl.fields import canonical
from pcl.runner import devices
from pcl.runner.run import make_run, probe_steps
from pcl.runner.store import Store
from pcl.runner.sweep import RunConfig, static_groups
from pcl.streams.sources import source
from pcl.types import Data, HParams, Learner, Stream

BASE_KEY = 0  # the key of a run is fold_in(key(BASE_KEY), seed), whatever else is swept
DEFAULT_WIDTH = {"map": 16, "vmap": 256}


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Runs that are executed and stored together, padded to `width`."""

    runs: tuple[RunConfig, ...]
    width: int


@dataclasses.dataclass
class Program:
    """The compiled batch of runs of one static group."""

    stream: Stream
    learner: Learner
    data: Data
    width: int
    mode: str
    executable: Any
    compile_s: float
    memory: int  # bytes: arguments, results and temporaries of one call

    @property
    def steps(self) -> int:
        """Steps of one run."""
        return self.stream.steps


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


def compile_group(config: RunConfig, width: int, mode: str) -> Program:
    """Trace and compile the program of a static group once, for `width` runs at a time.

    Where the program would need more memory than a device has, it is compiled again, narrower.
    """
    stream, data = streams.entry(config.stream_kind).make(
        config.stream, source(config.stream.source), config.evaluation.probe_on
    )
    learner = learners.entry(config.learner).make(stream.spec)
    run = make_run(learner, stream, *config.evaluation.arguments)

    def seeded(seed: jax.Array, hp: HParams, data: Data) -> Record:
        return run(jax.random.fold_in(jax.random.key(BASE_KEY), seed), hp, data)

    def batch(seeds: jax.Array, hps: HParams, data: Data) -> Record:
        if mode == "vmap":
            return jax.vmap(seeded, (0, 0, None))(seeds, hps, data)
        return jax.lax.map(lambda member: seeded(member[0], member[1], data), (seeds, hps))

    local = jax.local_devices()
    mesh = jax.make_mesh((len(local),), ("run",), axis_types=(AxisType.Auto,), devices=local)
    data = jax.device_put(data, NamedSharding(mesh, P()))
    sharded = jax.jit(
        jax.shard_map(batch, mesh=mesh, in_specs=(P("run"), P("run"), P()), out_specs=P("run"), check_vma=False)
    )
    start = time.perf_counter()
    executable = sharded.lower(*_arguments([config], width), data).compile()
    analysis: Any = executable.memory_analysis()
    memory = analysis.temp_size_in_bytes + analysis.argument_size_in_bytes + analysis.output_size_in_bytes
    per_device = width // mesh.size
    if memory > devices.memory_budget() and per_device > 1:
        fitting = int(per_device * devices.memory_budget() / memory)
        return compile_group(config, max(1, fitting) * mesh.size, mode)
    return Program(stream, learner, data, width, mode, executable, time.perf_counter() - start, memory)


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


def _arguments(runs: Sequence[RunConfig], width: int) -> tuple[np.ndarray, HParams]:
    """Seeds and hyper-parameters of the runs, the last repeated up to `width`.

    Hyper-parameters become strong float32 once: a weak type would be traced again.
    """
    padded = [*runs, *[runs[-1]] * (width - len(runs))]
    seeds = np.asarray([run.seed for run in padded], np.uint32)
    return seeds, jax.tree.map(lambda *values: np.asarray(values, np.float32), *(run.hp for run in padded))


def _run_chunk(program: Program, runs: Sequence[RunConfig], experiment: str) -> list[dict[str, Any]]:
    start = time.perf_counter()
    record = jax.block_until_ready(program.executable(*_arguments(runs, program.width), program.data))
    run_s = time.perf_counter() - start
    record = jax.device_get(record)
    stream, first = program.stream, runs[0]
    state = jax.eval_shape(program.learner.init, jax.random.key(BASE_KEY), first.hp)
    state_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    timing = {
        "compile_s": program.compile_s,
        "run_s": run_s,
        "ms_per_step": 1e3 * run_s / (program.steps * program.width),
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
        diverged_at = curves.pop("diverged_at")
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
                "status": _status(diverged_at, program.steps),
                "state_bytes": state_bytes,
                "steps": program.steps,
                "log_every": log_every(program.steps, run.evaluation.log_bins),
                "task_ends": stream.task_ends,
                "probe_steps": probe_steps(stream, run.evaluation.probe_every),
                "timing": timing,
                "provenance": provenance,
            }
        )
    return rows


def _status(diverged_at: int, steps: int) -> str:
    """What a record says of how the run went."""
    if diverged_at < 0:
        return "ok"
    return f"diverged at step {diverged_at}" if diverged_at < steps else "ended in a state that is not finite"
