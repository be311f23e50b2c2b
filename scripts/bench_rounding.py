"""How float32 rounding adds up in a carried covariance: conjugate synapses against the float64 solution of all rows.

Lives of 10^4, 10^5 and 10^6 updates, of one sample each on 50 inputs and of 50 samples each on 500, whose covariance
has a condition number of 10^4. A JSON line a life in `<results_dir>/bench_rounding.jsonl`: the largest error of the
weights and of the leverages of fresh inputs, both relative to the largest of them, and of P, relative to its largest
entry.

    python -m scripts.bench_rounding
"""

import json
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from jax import Array

from pcl.command import launch
from pcl.network import synapse
from pcl.network.covariance import covariance
from pcl.network.synapse import Synapses
from pcl.runner import devices

FLAGS = flags.FLAGS
flags.DEFINE_string("results_dir", "results", "Folder that bench_rounding.jsonl is written to.")

LIVES = ((10_000, 50, 1), (100_000, 50, 1), (1_000_000, 50, 1), (20_000, 500, 50))  # updates, inputs, samples in each
PIECE = 2_000_000  # numbers drawn at a time


def main() -> None:
    """Live each life and write a line."""
    path = Path(FLAGS.results_dir, "bench_rounding.jsonl")
    lines = []
    for updates, inputs, batch in LIVES:
        line = {"updates": updates, "inputs": inputs, "batch": batch} | rounding(updates, inputs, batch)
        print(json.dumps(line), flush=True)
        lines.append(json.dumps(line | devices.provenance()) + "\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text("".join(lines))
    os.replace(temporary, path)


def rounding(updates: int, inputs: int = 50, batch: int = 1) -> dict[str, float]:
    """Relative errors after `updates` updates of `batch` samples: of the weights, of P and of leverages."""
    rng = np.random.default_rng(0)
    # The strongest direction of a code is its mean.
    scale = np.logspace(0, -2, inputs)
    w = rng.normal(size=(inputs, 2))
    form = covariance("full", inputs, 0)

    @jax.jit
    def live(synapses: Synapses, rows: tuple[Array, Array]) -> Synapses:
        def step(synapses: Synapses, rows: tuple[Array, Array]) -> tuple[Synapses, None]:
            return synapse.learn(form, synapses, *rows, jnp.ones(batch, bool))[0], None

        return jax.lax.scan(step, synapses, rows)[0]

    with jax.enable_x64(False):
        synapses = Synapses(jnp.zeros((inputs, 2)), form.init(inputs, 1.0))
    xx, xy = np.eye(inputs), np.zeros((inputs, 2))
    for part in np.array_split(np.arange(updates), -(-updates * inputs * batch // PIECE)):
        phi = (rng.normal(size=(len(part), batch, inputs)) * scale).astype(np.float32)
        y = (phi @ w + 0.1 * rng.normal(size=(len(part), batch, 2))).astype(np.float32)
        flat, target = phi.reshape(-1, inputs).astype(float), y.reshape(-1, 2).astype(float)
        xx, xy = xx + flat.T @ flat, xy + flat.T @ target
        with jax.enable_x64(False):
            synapses = live(synapses, (jnp.asarray(phi), jnp.asarray(y)))
    exact = np.linalg.inv(xx)
    carried = np.asarray(synapses.p[0], float)
    fresh = rng.normal(size=(1000, inputs)) * scale

    def error(got: np.ndarray, want: np.ndarray) -> float:
        return float(np.abs(got - want).max() / np.abs(want).max())

    return {
        "weights": error(np.asarray(synapses.w), exact @ xy),
        "covariance": error(carried, exact),
        "leverage": error(np.sum(fresh @ carried * fresh, axis=1), np.sum(fresh @ exact * fresh, axis=1)),
    }


if __name__ == "__main__":
    launch(main)
