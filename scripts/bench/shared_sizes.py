"""One program for several sizes beside a program for each: CPU-seconds of compilations and of runs.

One pass of Split-Digits in each case, a line of JSON a case: seconds of every program of its own and of the shared one,
of a run of each size in both, and the number of seeds from which programs of their own take less time (null: never).
CPU-seconds are those of all threads, runs the median of repeats in turn; compiled programs are not kept.

    python -m scripts.bench.shared_sizes >> results/bench_shared_sizes.jsonl
"""

import json
import statistics
import time
from typing import Any

import jax
from absl import flags

from pcl.command import NAMES, launch
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner import devices
from pcl.runner.families import grouped, padding
from pcl.runner.program import Program, compile_group
from pcl.runner.sweep import RunConfig, parse_settings, resolve, static_groups

FLAGS = flags.FLAGS
CASES = {
    "er memory": ("er", "memory=50,100,200,500"),
    "pcn inference_steps": ("pcn", "inference_steps=5,10,20,40"),
    "backprop width": ("backprop", "width=16,32,64,128"),
    "pcn width": ("pcn", "width=16,32,64,128"),
    "backprop wide": ("backprop", "width=64,1024"),
    "backprop depth": ("backprop", "depth=1,2,3,4"),
    "pcn depth": ("pcn", "depth=1,2,3,4"),
}
flags.DEFINE(NAMES, "cases", list(CASES), "Cases to time.")
flags.DEFINE_enum("mode", "map", devices.MODES, "Batch runs by vmap or map them.")
flags.DEFINE_integer("repeats", 3, "Measurements of each run.", lower_bound=1)

EXPERIMENT = Experiment(
    name="bench_shared_sizes",
    claim="",
    streams={"split_digits": StreamSpec("split", {"source": "digits"})},
    learners={"er": {}, "pcn": {}, "backprop": {}},
    arms=(Arm(),),
    evaluation={"probe_every": 50},
)


def main() -> None:
    """Time every case and print a line for each."""
    devices.configure()
    jax.config.update("jax_enable_compilation_cache", False)
    for case in FLAGS.cases:
        learner, setting = CASES[case]
        line = {"case": case, "learner": learner, "setting": setting, "mode": FLAGS.mode}
        print(json.dumps(line | _case(learner, setting) | devices.provenance()), flush=True)


def _case(learner: str, setting: str) -> dict[str, Any]:
    # A program has one run for each device (`map`), or eight side by side on each (`vmap`).
    seeds = jax.local_device_count() * (1 if FLAGS.mode == "map" else 8)
    groups = static_groups(resolve(EXPERIMENT, parse_settings((setting,), ()), [learner], seeds=seeds))
    (together,) = grouped(groups, "always", FLAGS.mode)
    own = [_compiled(group[0], seeds) for group in groups]
    shared, compile_s = _compiled(together[0], seeds)
    members = [[run for run in together if run.hp == group[0].hp] for group in groups]
    times: list[list[list[float]]] = [[[], []] for _ in groups]
    for _ in range(FLAGS.repeats + 1):
        for (program, _), group, same, both in zip(own, groups, members, times, strict=True):
            both[0].append(_cpu_s(program, group) / seeds)
            both[1].append(_cpu_s(shared, same) / seeds)
    # The first call warms up.
    alone, padded = ([statistics.median(both[i][1:]) for both in times] for i in range(2))
    saved, more = sum(s for _, s in own) - compile_s, sum(padded) - sum(alone)
    return {
        "own_compile_cpu_s": [s for _, s in own],
        "shared_compile_cpu_s": compile_s,
        "own_run_cpu_s": alone,
        "shared_run_cpu_s": padded,
        "seeds_until_own_are_faster": saved / more if more > 0 else None,
        "padding_operations": _operations([group[0] for group in groups], shared),
    }


def _operations(runs: list[RunConfig], program: Program) -> float:
    """Operations on padding, of one run of each size."""
    samples, members = program.stream.steps * runs[0].stream.batch, tuple(run.hp for run in runs)
    return samples * sum(padding(program.stream.spec, run, members, FLAGS.mode) for run in runs)


def _compiled(run: RunConfig, seeds: int) -> tuple[Program, float]:
    start = time.process_time()
    program = compile_group(run, seeds, FLAGS.mode)
    return program, time.process_time() - start


def _cpu_s(program: Program, runs: list[RunConfig]) -> float:
    start = time.process_time()
    program(runs)
    return time.process_time() - start


if __name__ == "__main__":
    launch(main)
