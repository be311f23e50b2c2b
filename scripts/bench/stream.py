"""Throughput of a run on a stream: images per CPU-second, with and without probes, beside a peer.

One single pass of Split-MNIST (60,000 images or fewer, pairs of classes in natural order, batch 10) by an MLP
784-400-400-10 with SGD: backpropagation, with and without replay of 10 out of 200 samples, or predictive coding with 20
steps of inference. One JSON line a measurement; CPU-seconds are those of all threads, without compilation and loading,
median over repeats. A peer is a command that runs the same work and prints a JSON object with `images` and
`train_cpu_s`, without what it evaluates; it is run in between, on the same machine at the same time. Those of
predictive coding are `peers/peer_stream_*.py`.

    python -m scripts.bench.stream --data_dir=FOLDER --peer="python plain_loop.py --mnist FOLDER/mnist"
    python -m scripts.bench.stream --data_dir=FOLDER --learners=pcn --images=3000 \
        --peer="PYTHON scripts/bench/peers/peer_stream_pcx.py FOLDER/mnist 3000"
"""

import json
import os
import shlex
import statistics
import subprocess
import time
from typing import Any

import jax
from absl import flags

from pcl.command import NAMES, folder_flag, launch
from pcl.errors import UsageError
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner import devices
from pcl.runner.program import Program, compile_group
from pcl.runner.sweep import resolve
from pcl.streams.sources import use_data_dir

FLAGS = flags.FLAGS
folder_flag("data_dir", None, "Folder of the raw data; default: PCL_DATA_DIR.")
flags.DEFINE(NAMES, "learners", ["er", "backprop"], "Learners to time.")
flags.DEFINE_integer("seeds", 0, "Runs in one program (0: one per device).", lower_bound=0)
flags.DEFINE_integer("images", 0, "Images that arrive (0: all).", lower_bound=0)
flags.DEFINE_integer("repeats", 3, "Measurements of each case.", lower_bound=1)
flags.DEFINE_multi_string("peer", [], "Command of a peer to run in between; may be given several times.")

NETWORK: dict[str, Any] = {
    "width": 400,
    "depth": 2,
    "activation": "relu",
    "output": "categorical",
    "optimiser": "sgd",
    "lr": 0.05,
}
OWN: dict[str, dict[str, Any]] = {"er": {"memory": 200}, "pcn": {"output": "gaussian", "inference_steps": 20}}
SOURCE: dict[str, Any] = {"source": "mnist", "order": "natural"}
# One held-out sample before and after the run; or 500 every 50 steps, and all 10,000 at the end of each task.
PROBES = {
    "without probes": {"probe_every": 10**9, "probe_size": 1, "end_every": 0},
    "500 images every 50 steps": {"probe_every": 50, "probe_size": 500},
}


def main() -> None:
    """Time every case `repeats` times, interleaved, and print a line for each."""
    devices.configure()
    about = devices.provenance()  # of the code that is loaded, whatever is committed meanwhile
    if FLAGS.data_dir:
        use_data_dir(FLAGS.data_dir)
    mode = devices.default_mode()
    width = FLAGS.seeds or jax.local_device_count()
    cases = {(name, p): _program(name, PROBES[p], width, mode) for name in FLAGS.learners for p in PROBES}
    times: dict[tuple[str, str], list[tuple[float, float]]] = {case: [] for case in cases}
    peers: dict[str, list[dict[str, Any]]] = {command: [] for command in FLAGS.peer}
    for _ in range(FLAGS.repeats):
        for case, (program, runs) in cases.items():
            times[case].append(_time(program, runs))
        for command, measured in peers.items():
            measured.append(_peer(command))
    about |= {"load": os.getloadavg()}
    for (learner, probes), pairs in times.items():
        cpu_s, wall_s = (statistics.median(column) for column in zip(*pairs, strict=True))
        images = (FLAGS.images or 60_000) * width
        line = {
            "learner": learner,
            "probes": probes,
            "mode": mode,
            "seeds": width,
            "images": images,
            "cpu_s": cpu_s,
            "wall_s": wall_s,
        }
        print(json.dumps(line | {"images_per_cpu_s": images / cpu_s, "images_per_s": images / wall_s} | about))
    for command, said in peers.items():
        rates = [one["images"] / one["train_cpu_s"] for one in said]
        print(json.dumps({"peer": command, "images_per_cpu_s": statistics.median(rates)} | about))


def _program(learner: str, probes: dict[str, int], width: int, mode: str) -> tuple[Program, list]:
    experiment = Experiment(
        name="bench_stream",
        claim="",
        streams={"split_mnist": StreamSpec("split", SOURCE | {"train_samples": FLAGS.images})},
        learners={learner: NETWORK | OWN.get(learner, {})},
        arms=(Arm(seeds=width),),
        evaluation=probes,
    )
    runs = resolve(experiment)
    return compile_group(runs[0], width, mode), runs


def _time(program: Program, runs: list) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    program(runs)
    return time.process_time() - cpu, time.perf_counter() - wall


def _peer(command: str) -> dict[str, Any]:
    done = subprocess.run(shlex.split(command), capture_output=True, text=True)
    if done.returncode:
        raise UsageError(f"--peer failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    launch(main)
