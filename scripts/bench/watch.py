"""Cost of watching: a chunk of runs with reports from inside its program beside the same chunk without.

`pcn` on Split-Digits, 16 and 64 runs in both modes. Three programs are called in turn, `repeats` times: unwatched, with
a report about every second (`--watch_steps=0`), and with one after every step, which tells the cost of a report.
Medians of CPU seconds of the process per call, and of the ratios of each turn. One JSON line per case, to the terminal
and to `<results_dir>/bench_watch.jsonl`.

    python -m scripts.bench.watch
"""

import contextlib
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

from absl import flags

from pcl.command import folder_flag, launch
from pcl.experiment import load_experiment
from pcl.folders import write_whole
from pcl.runner import devices
from pcl.runner.program import Program, compile_group
from pcl.runner.sweep import RunConfig, resolve
from pcl.runner.watch import Report, Watch, Watching

FLAGS = flags.FLAGS
flags.DEFINE_integer("repeats", 7, "Measurements of each case.", lower_bound=3)
flags.DEFINE_multi_integer("width", [16, 64], "Runs in the chunk; may be repeated.", lower_bound=1)
flags.DEFINE_integer("inference_steps", 20, "Inference steps of the learner.", lower_bound=1)
folder_flag("results_dir", "results", "Folder that bench_watch.jsonl is written to.")


def main() -> None:
    """Time every case and write a line for each."""
    devices.configure()
    lines = [_line(width, mode) for width in FLAGS.width for mode in devices.MODES]
    path = Path(FLAGS.results_dir, "bench_watch.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
    print(path)


def _line(width: int, mode: str) -> dict[str, Any]:
    cell = {"inference_steps": str(FLAGS.inference_steps)}
    runs = resolve(load_experiment("split_digits"), [cell], ["pcn"], ["split_digits"], seeds=width)
    heard: list[Report] = []
    with contextlib.ExitStack() as watches:
        plain = compile_group(runs[0], width, mode)
        programs = [plain]
        for steps in (0, 1):
            watch = watches.enter_context(Watch(Watching(steps, (heard.append,)), print))
            programs.append(compile_group(runs[0], width, mode, watch=watch))
        for program in programs:
            program.lived(runs)
        turns = [[_seconds(program, runs, heard) for program in programs] for _ in range(FLAGS.repeats)]
    line: dict[str, Any] = {"width": width, "mode": mode, "steps": plain.stream.steps}
    for i, name in enumerate(("unwatched", "paced", "each")):
        line[f"{name}_cpu_s"] = statistics.median(turn[i][0] for turn in turns)
        line[f"{name}_ratio"] = statistics.median(turn[i][0] / turn[0][0] for turn in turns)
        line[f"{name}_reports"] = statistics.median(turn[i][1] for turn in turns)
    line["report_ms"] = 1e3 * (line["each_cpu_s"] - line["unwatched_cpu_s"]) / line["each_reports"]
    print(json.dumps(line), flush=True)
    return line | devices.provenance() | {"load": os.getloadavg()}


def _seconds(program: Program, runs: list[RunConfig], heard: list[Report]) -> tuple[float, int]:
    """CPU seconds of one call, and its reports."""
    heard.clear()
    start = time.process_time()
    program.lived(runs)
    return time.process_time() - start, len(heard)


if __name__ == "__main__":
    launch(main)
