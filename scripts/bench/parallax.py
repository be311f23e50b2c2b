"""Throughput of parallax: samples per second, one sample per step, by the number of features that its synapses read.

Ten Gaussian classes in 64 dimensions that never change, with all slots for contexts allocated. One JSON line a width:
median over repeats of the wall time and of the CPU time of all threads, without compilation (on a machine with other
load only the second is meaningful); and how often the compiled program copies the covariances of all banks, which it
should do in sleep alone.

    python -m scripts.bench.parallax --width=256 --width=1000 >> results/bench_parallax.jsonl
"""

import json
import re
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from jax import Array

from pcl import learners
from pcl.command import launch
from pcl.fields import replace
from pcl.runner import devices
from pcl.types import Batch, Spec, State

FLAGS = flags.FLAGS
flags.DEFINE_multi_integer(
    "width", [256, 1000], "Number of features that the synapses read; may be repeated.", lower_bound=1
)
flags.DEFINE_integer("samples", 1000, "Samples per measurement.", lower_bound=1)
flags.DEFINE_integer("repeats", 5, "Measurements of each width.", lower_bound=1)

CLASSES, INPUTS, APART = 10, 64, 1.2


def main() -> None:
    """Compile, run, print a line for each width."""
    devices.configure()
    for width in FLAGS.width:
        print(json.dumps(measured(width) | devices.provenance()), flush=True)


def measured(width: int) -> dict[str, object]:
    """Samples per second of one run, after as many samples that are not counted."""
    learner, hp = learners.make("parallax", Spec((INPUTS,), CLASSES))
    hp = jax.tree.map(np.float32, replace(hp, {"random_features": width}))
    centre_key, key = jax.random.split(jax.random.key(0))
    centres = APART * jax.random.normal(centre_key, (CLASSES, INPUTS))

    def step(state: State, key: Array) -> tuple[State, None]:
        draw, scatter = jax.random.split(key)
        k = jax.random.randint(draw, (1,), 0, CLASSES)
        true, task = jnp.ones(1, bool), jnp.zeros(1, jnp.int32)
        batch = Batch(centres[k] + jax.random.normal(scatter, (1, INPUTS)), k, true, true, task)
        return learner.update(state, batch, hp)[0], None

    def life(state: State, key: Array) -> State:
        return jax.lax.scan(step, state, jax.random.split(key, FLAGS.samples))[0]

    state = jax.jit(learner.init)(key, hp)
    live = jax.jit(life, donate_argnums=0).lower(state, key).compile()
    walls, cpus = [], []
    for repeat in range(FLAGS.repeats + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        state = jax.block_until_ready(live(state, jax.random.fold_in(key, repeat)))
        if repeat:  # the first life, which includes compilation, is not counted
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    wall, cpu = statistics.median(walls), statistics.median(cpus)
    return {
        "width": width,
        "code": hp.code,
        "samples": FLAGS.samples,
        "samples_per_second": FLAGS.samples / wall,
        "samples_per_cpu_second": FLAGS.samples / cpu,
        "ms_per_sample": 1e3 * wall / FLAGS.samples,
        "cpu_ms_per_sample": 1e3 * cpu / FLAGS.samples,
        "spread": [min(walls) / wall, max(walls) / wall],
        "bank_copies": bank_copies(live.as_text() or "", hp.specialists, (hp.code, width)),
    }


def bank_copies(program: str, slots: int, sizes: tuple[int, ...]) -> int:
    """Copies, in a compiled program, of square matrices of one of these sizes of all slots."""
    square = "|".join(f"{size},{size}" for size in sizes)
    return len(re.findall(rf"= f32\[{slots},(?:\d+,)?(?:{square})\]\S* copy\(", program))


if __name__ == "__main__":
    launch(main)
