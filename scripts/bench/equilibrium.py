"""Convergence of each inference rule: residual, and angle of the weight update to that at the equilibrium.

For every rule, every number of steps and both problems of `scripts.bench.inference` (fresh and trained weights), a JSON
line: the residual (norm of the activity gradient relative to that of the feed-forward pass, over the batch), the
angle between the weight update and that at the equilibrium, in degrees, the matrix products of inference in units
of one 64 x 256 x 256, and milliseconds of CPU and wall time, medians over the repeats. Written to
`<results_dir>/bench_equilibrium.jsonl`; this is a study of one inference, not a sweep of learners over streams.

The equilibrium is found by Newton's method in float64, to a residual of 1e-10, and all is measured in float64. Rates
are those that reach a residual of 1e-3 soonest (gradient descent, momentum), or the smallest after 24 steps (adam,
error coordinates). `early stop` is gradient descent whose samples stop at their own residual, by tolerance; the
batch computes until its last one does. `fixed prediction` is backpropagation once it has settled: the angle that is
left is that between the two. `amortised start` begins at the guess of a recognition chain, learned from activities
that settled on other samples, in place of the feed-forward pass. The incremental rule is not here: its weights move,
and the equilibrium with them.

    python -m scripts.bench.equilibrium
"""

import functools
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from pcl.command import folder_flag, launch
from pcl.folders import write_whole
from pcl.network.amortise import guess
from pcl.network.energy import Activities, Errors, Problem, errors, feedforward
from pcl.network.halting import Budget, Halt
from pcl.network.inference import Numbers
from pcl.network.layers import Network
from pcl.network.plasticity import hebbian_update
from pcl.network.rules import RULES
from pcl.runner import devices

from .peers.work import BATCH, SIZES
from .problems import (
    RATES,
    as_float64,
    descent_plans,
    equilibrium,
    random_problem,
    recognition,
    trained_problem,
)
from .problems import residual as batch_residual

FLAGS = flags.FLAGS
flags.DEFINE_integer("repeats", 15, "Measurements of each rule and number of steps.", lower_bound=1)
folder_flag("results_dir", "results", "Folder that bench_equilibrium.jsonl is written to.")

STEPS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
FEW = {"gauss_newton": 12, "fixed prediction": 2}  # steps that end at the limit of float32, or exactly
TOLERANCES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)  # of early stops
ADAM_RATES = (0.003, 0.01, 0.03, 0.1)
# Products of 64 x 256 x 256: first those from the second layer on and what a rule computes beforehand (forming or
# inverting a matrix of 256 x 256 counts 4 products, the shared solve the descent of 10 rows), then those of a step.
SMALL = SIZES[-1] / SIZES[1]  # a product with the output layer
DESCENT = (1 + SMALL, 2 + 2 * SMALL)
PRODUCTS: dict[str, tuple[float, float]] = {
    "gradient descent 0.1": DESCENT,
    "gradient descent": DESCENT,
    "early stop": DESCENT,
    "heavy ball": DESCENT,
    "adam": DESCENT,
    "amortised start": (1 + SMALL, 2 + 2 * SMALL),  # guessing takes as many as the feed-forward pass
    "layerwise": (1 + SMALL + 2 * 4 + 2 * 4, 4 + 2 * SMALL),
    "conjugate": (1 + SMALL, 3 + 3 * SMALL),
    "anderson": DESCENT,
    "gauss_newton": (1 + 5 * SMALL + SIZES[-1] / BATCH, 2 + 8 * SMALL),
    "error coordinates": DESCENT,
    "fixed prediction": (1 + SMALL, 1 + SMALL),  # predictions stay
}


class Found(NamedTuple):
    """Where a rule ended, the most steps that a sample took, and errors to learn from that are not those at `z`."""

    z: Activities
    steps: jax.Array
    errors: Errors | None = None


Rule = Callable[[Problem], Found]
Of = Callable[[Budget], Rule]  # a rule by how long it settles


