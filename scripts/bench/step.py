"""Cost of the step limit: an update of `pcn` whose step follows the curvature beside one whose step is fixed.

Depth 2, 20 inference steps, 784 inputs; `updates` updates in one compiled loop, timed until their results are there.
Both are timed in turn, `repeats` times: medians of microseconds an update, and the median of the ratios of each turn,
which is less sensitive to other load. One JSON line per case, to the terminal and to
`<results_dir>/bench_step.jsonl`.

    python -m scripts.bench.step
"""

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from pcl import learners
from pcl.command import folder_flag, launch
from pcl.folders import write_whole
from pcl.runner import devices
from pcl.types import Batch, Spec

FLAGS = flags.FLAGS
flags.DEFINE_integer("repeats", 15, "Measurements of each case.", lower_bound=10)
flags.DEFINE_integer("updates", 100, "Updates in each measurement.", lower_bound=1)
folder_flag("results_dir", "results", "Folder that bench_step.jsonl is written to.")

SPEC = Spec((784,), 10)
LIMITS = ("nothing", "curvature")


def main() -> None:
    """Time every case and write a line for each."""
    devices.configure()
    lines = [_line(width, batch) for batch in (10, 64) for width in (128, 256)]
    path = Path(FLAGS.results_dir, "bench_step.jsonl")
    write_whole(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
    print(path)


def _line(width: int, batch: int) -> dict[str, Any]:
    runs = [_compiled(width, batch, limit) for limit in LIMITS]
    times = [[_time(run) for run in runs] for _ in range(FLAGS.repeats)]
    fixed, limited = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(b / a for a, b in times)
    line = {"width": width, "batch": batch, "fixed_us": fixed, "limited_us": limited, "ratio": ratio}
    print(json.dumps(line))
    return line | devices.provenance() | {"load": os.getloadavg()}


def _compiled(width: int, batch: int, limit: str) -> Callable[[], Any]:
    """A loop of updates from fresh weights, warmed up."""
    learner, hp = learners.make("pcn", SPEC)
    hp = hp.replace(width=width, step_limit=limit)
    rng, shape = np.random.default_rng(0), (FLAGS.updates, batch)
    true = jnp.ones(shape, bool)
    x = jnp.asarray(rng.normal(size=(*shape, *SPEC.input_shape)), jnp.float32)
    batches = Batch(x, jnp.asarray(rng.integers(0, 10, shape), jnp.int32), true, true, jnp.zeros(shape, jnp.int32))

    @jax.jit
    def live(state: Any, batches: Batch) -> Any:
        return jax.lax.scan(lambda s, rows: (learner.update(s, rows, hp)[0], None), state, batches)[0]

    state = learner.init(jax.random.key(0), hp)
    jax.block_until_ready(live(state, batches))
    return lambda: jax.block_until_ready(live(state, batches))


def _time(run: Callable[[], Any]) -> float:
    """Microseconds of one update."""
    start = time.perf_counter()
    run()
    return 1e6 * (time.perf_counter() - start) / FLAGS.updates


if __name__ == "__main__":
    launch(main)
