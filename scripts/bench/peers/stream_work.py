"""The stream that a peer's whole training loop runs on: Split-MNIST, pairs of classes in turn, batches of 10.

Needs NumPy alone. A peer is called as `PYTHON peer_stream_NAME.py MNIST_FOLDER IMAGES`, takes an equal share of the
images from each task, and prints a JSON object: images, and the CPU-seconds of all threads for the loop over batches
(`scripts.bench.stream`). Compilation and loading are not counted.
"""

import gzip
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZES, BATCH, STEPS, RATE, LR = (784, 400, 400, 10), 10, 20, 0.1, 0.05


def _read(folder: Path, stem: str, skip: int) -> np.ndarray:
    """The bytes of an MNIST file, compressed or not, after its header of `skip` bytes."""
    (path, *_) = sorted(folder.glob(f"{stem}*"))
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return np.frombuffer(raw, np.uint8, offset=skip)


def weights() -> list[np.ndarray]:
    """Fresh weights of variance 1/inputs."""
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(d, h)) / np.sqrt(d)).astype(np.float32) for d, h in itertools.pairwise(SIZES)]


def run(step: Callable[[np.ndarray, np.ndarray], Any], finish: Callable[[Any], Any]) -> None:
    """Print the time of `step(x, y)` over the whole stream. `finish` waits for what the last step returned."""
    folder, images = Path(sys.argv[1]), int(sys.argv[2])
    x = _read(folder, "train-images", 16).reshape(-1, 784).astype(np.float32) / 255
    y = _read(folder, "train-labels", 8)
    rng, order = np.random.default_rng(0), []
    for task in range(5):
        ids = rng.permutation(np.flatnonzero(y // 2 == task))
        order += [ids[: min(len(ids), images // 5) // BATCH * BATCH]]
    rows = np.concatenate(order).reshape(-1, BATCH)
    one_hot = np.eye(10, dtype=np.float32)[y]
    for ids in rows[:3]:  # compiles
        finish(step(x[ids], one_hot[ids]))
    cpu, wall = time.process_time(), time.perf_counter()
    for ids in rows:
        last = step(x[ids], one_hot[ids])
    finish(last)
    times = {"train_cpu_s": time.process_time() - cpu, "train_s": time.perf_counter() - wall}
    print(json.dumps({"images": rows.size} | times))
