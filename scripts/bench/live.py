"""Time per sample of a live learner, beside a step of the same learner's run with a batch of one.

The samples of digits, one at a time, in one process: a compiled run without probes (it predicts before it learns, logs,
and ends), the same samples as tables (`partial_fit`), as calls of `learn_one`, and of `predict_one` before it. All are
timed in turn, `repeats` times: medians of microseconds per sample, and the median over turns of the run's time over
that of a table. One JSON line per learner, to the terminal and to `<results_dir>/bench_live.jsonl`.

    python -m scripts.bench.live
"""

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags

import pcl
from pcl import learners, streams
from pcl.command import NAMES, folder_flag, launch
from pcl.folders import write_whole
from pcl.runner import devices
from pcl.runner.run import make_run
from pcl.streams.sources import source

FLAGS = flags.FLAGS
flags.DEFINE(NAMES, "learners", ["ncm", "rls", "pcn", "er", "parallax"], "Learners to measure.")
flags.DEFINE_integer("repeats", 10, "Measurements of each.", lower_bound=1)
folder_flag("results_dir", "results", "Folder that bench_live.jsonl is written to.")

WAYS = ("run", "table", "learn_one", "predict_and_learn_one")


def main() -> None:
    """Measure every learner and write a line for each."""
    devices.configure()
    lines = [_line(name) for name in FLAGS.learners]
    path = Path(FLAGS.results_dir, "bench_live.jsonl")
    write_whole(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
    print(path)


def _line(name: str) -> dict[str, Any]:
    ways = [_run(name), *_live(name)]
    times = [[way() for way in ways] for _ in range(FLAGS.repeats + 1)][1:]  # the first compiles
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    line: dict[str, Any] = {"learner": name} | {f"{way}_us": us for way, us in zip(WAYS, medians, strict=True)}
    line["run_over_table"] = statistics.median(run / table for run, table, *_ in times)
    print(json.dumps(line), flush=True)
    return line | devices.provenance() | {"load": os.getloadavg()}


def _run(name: str) -> Callable[[], float]:
    stream, data = streams.make("split", source="digits", batch=1)
    stream = stream._replace(probe=None, revisit=None)
    learner, hp = learners.make(name, stream.spec)
    run = jax.jit(make_run(learner, stream))
    numbers = jax.tree.map(np.float32, hp)
    return lambda: _timed(stream.steps, lambda: jax.block_until_ready(run(jax.random.key(0), numbers, data)))


def _live(name: str) -> list[Callable[[], float]]:
    digits = source("digits")
    life = pcl.live(name, inputs=digits.x_train.shape[1:], classes=range(10))
    x, y = digits.x_train, digits.y_train
    rows = list(zip(x, y.tolist(), strict=True))

    def each(*calls: Callable[..., Any]) -> None:
        for row in rows:
            for call in calls:
                call(*row)

    def ready(work: Callable[[], Any]) -> Callable[[], float]:
        return lambda: _timed(len(x), lambda: (work(), life.predict_one(x[0])))

    return [
        ready(lambda: life.partial_fit(x, y)),
        ready(lambda: each(life.learn_one)),
        ready(lambda: each(lambda sample, _: life.predict_one(sample), life.learn_one)),
    ]


def _timed(samples: int, work: Callable[[], Any]) -> float:
    """Microseconds per sample."""
    start = time.perf_counter()
    work()
    return 1e6 * (time.perf_counter() - start) / samples


if __name__ == "__main__":
    launch(main)
