"""Inference beside other libraries: one training step, and the time to one and the same equilibrium.

Works (`scripts/bench/peers/work.py`): "step", 20 gradient steps on the activities and one on the weights, in a network
of 784-256-256-10, batch 64, float32; "settle", from the inputs to an activity gradient of 1e-3 of the first, by
gradient descent and by momentum with the rates that need the fewest steps, and by Gauss-Newton; "step to equilibrium",
the whole training step to that gradient. Problems: "init", fresh weights and random inputs; "trained", digits at 28 x
28 after 300 steps. Results of "step" and "settle" are checked against float64: weights after a step, the residual after
settling. "step to equilibrium" is that settling and a step of the weights; it has no check of its own.

One idle worker process per library, each in its own environment; cases are timed one at a time, interleaved and
shuffled. One JSON line per case is written to `<results_dir>/bench_inference.jsonl`: medians over the repeats.

    python -m scripts.bench.inference --peers jpc=PYTHON:scripts/bench/peers/peer_jpc.py --peers pcx=PYTHON:...

What each peer needs stands in its script; a third part, PYTHON:SCRIPT:FOLDER, is put on its path. ngc-learn is
left out: its stock cells predict with W f(z), so that neither its weights nor its equilibrium can be compared.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from pcl.command import folder_flag, launch
from pcl.errors import UsageError
from pcl.folders import write_whole
from pcl.network.energy import Problem
from pcl.runner import devices

from .problems import descent_plans, gauss_newton_steps, random_problem, trained_problem

FLAGS = flags.FLAGS
flags.DEFINE_multi_string("peers", [], "NAME=PYTHON:SCRIPT[:FOLDER], a peer and the interpreter that has it.")
flags.DEFINE_integer("repeats", 5, "Measurements of each case.", lower_bound=1)
folder_flag("results_dir", "results", "Folder that bench_inference.jsonl is written to.")

PEERS = Path(__file__).parent / "peers"


class Worker(NamedTuple):
    """A library's process and what it said when it was ready."""

    process: subprocess.Popen
    ready: dict[str, Any]


def main() -> None:
    """Time every case and write a line for each."""
    lines, plans = measured(_peers(FLAGS.peers), FLAGS.repeats, os.environ | {"JAX_PLATFORMS": "cpu"})
    about = devices.provenance() | {"plans": plans, "load": os.getloadavg()}
    path = Path(FLAGS.results_dir, "bench_inference.jsonl")
    write_whole(path, "".join(json.dumps(line | about) + "\n" for line in lines).encode())
    print(path)


def measured(
    peers: Mapping[str, tuple[str, ...]], repeats: int, environment: Mapping[str, str]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Makes the problems, tunes descent on them and times every case: their lines, and the plans of descent.

    Every library's process has the `environment`, which decides where it computes.
    """
    problems = {"init": random_problem()[0], "trained": trained_problem()[0]}
    plans: dict[str, Any] = {name: descent_plans(problem) for name, problem in problems.items()}
    plans["gauss_newton"] = {name: gauss_newton_steps(problem) for name, problem in problems.items()}
    specs = {"pcl": (sys.executable, str(PEERS / "ours.py"), str(PEERS.parents[2]))} | dict(peers)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/problems.npz", **_arrays(problems))
        Path(folder, "plans.json").write_text(json.dumps(plans))
        workers = {name: _start(name, spec, folder, environment) for name, spec in specs.items()}
        return _time(workers, repeats), plans


def _peers(texts: list[str]) -> dict[str, tuple[str, ...]]:
    peers = {}
    for text in texts:
        name, _, rest = text.partition("=")
        if len(rest.split(":")) not in (2, 3):
            raise UsageError(f"--peers={text}: write NAME=PYTHON:SCRIPT or NAME=PYTHON:SCRIPT:FOLDER")
        peers[name] = tuple(rest.split(":"))
    return peers


def _start(name: str, spec: tuple[str, ...], folder: str, environment: Mapping[str, str]) -> Worker:
    python, script, *path = spec
    env = {**environment, "PYTHONPATH": os.pathsep.join([str(PEERS), *path])}
    command = (python, script, f"{folder}/problems.npz", f"{folder}/plans.json")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=env, **pipes)  # type: ignore[call-overload]
    worker = Worker(process, _hear(name, process))
    print(name, "is ready:", worker.ready["checks"], flush=True)
    return worker


def _hear(name: str, process: subprocess.Popen) -> dict[str, Any]:
    for line in process.stdout or ():
        if line.startswith("@"):
            return json.loads(line[1:])
    raise UsageError(f"peer {name} ended with exit code {process.wait()}; its own message stands above")


def _time(workers: dict[str, Worker], repeats: int) -> list[dict[str, Any]]:
    """Every case of every worker `repeats` times, in another order each time."""
    jobs = [(name, case) for name, worker in workers.items() for case in worker.ready["cases"]]
    times: dict[tuple[str, str], list[dict[str, float]]] = {job: [] for job in jobs}
    for repeat in range(repeats):
        random.Random(repeat).shuffle(jobs)
        for name, case in jobs:
            process = workers[name].process
            assert process.stdin is not None
            process.stdin.write(case + "\n")
            process.stdin.flush()
            times[name, case].append(_hear(name, process))
    lines = []
    for (name, case), measured in times.items():
        work, problem, label = case.split("/", 2)
        ready = workers[name].ready
        versions = {key: value for key, value in ready.items() if key not in ("cases", "first_call_s", "checks")}
        what = {"library": name, "work": work, "problem": problem, "case": label, "peer_versions": versions}
        numbers = {key: statistics.median(m[key] for m in measured) for key in ("median_ms", "p10_ms", "cpu_ms")}
        checked = {"check": ready["checks"].get(case), "first_call_s": ready["first_call_s"][case]}
        lines.append(what | numbers | checked | {"repeats": repeats})
    return lines


def _arrays(problems: dict[str, Problem]) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for name, problem in problems.items():
        arrays |= {f"{name}/w{i}": np.asarray(layer.w) for i, layer in enumerate(problem.network)}
        arrays |= {f"{name}/x": np.asarray(problem.bottom), f"{name}/y": np.asarray(problem.top)}
    return arrays


if __name__ == "__main__":
    launch(main)
