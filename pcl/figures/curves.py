"""Curves of figures: the runs of one learner on one stream as means with a band over seeds. Imports no JAX.

Accuracies are in per cent. `runs` are records of one stream, learner and variant, so that values that do not depend on
the seed (steps, probes, bins of the log) are read from the first.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pcl.evaluation import acquisition, retention
from pcl.evaluation.checks import Vector, known_mean
from pcl.evaluation.classes import by_age
from pcl.evaluation.metrics import Steps
from pcl.evaluation.prequential import samples_at, task_prequential_accuracy, windowed_accuracy
from pcl.evaluation.shifts import plasticity_slope
from pcl.evaluation.statistics import mean_band, mean_interval
from pcl.evaluation.summary import Record, task_curves

Runs = Sequence[Record]
Visit = tuple[int, Vector, Vector]  # task, accuracy in 0 .. 1 at samples that had arrived
FEWEST_POINTS = 5  # in a visit: with fewer, the time that learning takes cannot be read
WINDOW = 50  # samples in running means of online measurements, at least
WINDOW_SHARE = 0.01  # of the stream
AGES = 50  # classes that are averaged in each point after the first


class Curve(NamedTuple):
    """Mean over seeds and its 95 % interval at each x."""

    name: str
    x: Vector
    mean: Vector
    low: Vector
    high: Vector


def over_seeds(name: str, x: ArrayLike, values: ArrayLike) -> Curve:
    """A curve from `values` [seeds, X]."""
    return Curve(name, np.asarray(x, float), *mean_band(values))


def ragged(name: str, runs: Sequence[Mapping[Any, float]]) -> Curve:
    """A curve from one mapping of x to value per run; at each x over the runs that have it."""
    x = sorted({at for run in runs for at in run})
    if all(len(run) == len(x) for run in runs):
        return over_seeds(name, x, [[run[at] for at in x] for run in runs])
    columns = [mean_interval([run[at] for run in runs if at in run]) for at in x]
    return Curve(name, np.asarray(x, float), *np.reshape(columns, (-1, 3)).T)


def boundaries(runs: Runs) -> dict[int, float]:
    """First steps of all visits but the first, with the share of runs in which each is one."""
    starts = [start for run in runs for start in run["visit_start"][1:]]
    return {step: starts.count(step) / len(runs) for step in sorted(set(starts))}


def task_accuracies(runs: Runs) -> list[Curve]:
    """Accuracy of probes of each task at each probe, by step."""
    if not len(runs[0]["probe_steps"]):
        return []
    accuracy = 100 * np.stack([task_curves(run) for run in runs])
    return [over_seeds(f"task {t + 1}", runs[0]["probe_steps"], accuracy[:, :, t]) for t in range(accuracy.shape[2])]


def mean_accuracy(runs: Runs) -> list[Curve]:
    """Accuracy of probes, mean over all tasks, by step."""
    if not len(runs[0]["probe_steps"]):
        return []
    values = 100 * np.stack([known_mean(task_curves(run), 1) for run in runs])
    return [over_seeds("mean of all tasks", runs[0]["probe_steps"], values)]


def window(record: Record) -> int:
    """Samples in the running mean of online measurements."""
    return max(WINDOW, round(WINDOW_SHARE * np.sum(record["seen"])))


def lived(runs: Runs, of: str, per: str, name: str, scale: float = 1.0, samples: int | None = None) -> list[Curve]:
    """The logged sum `of` per sample of the log `per`, over the latest `samples`, at the end of each bin.

    None where nothing of it was ever logged.
    """
    if any(run.get(of) is None for run in runs):
        return []
    values = [scale * windowed_accuracy(run[of], run[per], samples or window(run)) for run in runs]
    return [over_seeds(name, bin_ends(runs[0]), values)] if np.isfinite(values).any() else []


def bin_ends(record: Record) -> Vector:
    """Steps run by the end of each bin of the log."""
    return np.minimum(np.arange(1.0, len(record["seen"]) + 1) * record["log_every"], record["steps"])


def visits(record: Record) -> tuple[Steps, Steps, Steps]:
    """First step, end and task of each visit."""
    start = np.asarray(record["visit_start"])
    return start, np.append(start[1:], record["steps"]), np.asarray(record["visit_task"])


def retained(record: Record, tasks: slice = slice(None), above_chance: bool = False) -> retention.Retention | None:
    """Accuracy by age of the chosen tasks, in 0 .. 1, or `above_chance` (a - chance) / (1 - chance), at least 0.

    From the probes at the ends of visits; where visits end between probes, from all of them. None on a stream
    without a second visit or without probes.
    """
    start, end, task = visits(record)
    steps = np.asarray(record["probe_steps"])
    if len(start) < 2 or not len(steps):
        return None
    met = np.isin(steps, end)
    met = met if met.sum() > 1 else np.ones_like(met)
    accuracy, chance = task_curves(record)[met], record["chance"]
    accuracy = np.maximum(accuracy - chance, 0) / (1 - chance) if above_chance else accuracy
    age = retention.ages(steps[met], end, task)[:, tasks]
    known = np.isfinite(age) & np.isfinite(accuracy[:, tasks])
    return retention.retention_curve(accuracy[:, tasks], age) if known.any() else None


def half_life(record: Record) -> float:
    """Half-life of accuracy above chance, in visits to other tasks; NaN if retention is not defined from age 0 on."""
    curve = retained(record, above_chance=True)
    return retention.half_life(curve) if curve and curve.age[0] == 0 else np.nan


def retentions(runs: Runs) -> list[Curve]:
    """Accuracy of probes by age, over all tasks."""
    return _by_age(runs, "mean of all tasks", slice(None))


def task_retentions(runs: Runs) -> list[Curve]:
    """Accuracy of probes by age of each task, where tasks come back."""
    n_tasks = len(set(runs[0]["visit_task"]))
    if n_tasks == len(runs[0]["visit_task"]):
        return []
    return [curve for t in range(n_tasks) for curve in _by_age(runs, f"task {t + 1}", slice(t, t + 1))]


def binned_retention(runs: Runs, name: str = "all classes") -> list[Curve]:
    """Accuracy of probes by age, over all classes, with `AGES` ages per point."""
    kept = [curve for run in runs if (curve := retained(run))]
    return [ragged(name, [by_age(curve, AGES) for curve in kept])] if kept else []


def learning_curves(record: Record) -> list[Visit]:
    """One learning curve per visit: of probes if each visit has several, else of the samples that arrived."""
    steps = np.asarray(record["probe_steps"])
    start, end, task = visits(record)
    inside = (start[:, None] <= steps) & (steps <= end[:, None])
    accuracy = task_curves(record) if len(steps) else np.empty((0, 0))
    if (inside.sum(1) >= FEWEST_POINTS).all() and task.max() < accuracy.shape[1]:  # probes may be of no task
        samples = samples_at(steps, record["seen"], record["log_every"], record["steps"])
        known = [(met & np.isfinite(accuracy[:, t]), t) for met, t in zip(inside, task, strict=True)]
        return [(int(t), accuracy[met, t], samples[met]) for met, t in known if met.any()]
    hits, seen, arrived = (np.asarray(part) for part in (record["hits"], record["seen"], np.cumsum(record["seen"])))
    # Bins that lie entirely within one visit.
    first, last = -(-start // record["log_every"]), end // record["log_every"]
    if (last - first < FEWEST_POINTS).any():
        return []
    curves = []
    for a, b, t in zip(first, last, task, strict=True):
        met = a + np.flatnonzero(seen[a:b])
        curves.append((int(t), windowed_accuracy(hits[met], seen[met], WINDOW), arrived[met] - seen[a : a + 1]))
    return curves


def learning_times(runs: Runs) -> list[Curve]:
    """Samples to learn each task at its first visit, by task; one that was not learned counts with its whole visit."""
    return _by_number("first visit", [_times(run) for run in runs])


def _times(record: Record) -> dict[int, float]:
    times: dict[int, float] = {}
    if len(record["visit_start"]) > 1:
        for task, accuracy, samples in learning_curves(record):
            needed = acquisition.samples_to_learn(accuracy, samples, chance=record["chance"])
            times.setdefault(task + 1, min(needed, samples[-1] - samples[0]))
    return times


def learning_time(record: Record) -> float:
    """Mean over tasks of the samples to learn each at its first visit; NaN on a stream of one visit."""
    times = list(_times(record).values())
    return float(known_mean(times))


def return_savings(record: Record) -> dict[int, float]:
    """Savings, in per cent, at the first return to a task, the second, …: mean over tasks that come back so often.

    A return that does not reach the level of the first visit counts with its whole length.
    """
    chance = record["chance"]
    first: dict[int, Visit] = {}
    returns: dict[int, int] = defaultdict(int)
    found: dict[int, list[float]] = defaultdict(list)
    for task, accuracy, samples in learning_curves(record):
        if task not in first:
            first[task] = task, accuracy, samples
            continue
        returns[task] += 1
        saved = acquisition.savings(*first[task][1:], accuracy, samples, chance=chance)
        if saved == -np.inf:
            needed = acquisition.samples_to_learn(*first[task][1:], chance=chance)
            saved = 1 - (samples[-1] - samples[0]) / needed
        if np.isfinite(saved):
            found[returns[task]].append(100 * saved)
    return {number: float(np.mean(values)) for number, values in found.items()}


def savings(runs: Runs) -> list[Curve]:
    """Savings in per cent by number of the return."""
    return _by_number("mean over tasks", [return_savings(run) for run in runs])


def online_accuracy(runs: Runs, name: str) -> Curve:
    """Prequential accuracy in per cent on each task, by its number."""
    values = np.stack([_online(run) for run in runs])
    return over_seeds(name, np.arange(1, values.shape[1] + 1), values)


def plasticity(record: Record) -> float:
    """Slope of the prequential accuracy per task, in percentage points per 100 tasks."""
    return plasticity_slope(_online(record)).per_100


def _online(record: Record) -> Vector:
    ends = visits(record)[1]
    return 100 * task_prequential_accuracy(record["hits"], record["seen"], record["log_every"], record["steps"], ends)


def reliability(runs: Runs) -> list[Curve]:
    """Accuracy in per cent of answers given with each confidence, by the middle of its tenth, also in per cent."""
    measured = []
    for run in runs:
        hits, count = np.asarray(run["confident_hits"]), np.asarray(run["confident"])
        measured.append({10 * at + 5: 100 * hits[at] / count[at] for at in np.flatnonzero(count).tolist()})
    return _by_number("answers", measured)


def revisits(runs: Runs) -> list[Curve]:
    """Accuracy by samples of the context met again after the stream, over all contexts and in each."""
    if runs[0]["revisit_accuracy"] is None:
        return []
    accuracy = 100 * np.stack([run["revisit_accuracy"] for run in runs])  # [seeds, G, R]
    batch = np.arange(1, accuracy.shape[2] + 1)
    each = [over_seeds(f"task {g + 1}", batch, accuracy[:, g]) for g in range(accuracy.shape[1])]
    return [*(each if len(each) > 1 else []), over_seeds("mean of all tasks", batch, accuracy.mean(1))]


def _by_age(runs: Runs, name: str, tasks: slice) -> list[Curve]:
    curves = [curve for run in runs if (curve := retained(run, tasks))]
    return _by_number(name, [dict(zip(c.age, 100 * c.accuracy, strict=True)) for c in curves])


def _by_number(name: str, runs: Sequence[Mapping[Any, float]]) -> list[Curve]:
    return [ragged(name, runs)] if any(runs) else []