def main() -> None:
    """Time every rule at every number of steps, and write a line for each."""
    lines = []
    for name, (problem, others) in {"init": random_problem(), "trained": trained_problem()}.items():
        truth, rules = equilibrium(problem), _rules(problem, recognition(problem, others))
        for rule, of in rules.items():
            budgets = [Budget(n) for n in STEPS if n <= FEW.get(rule, max(STEPS))]
            if rule == "early stop":
                budgets = [Budget(max(STEPS), Halt("gradient", tolerance)) for tolerance in TOLERANCES]
            for budget in budgets:
                run = jax.jit(of(budget))
                found = jax.block_until_ready(run(problem))
                residual, angle = _measure(problem, found, truth)
                where = {"problem": name, "rule": rule, "steps": int(found.steps), "residual": residual, "angle": angle}
                fixed, each = PRODUCTS[rule]
                cost = {"products": fixed + each * int(found.steps)}
                lines.append(where | cost | _time(functools.partial(run, problem), FLAGS.repeats))
    about = devices.provenance() | {"load": os.getloadavg()}
    path = Path(FLAGS.results_dir, "bench_equilibrium.jsonl")
    write_whole(path, "".join(json.dumps(line | about) + "\n" for line in lines).encode())
    print(path)


def _rules(problem: Problem, guesses: Network) -> dict[str, Of]:
    """Every rule, with rates that suit the problem."""
    plans = descent_plans(problem)
    rate, (best, momentum) = plans["gradient descent"][0], plans["momentum"][:2]

    def by(
        name: str, rate: float = 1.0, momentum: float = 0.0, start: Callable[[Problem], Activities] = feedforward
    ) -> Of:
        chosen, numbers = RULES[name], Numbers(rate, momentum=momentum)

        def of(budget: Budget) -> Rule:
            def run(p: Problem) -> Found:
                settled = chosen.settle(p, start(p), budget, numbers)
                return Found(settled.z, settled.steps.max(), settled.errors if name == "fixed_prediction" else None)

            return run

        return of

    def soonest(rates: Sequence[float], name: str) -> Of:
        def residual(rate: float) -> float:
            return _finite(batch_residual(problem, jax.jit(by(name, rate)(Budget(24)))(problem).z))

        return by(name, min(rates, key=residual))

    return {
        "gradient descent 0.1": by("gd", 0.1),
        "gradient descent": by("gd", rate),
        "early stop": by("gd", rate),
        "heavy ball": by("momentum", best, momentum),
        "adam": soonest(ADAM_RATES, "adam"),
        "amortised start": by("gd", rate, start=lambda p: guess(guesses, p.top)),
        "layerwise": by("layerwise", 0.5),
        "conjugate": by("conjugate"),
        "anderson": by("anderson", rate),
        "gauss_newton": by("gauss_newton"),
        "error coordinates": soonest(RATES, "epc"),
        "fixed prediction": by("fixed_prediction"),
    }


def _finite(number: Any) -> float:
    return float(number) if np.isfinite(number) else np.inf


def _direction(problem: Problem, z: Activities) -> Network:
    return hebbian_update(problem, z, errors(problem, z), jnp.ones(BATCH))


def _measure(problem: Problem, found: Found, truth: Activities) -> tuple[float, float]:
    """Residual, and angle in degrees of the direction found to that at the true equilibrium, in float64."""
    with jax.enable_x64(True):
        p, z, own = as_float64((problem, found.z, found.errors))
        direction = _direction(p, z) if own is None else hebbian_update(p, feedforward(p), own, jnp.ones(BATCH))
        return float(batch_residual(p, z)), float(_angle(direction, _direction(p, truth)))


def _angle(a: Network, b: Network) -> jax.Array:
    """Degrees between two directions of all weights, accurate where they are nearly the same."""
    a_N, b_N = (jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(of)]) for of in (a, b))
    a_N, b_N = a_N / jnp.linalg.norm(a_N), b_N / jnp.linalg.norm(b_N)
    return jnp.degrees(2 * jnp.arctan2(jnp.linalg.norm(a_N - b_N), jnp.linalg.norm(a_N + b_N)))


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
