"""Each mode of a batch of runs, and its overhead above the updates alone: microseconds per step of a run.

Split-Digits, one held-out sample before and after each run, as many steps in batches of every size. For each learner
and batch four programs take turns, `repeats` times: all runs by `map` and by `vmap`, and beside each a bare `lax.scan`
of the learner's `update` over the same rows, which lie in memory, over the same devices in the same mode. CPU-seconds
are those of all threads, without compilation; medians, ratios of those of each turn. One line of JSON a case.

    python -m scripts.bench.modes >> results/bench_modes.jsonl
"""

import functools
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from absl import flags
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from pcl.command import NAMES, launch
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner import devices, mesh
from pcl.runner.program import BASE_KEY, Program, arguments_of, compile_group
from pcl.runner.sweep import RunConfig, resolve

FLAGS = flags.FLAGS
flags.DEFINE(NAMES, "learners", ["ncm", "rls", "backprop", "pcn"], "Learners to time.")
flags.DEFINE(NAMES, "batches", ["1", "10"], "Rows of a step.")
flags.DEFINE_integer("width", 16, "Runs in one program.", lower_bound=1)
flags.DEFINE_integer("steps", 1000, "Steps of a run, up to 1,437.", lower_bound=1)
flags.DEFINE_integer("repeats", 7, "Measurements of each program.", lower_bound=1)

Call = Callable[[], Any]


def main() -> None:
    """Time every case and print a line for each."""
    devices.configure()
    for learner in FLAGS.learners:
        for batch in map(int, FLAGS.batches):
            about = {"learner": learner, "batch": batch, "width": FLAGS.width, "steps": FLAGS.steps}
            line = about | _case(learner, batch) | {"repeats": FLAGS.repeats, "load": os.getloadavg()}
            print(json.dumps(line | devices.provenance()), flush=True)


def _case(learner: str, batch: int) -> dict[str, float]:
    calls: dict[tuple[str, str], Call] = {}
    for mode in devices.MODES:
        runs = _runs(learner, batch)
        program = compile_group(runs[0], FLAGS.width, mode)
        calls[mode, "run"] = functools.partial(program, runs)
        calls[mode, "bare"] = _bare(program, runs, mode)
    for call in calls.values():
        call()
    turns = [{case: _timed(call) for case, call in calls.items()} for _ in range(FLAGS.repeats)]
    found: dict[str, float] = {}
    for i, unit in enumerate(("cpu_us", "wall_us")):
        for case in calls:
            found[f"{'_'.join(case)}_{unit}"] = statistics.median(turn[case][i] for turn in turns)
        for mode in devices.MODES:
            ratios = [turn[mode, "run"][i] / turn[mode, "bare"][i] for turn in turns]
            found[f"{mode}_overhead_{unit[:-3]}"] = statistics.median(ratios) - 1
        both = [turn["vmap", "run"][i] / turn["map", "run"][i] for turn in turns]
        found[f"vmap_over_map_{unit[:-3]}"] = statistics.median(both)
    return found


def _runs(learner: str, batch: int) -> list[RunConfig]:
    samples = {"train_samples": FLAGS.steps, "passes": batch, "batch": batch}
    experiment = Experiment(
        name="bench_modes",
        claim="",
        streams={"split_digits": StreamSpec("split", {"source": "digits"} | samples)},
        learners={learner: {}},
        arms=(Arm(seeds=FLAGS.width),),
        evaluation={"probe_every": 10**9, "probe_size": 1, "end_every": 0},
    )
    return resolve(experiment)


def _bare(program: Program, runs: list[RunConfig], mode: str) -> Call:
    """The updates alone of the runs of a program; returns the states that they end in."""
    stream, learner, data = program.stream, program.learner, program.data
    seeds, hps = arguments_of(runs, program.width)
    led = 1 if mode == "vmap" else 0  # the axis of runs in rows: a step reads what lies together

    def prepared(seed: Any, hp: Any) -> Any:
        keys = jax.random.split(jax.random.fold_in(jax.random.key(BASE_KEY, impl=devices.PRNG), seed))
        schedule = stream.schedule(keys[0], data)
        rows = jax.lax.map(lambda now: stream.observe(schedule.world, now, data), schedule.step)
        return learner.init(keys[1], hp), rows

    def lived(state: Any, rows: Any, hp: Any) -> Any:
        return jax.lax.scan(lambda state, batch: (learner.update(state, batch, hp)[0], None), state, rows)[0]

    def batched(states: Any, rows: Any, hps: Any) -> Any:
        if mode == "vmap":
            return jax.vmap(lived, (0, led, 0))(states, rows, hps)
        return jax.lax.map(lambda one: lived(*one), (states, rows, hps))

    over_runs = P("run"), P(*(None,) * led, "run"), P("run")
    sharded = jax.shard_map(batched, mesh=mesh.mesh(), in_specs=over_runs, out_specs=P("run"), check_vma=False)
    given = *jax.jit(jax.vmap(prepared, out_axes=(0, led)))(np.asarray(seeds), hps), hps
    placed = jax.device_put(given, tuple(NamedSharding(mesh.mesh(), spec) for spec in over_runs))
    whole = jax.jit(sharded).lower(*placed).compile()
    return lambda: jax.block_until_ready(whole(*placed))


def _timed(call: Call) -> tuple[float, float]:
    """CPU and wall time per step of a run, in microseconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    took = time.process_time() - cpu, time.perf_counter() - wall
    return took[0] * 1e6 / (FLAGS.steps * FLAGS.width), took[1] * 1e6 / (FLAGS.steps * FLAGS.width)


if __name__ == "__main__":
    launch(main)
