"""The work that every library does, the reference in float64, and the loop of a worker process. Needs NumPy alone.

Energy 1/2 sum_l |z_l - mu_l|^2 with mu_l = tanh(z_{l-1} W_l), linear at the output, no biases; activities begin at
the feed-forward pass. Work "step": `STEPS` gradient steps of rate `RATE` on the activities and one of rate `LR` on
the weights (mean over the batch). Work "settle": activities from the feed-forward pass to a gradient norm of
`TOLERANCE` relative to the first, by gradient descent of a given rate and number of steps.

A worker is started as `PYTHON peer_NAME.py PROBLEMS.npz PLANS.json`. It compiles all cases and prints one line. Then it
reads names of cases, and times each case when its name is read. Between them it is idle.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SIZES, BATCH, STEPS, RATE, LR, TOLERANCE = (784, 256, 256, 10), 64, 20, 0.1, 0.05, 1e-3
SECONDS, CALLS = 2.0, 100  # of one measurement, at most
Arrays = Any  # a sequence of NumPy arrays


def load() -> tuple[dict[str, tuple[list, np.ndarray, np.ndarray]], dict[str, Any]]:
    """The problems (weights, inputs, one-hot labels) by name, and the plans (rate, momentum, steps) for each."""
    with np.load(sys.argv[1]) as file, open(sys.argv[2]) as plans:
        names = sorted({key.split("/")[0] for key in file.files})
        problems = {n: ([file[f"{n}/w{i}"] for i in range(3)], file[f"{n}/x"], file[f"{n}/y"]) for n in names}
        return problems, json.load(plans)


def signals(weights: Arrays, x: np.ndarray, y: np.ndarray, z: Arrays) -> tuple[list, list]:
    """Gradients of the energy by hidden activities, and minus those by weights (summed over the batch), in float64."""
    w = [np.asarray(a, np.float64) for a in weights]
    below = [np.asarray(a, np.float64) for a in (x, *z)]
    a = [b @ w_l for b, w_l in zip(below, w, strict=True)]
    e = [z_l - np.tanh(a_l) for z_l, a_l in zip(below[1:], a[:-1], strict=True)]
    delta = [(1 - np.tanh(a_l) ** 2) * e_l for a_l, e_l in zip(a[:-1], e, strict=True)] + [y - a[-1]]
    gradient = [e_l - d @ w_l.T for e_l, d, w_l in zip(e, delta[1:], w[1:], strict=True)]
    return gradient, [b.T @ d for b, d in zip(below, delta, strict=True)]


def feedforward(weights: Arrays, x: np.ndarray) -> list:
    """Hidden activities of a feed-forward pass, in float64."""
    first = np.tanh(x.astype(np.float64) @ weights[0])
    return [first, np.tanh(first @ weights[1])]


def residual(weights: Arrays, x: np.ndarray, y: np.ndarray, z: Arrays) -> float:
    """Norm of the activity gradient over the batch, relative to that at the feed-forward pass."""
    size = [np.sqrt(sum((g**2).sum() for g in signals(weights, x, y, at)[0])) for at in (z, feedforward(weights, x))]
    return float(size[0] / size[1])


def deviation(weights: Arrays, x: np.ndarray, y: np.ndarray, new: Arrays) -> float:
    """Error of the weights after one step, relative to the largest update of their layer: the maximum over layers."""
    z = feedforward(weights, x)
    for _ in range(STEPS):
        z = [z_l - RATE * g for z_l, g in zip(z, signals(weights, x, y, z)[0], strict=True)]
    update = [LR / len(x) * d for d in signals(weights, x, y, z)[1]]
    got = [np.asarray(n, np.float64) - w for n, w in zip(new, weights, strict=True)]
    return max(float(np.abs(g - u).max() / np.abs(u).max()) for g, u in zip(got, update, strict=True))


def serve(cases: dict[str, Callable[[], Any]], checks: dict[str, Callable[[], float]], versions: dict) -> None:
    """Compile all cases, then time each case whose name is read, until the input ends. A call waits for its result."""
    first_s = {}
    for name, call in cases.items():
        start = time.perf_counter()
        call()
        first_s[name] = time.perf_counter() - start
    _say({"cases": list(cases), "first_call_s": first_s, "checks": {k: c() for k, c in checks.items()}} | versions)
    for line in sys.stdin:
        call, stop = cases[line.strip()], time.perf_counter() + SECONDS
        wall, cpu = list[float](), list[float]()
        call()
        while len(wall) < CALLS and (len(wall) < 10 or time.perf_counter() < stop):
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            call()
            wall.append(1e3 * (time.perf_counter() - wall_s))
            cpu.append(1e3 * (time.process_time() - cpu_s))
        p10 = statistics.quantiles(wall, n=10)[0]
        _say(
            {"median_ms": statistics.median(wall), "p10_ms": p10, "cpu_ms": statistics.median(cpu), "calls": len(wall)}
        )


def _say(what: dict) -> None:
    sys.stdout.write("@" + json.dumps(what) + "\n")
    sys.stdout.flush()
