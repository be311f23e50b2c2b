"""An accelerator's measurements in one command, in parts that can be repeated: JSON lines with the device's name.

Parts, in their order:
  throughput   `pcn`, `er` and `parallax` on Split-Digits, 1 to 4,096 runs in one program. Run by run is the program of
               width 1, once for each run.
  core         one run of each on one CPU core of the same machine, in a process of its own
  vgg5         an epoch of VGG-5 on CIFAR-10 (experiment `pc_conv`) by `pcn` and `backprop`
  inference    the work of `scripts.bench.inference`, pcl beside the step written by hand
  conformance  every learner's properties (`pcl conform`)

Seconds are wall times of calls that wait for their results, medians of repeats; compilation is apart, and never read
from an earlier command. A line is added to `--out` after each measurement. What the file has of this commit and device
is not measured again unless `--again` is given, and what may no longer fit `--budget_s` is left out, so that the
command can be given again and goes on. A width that finds no memory is recorded, and ends its curve. On a CPU the scale
is small: fewer learners, fewer runs in one program, networks and streams of the experiments' twins.

    python -m scripts.bench.accelerator --data_dir=FOLDER
    python -m scripts.make_figures --only=fig_accelerator
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from absl import flags

from pcl.command import NAMES, folder_flag, launch
from pcl.conformance import conform
from pcl.errors import UsageError, one_of
from pcl.experiment import load_experiment
from pcl.runner import devices
from pcl.runner.sweep import resolve
from pcl.streams import source_of
from pcl.streams.sources import use_data_dir

from . import inference as bench_inference
from .journal import Journal
from .throughput import SCALES, Scale, configure, split_digits, timed

FLAGS = flags.FLAGS
ROOT = Path(__file__).parents[2]


def throughput(journal: Journal, scale: Scale) -> None:
    """One curve per learner over the number of runs in one program."""
    for learner in scale.learners:
        compile_s, run_s = 30.0, 1.0  # until they are measured
        for width in scale.widths:

            def work(learner: str = learner, width: int = width) -> dict[str, Any]:
                return timed(split_digits(learner, width, scale), scale.repeats)

            case = {"learner": learner, "width": width}
            line = journal.measure("throughput", case, compile_s + width * run_s, work)
            if line is None or "failed" in line:
                break
            compile_s, run_s = line["compile_s"], (1 + scale.repeats) * line["seconds"] / width


def core(journal: Journal, scale: Scale) -> None:
    """One run of each learner on one CPU core."""
    for learner in scale.learners:

        def work(learner: str = learner) -> dict[str, Any]:
            command = (sys.executable, "-m", "scripts.bench.throughput", learner, journal.about["scale"])
            rest = max(1.0, journal.end - time.perf_counter())
            try:
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=rest)
            except subprocess.TimeoutExpired as error:
                raise UsageError(f"it took longer than the {rest:.0f} s that were left") from error
            if done.returncode:
                raise UsageError((done.stderr.strip() or "no message").splitlines()[-1])
            return json.loads(done.stdout.splitlines()[-1])

        journal.measure("core", {"learner": learner}, 20.0, work)


def vgg5(journal: Journal, scale: Scale) -> None:
    """An epoch of VGG-5, one run of each learner."""
    for run in resolve(load_experiment("pc_conv"), ({"passes": "1"},), seeds=1, smoke=scale.smoke):

        def work(run: Any = run) -> dict[str, Any]:
            source_of(run.stream)  # an error if its data are missing
            return timed([run], 1)

        journal.measure("vgg5", {"learner": run.learner, "source": run.stream.source}, 40.0, work)


def inference(journal: Journal, scale: Scale) -> None:
    """The cases of pcl in `scripts.bench.inference`, on this device."""
    products = str(devices.PINNED["jax_default_matmul_precision"])
    beside = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "JAX_ENABLE_COMPILATION_CACHE": "0"}
    environment = {**os.environ, **beside, "JAX_DEFAULT_MATMUL_PRECISION": products}

    def work() -> dict[str, Any]:
        return {"cases": bench_inference.measured({}, scale.repeats, environment)[0]}

    journal.measure("inference", {}, 60.0, work)


def conformance(journal: Journal, scale: Scale) -> None:
    """The properties of each learner."""
    for learner in scale.conformance:

        def work(learner: str = learner) -> dict[str, Any]:
            tried = [outcome for outcome in conform(learner) if outcome.kind == "learner"]
            failures = [f"{outcome.held}: {outcome.failure}" for outcome in tried if outcome.failure]
            no_case = sum(bool(outcome.why_not) for outcome in tried)
            return {"hold": len(tried) - no_case - len(failures), "no_case": no_case, "failures": failures}

        journal.measure("conformance", {"learner": learner}, 90.0 if "parallax" in learner else 20.0, work)


PARTS: dict[str, Callable[[Journal, Scale], None]] = {
    part.__name__: part for part in (throughput, core, vgg5, inference, conformance)
}

flags.DEFINE(NAMES, "parts", list(PARTS), f"Parts to measure, of {', '.join(PARTS)}.")
flags.DEFINE_enum("scale", None, list(SCALES), "How much is measured (default: small on a CPU, else full).")
flags.DEFINE_float("budget_s", 480, "Seconds after which no measurement is begun.", lower_bound=0)
flags.DEFINE_bool("again", False, "Measure what the file has of this commit and device once more.")
folder_flag("out", "results/bench_accelerator.jsonl", "File that a line is added to after each measurement.")
folder_flag("data_dir", None, "Folder of the raw data (default: the environment's PCL_DATA_DIR, else none).")


def main() -> None:
    """Measure the chosen parts one after the other.

    Raises:
      UsageError: there are several devices, or the file has a line that is no measurement.
    """
    parts = [one_of("part", name, PARTS) for name in FLAGS.parts]
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # parts in processes of their own need memory
    configure()
    use_data_dir(FLAGS.data_dir)
    if (n := jax.local_device_count()) > 1:
        raise UsageError(f"there are {n} devices, and one is measured: set CUDA_VISIBLE_DEVICES=0")
    scale = FLAGS.scale or ("small" if jax.default_backend() == "cpu" else "full")
    about = devices.provenance() | {"scale": scale}
    journal = Journal(FLAGS.out, about, FLAGS.budget_s, FLAGS.again)
    for part in parts:
        PARTS[part](journal, SCALES[scale])


if __name__ == "__main__":
    launch(main)
