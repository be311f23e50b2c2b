"""How fast each inference rule nears the equilibrium: residual, and angle of the weight update to the true one.

For every rule, every number of steps and both problems of `bench_inference` (fresh and trained weights), a JSON
line: the residual (norm of the activity gradient relative to that of the feed-forward pass, over the batch), the
angle between the weight update and that at the equilibrium, in degrees, the matrix products of inference in units
of one 64 x 256 x 256, and milliseconds of CPU and wall time, medians over the repeats. Written to
`<results_dir>/bench_equilibrium.jsonl`; this is a study of one inference, not a sweep of learners over streams.

    python -m scripts.bench_equilibrium
"""

import functools
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax
from absl import flags

from pcl.command import launch
from pcl.network.acceleration import anderson, conjugate, layerwise
from pcl.network.energy import Activities, Problem, errors, feedforward
from pcl.network.equilibrium import gauss_newton
from pcl.network.inference import settle
from pcl.network.plasticity import hebbian_update
from pcl.runner import devices
from scripts.inference_problems import descent_plans, random_problem, residual, trained_problem
from scripts.peers.work import BATCH, SIZES

FLAGS = flags.FLAGS
flags.DEFINE_integer("repeats", 15, "Measurements of each rule and number of steps.", lower_bound=1)
flags.DEFINE_string("results_dir", "results", "Folder that bench_equilibrium.jsonl is written to.")

STEPS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
FEW = 12  # steps of Gauss-Newton, which is at the limit of float32 by then
# Products of 64 x 256 x 256: first those from the second layer on and what a rule computes beforehand (forming or
# inverting a matrix of 256 x 256 counts 4 products, the shared solve the descent of 10 rows), then those of a step.
SMALL = SIZES[-1] / SIZES[1]  # a product with the output layer
PRODUCTS: dict[str, tuple[float, float]] = {
    "gradient descent 0.1": (1 + SMALL, 2 + 2 * SMALL),
    "gradient descent": (1 + SMALL, 2 + 2 * SMALL),
    "heavy ball": (1 + SMALL, 2 + 2 * SMALL),
    "layerwise": (1 + SMALL + 2 * 4 + 2 * 4, 4 + 2 * SMALL),
    "conjugate": (1 + SMALL, 3 + 3 * SMALL),
    "anderson": (1 + SMALL, 2 + 2 * SMALL),
    "gauss_newton": (1 + 5 * SMALL + SIZES[-1] / BATCH, 2 + 8 * SMALL),
}
Rule = Callable[[Problem, Activities], Activities]


def main() -> None:
    """Time every rule at every number of steps, and write a line for each."""
    lines = []
    for name, problem in {"init": random_problem(), "trained": trained_problem()}.items():
        plans = descent_plans(problem)
        rate, (best, momentum) = plans["gradient descent"][0], plans["momentum"][:2]
        settled = jax.jit(lambda p: gauss_newton(p, feedforward(p), 40).z)(problem)
        truth = _update(problem, settled)
        for rule in PRODUCTS:
            for steps in STEPS:
                if rule == "gauss_newton" and steps > FEW:
                    continue
                run = jax.jit(_rule(rule, steps, {"rate": rate, "best": best, "momentum": momentum}))
                z = jax.block_until_ready(run(problem))
                where = {"problem": name, "rule": rule, "steps": steps, "residual": float(residual(problem, z))}
                angle = float(_angle(_update(problem, z), truth))
                fixed, each = PRODUCTS[rule]
                cost = {"products": fixed + each * steps} | _time(functools.partial(run, problem), FLAGS.repeats)
                lines.append(where | {"angle": angle} | cost)
    about = devices.provenance() | {"load": os.getloadavg()}
    path = Path(FLAGS.results_dir, "bench_equilibrium.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text("".join(json.dumps(line | about) + "\n" for line in lines))
    os.replace(temporary, path)
    print(path)


def _rule(name: str, steps: int, tuned: dict[str, float]) -> Callable[[Problem], Activities]:
    """Inference by a rule from the feed-forward pass; rates are those that reach the tolerance soonest."""
    if name == "gauss_newton":
        return lambda p: gauss_newton(p, feedforward(p), steps).z
    optimisers: dict[str, Callable[[Problem, Activities], optax.GradientTransformation]] = {
        "gradient descent 0.1": lambda p, z: optax.sgd(0.1),
        "gradient descent": lambda p, z: optax.sgd(tuned["rate"]),
        "heavy ball": lambda p, z: optax.sgd(tuned["best"], tuned["momentum"]),
        "layerwise": lambda p, z: layerwise(p, z, 0.5),
        "conjugate": lambda p, z: conjugate(p),
        "anderson": lambda p, z: anderson(tuned["rate"]),
    }

    def run(p: Problem) -> Activities:
        z = feedforward(p)
        return settle(p, z, optimisers[name](p, z), steps).z

    return run


@jax.jit
def _update(problem: Problem, z: Activities) -> jax.Array:
    """The direction of all weights as one vector."""
    direction = hebbian_update(problem, z, errors(problem, z), jnp.ones(BATCH))
    return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(direction)])


def _angle(a: jax.Array, b: jax.Array) -> jax.Array:
    """Degrees between two directions, accurate where they are nearly the same."""
    a, b = a / jnp.linalg.norm(a), b / jnp.linalg.norm(b)
    return jnp.degrees(2 * jnp.arctan2(jnp.linalg.norm(a - b), jnp.linalg.norm(a + b)))


def _time(call: Callable[[], Any], repeats: int) -> dict[str, float]:
    wall, cpu = [], []
    for _ in range(repeats):
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        jax.block_until_ready(call())
        wall.append(1e3 * (time.perf_counter() - wall_s))
        cpu.append(1e3 * (time.process_time() - cpu_s))
    return {"median_ms": statistics.median(wall), "min_ms": min(wall), "cpu_ms": statistics.median(cpu)}


if __name__ == "__main__":
    launch(main)
