"""One pass of Split-MNIST from a fresh process: seconds from the command to its record, and the final accuracy.

The time is that of `experiments.run` as a user starts it: imports, data, the code's critical period, compilation of
every program (none is cached), the run itself, probes and the record. Each repeat is another seed. One JSON line.

    python -m scripts.bench.end_to_end --data_dir=FOLDER >> results/bench_end_to_end.jsonl
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from absl import flags

from pcl.command import folder_flag, launch
from pcl.errors import UsageError
from pcl.evaluation.summary import measure
from pcl.runner import devices
from pcl.runner.store import Store

FLAGS = flags.FLAGS
folder_flag("data_dir", None, "Folder of the raw data; default: PCL_DATA_DIR.")
flags.DEFINE_integer("repeats", 3, "Seeds, each in a process of its own.", lower_bound=1)

# The code that `experiments.split_images` describes, 1.5 times as wide (D = 1,920), solved for by sums.
SETTINGS = ("features=code", "atoms=24+36", "covariance=sums", "block=5000")


def main() -> None:
    """Run the command `repeats` times and print a line."""
    wall, cpu, acc = zip(*[_once(seed) for seed in range(FLAGS.repeats)], strict=True)
    line = {"stream": "split_mnist", "learner": "rls", "settings": " ".join(SETTINGS), "acc": acc}
    line |= {"wall_s": statistics.median(wall), "cpu_s": statistics.median(cpu), "slowest_wall_s": max(wall)}
    devices.configure()
    print(json.dumps(line | devices.provenance()))


def _once(seed: int) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and final accuracy in % of one process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "experiments.run", "--experiment=split_images", "--learners=rls"]
        command += ["--streams=split_mnist", "--seeds=1", f"--first_seed={seed}", f"--results_dir={folder}"]
        command += [part for setting in SETTINGS for part in ("--set", setting)]
        command += [f"--data_dir={FLAGS.data_dir}"] if FLAGS.data_dir else []
        environment = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
        before, began = _cpu(), time.perf_counter()
        ran = subprocess.run(command, env=environment, capture_output=True, text=True)
        wall, cpu = time.perf_counter() - began, _cpu() - before
        if ran.returncode:
            raise UsageError(f"experiments.run: {ran.stderr.strip().splitlines()[-1]}")
        (record,) = Store(Path(folder), "split_images").records()
        return wall, cpu, measure(record)["acc"]


def _cpu() -> float:
    """CPU seconds of all child processes so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    launch(main)
