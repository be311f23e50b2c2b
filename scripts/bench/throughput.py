"""Throughput of one program of runs: seconds to compile and to execute it, samples per second, bytes.

As a command it measures a learner on one CPU core, whatever the machine has beside it, and prints a JSON object:

    python -m scripts.bench.throughput pcn small
"""

import json
import os
import statistics
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from pcl.errors import UsageError
from pcl.experiment import load_experiment
from pcl.learners import REGISTRY
from pcl.runner import devices
from pcl.runner.program import compile_group
from pcl.runner.sweep import RunConfig, resolve


class Scale(NamedTuple):
    """How much is measured.

    widths: runs in one program. smoke: networks and streams of the experiments' twins. learners: whose throughput is
    measured. conformance: those whose properties are tried.
    """

    widths: tuple[int, ...]
    smoke: bool
    learners: tuple[str, ...]
    conformance: tuple[str, ...]
    repeats: int


SHORT_S = 0.3  # calls are repeated until they have taken so long together
# Learners that compile for minutes come last.
_BY_COMPILE_TIME = tuple(sorted(REGISTRY, key=lambda name: ("parallax" in name, name)))
SCALES = {
    "full": Scale((1, 8, 64, 512, 4096), False, ("pcn", "er", "parallax"), _BY_COMPILE_TIME, 3),
    "small": Scale((1, 16), True, ("pcn", "er"), ("ncm",), 3),
}


def split_digits(learner: str, width: int, scale: Scale) -> list[RunConfig]:
    """So many runs of a learner on Split-Digits, which differ in their seeds."""
    return resolve(load_experiment("split_digits"), ({},), (learner,), ("split_digits",), width, scale.smoke)


def timed(runs: Sequence[RunConfig], repeats: int) -> dict[str, Any]:
    """Measures all `runs` as one program, compilation apart: the median of calls that wait for their results.

    compile_s and seconds are wall times, `memory` is what the program asks for and `peak_memory` what the process has
    held so far, where the device tells. A program that finds no room, or that the device refuses, has `failed`.
    """
    try:
        program = compile_group(runs[0], len(runs), devices.default_mode())
        if program.width < len(runs):
            return {"failed": f"memory: {program.width} of {len(runs)} runs fit"}
        record = program(runs)
        seconds = [program.lived(runs)[1] for _ in range(repeats)]
        while sum(seconds) < SHORT_S:
            seconds.append(program.lived(runs)[1])
    except (UsageError, jax.errors.JaxRuntimeError) as error:
        return {"failed": " ".join(str(error).split())[:300]}
    samples, median_s = int(np.sum(record.seen)), statistics.median(seconds)
    stats = jax.local_devices()[0].memory_stats() or {}
    return {
        "mode": program.mode,
        "compile_s": program.compile_s,
        "seconds": median_s,
        "samples": samples,
        "samples_per_s": samples / median_s,
        "memory": program.memory,
        "peak_memory": stats.get("peak_bytes_in_use"),
        "repeats": len(seconds),
    }


def configure() -> None:
    """One CPU device, where there is nothing better, and no program from an earlier command: compilation is timed."""
    jax.config.update("jax_num_cpu_devices", 1)
    jax.config.update("jax_enable_compilation_cache", False)
    devices.configure()


def main(learner: str, scale: str) -> None:
    """Print the measurement of a single run on one CPU core."""
    if hasattr(os, "sched_setaffinity"):  # else (macOS, Windows) products may use several cores
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    jax.config.update("jax_platforms", "cpu")
    configure()
    print(json.dumps(timed(split_digits(learner, 1, SCALES[scale]), SCALES[scale].repeats)))


if __name__ == "__main__":
    main(*sys.argv[1:])
