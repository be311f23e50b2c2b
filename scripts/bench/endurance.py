"""Endurance of parallax: float32 error over many samples, and contexts found with wrong labels.

One sample after the other of ten Gaussian classes that never change; prints a JSON line after each tenth of the run:
accuracy of the first and of the latest tenth, contexts found, the largest entry of (inverse x what it inverts -
identity) over the class covariances, the largest number anywhere, CPU time a sample. `noise` is the share of samples
whose label is replaced by one drawn from all.

    python -m scripts.bench.endurance --samples=1000000
    python -m scripts.bench.endurance --samples=100000 --noise=0.3
"""

import json
import time

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from jax import Array

from pcl import learners
from pcl.command import launch
from pcl.fields import replace
from pcl.learners.parallax.sensors import density
from pcl.runner import devices
from pcl.types import Batch, Spec, State

FLAGS = flags.FLAGS
flags.DEFINE_integer("samples", 1_000_000, "Number of samples.", lower_bound=10_000)
flags.DEFINE_float("noise", 0.0, "Share of the labels that are drawn at random.", lower_bound=0, upper_bound=1)
flags.DEFINE_integer("seed", 0, "Seed from which classes and samples are drawn.", lower_bound=0)

PIECE, CLASSES, INPUTS, APART = 10_000, 10, 16, 1.2
SETTINGS = {"random_features": 64}


def main() -> None:
    """Run, measure, print a line."""
    devices.configure()
    learner, hp = learners.make("parallax", Spec((INPUTS,), CLASSES))
    hp = jax.tree.map(np.float32, replace(hp, SETTINGS))
    centre_key, key = jax.random.split(jax.random.key(FLAGS.seed))
    centres = APART * jax.random.normal(centre_key, (CLASSES, INPUTS))

    def step(state: State, key: Array) -> tuple[State, Array]:
        draw, scatter, wrong, other = jax.random.split(key, 4)
        k = jax.random.randint(draw, (1,), 0, CLASSES)
        x = centres[k] + jax.random.normal(scatter, (1, INPUTS))
        noisy = jax.random.uniform(wrong, (1,)) < FLAGS.noise
        y = jnp.where(noisy, jax.random.randint(other, (1,), 0, CLASSES), k)
        true = jnp.ones(1, bool)
        state, info = learner.update(state, Batch(x, y, true, true, jnp.zeros(1, jnp.int32)), hp)
        assert info.prediction is not None
        assert info.prediction.logits is not None
        return state, (jnp.argmax(info.prediction.logits, axis=1) == k).mean()

    live = jax.jit(lambda state, key: jax.lax.scan(step, state, jax.random.split(key, PIECE)), donate_argnums=0)
    pieces = FLAGS.samples // PIECE
    keys = jax.random.split(key, pieces)
    state, hits = jax.jit(learner.init)(key, hp), []
    state, first = live(state, keys[0])  # compiles
    hits.append(float(first.mean()))
    tenth, start = max(pieces // 10, 1), time.process_time()
    for piece in keys[1:]:
        state, right = live(state, piece)
        hits.append(float(right.mean()))
        if len(hits) % tenth == 0:
            cpu_ms = 1e3 * (time.process_time() - start) / (PIECE * (len(hits) - 1))
            line = {"samples": len(hits) * PIECE, "noise": FLAGS.noise, "seed": FLAGS.seed}
            line |= {"first_tenth": float(np.mean(hits[:tenth])), "last_tenth": float(np.mean(hits[-tenth:]))}
            print(json.dumps(line | _health(state) | {"cpu_ms_per_sample": cpu_ms} | devices.provenance()), flush=True)


def _health(state: State) -> dict[str, float]:
    """Contexts found and refused, samples counted, error of inverses, and the largest number."""
    bank = jax.tree.map(lambda leaf: leaf[0], state.sensors.banks.density)
    return {
        "contexts": int(state.contexts.number),
        "refused": int(state.course.refused),
        "counted": float(bank.size.sum()),
        "inverse_error": _inverse_error(bank),
        "largest": max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(state.sensors.banks)),
    }


def _inverse_error(bank: density.Density) -> float:
    """Largest entry of P A - I, where P was carried along and A = scatter + D Sigma as renewed last."""
    exact = density.renew(bank)
    return float(jnp.abs(bank.inverse @ jnp.linalg.inv(exact.inverse) - jnp.eye(INPUTS)).max())


if __name__ == "__main__":
    launch(main)
