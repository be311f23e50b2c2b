"""Curves of all runs in long form. Imports no JAX."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pcl.errors import unknown
from pcl.evaluation.checks import known_mean, ratio
from pcl.evaluation.summary import Record, setting_text, task_curves
from pcl.figures.curves import bin_ends
from pcl.results import frames
from pcl.results.load import records

Points = tuple[Any, Any]  # steps [N], values [N] or [N, …]
KEYS = ("run_id", "stream", "learner", "variant", "seed")


def _probed(record: Record) -> Points:
    steps = record["probe_steps"]
    return steps, 100 * task_curves(record) if len(steps) else np.empty((0, 1))


# Curves that every run has; others are what its learner logged.
ALWAYS: Mapping[str, Callable[[Record], Points]] = {
    "acc": lambda record: (record["probe_steps"], known_mean(_probed(record)[1], 1)),
    "task_acc": _probed,
    "prequential_acc": lambda record: (bin_ends(record), 100 * ratio(record["hits"], record["seen"])),
}


def curves(folder: str | Path, experiment: str, name: str, *, frame: str | None = None) -> Any:
    """One row per run and step: `run_id`, `stream`, `learner`, `variant`, `seed`, `step`, and the curve under its name.

    `acc` is the accuracy in % of probes, mean over tasks, `task_acc` that of each task, `prequential_acc` that of the
    samples that arrived in each bin of the log, before learning. Any other name is what learners logged, by bins: means
    over samples or steps, sums of events, or values at the end of the bin. A curve of arrays has one column per
    entry, `<name>_1` the first. Runs without the curve have no rows.

    Raises:
      UsageError: there are no such results, no run has such a curve, or the library of `frame` is not installed.
    """
    kind = frames.kind_of(frame)
    runs = records(folder, experiment)
    known = {name for run in runs for name in run["logged"]} | set(ALWAYS)
    if name not in known:
        raise unknown(f"curve of {experiment}", name, known)
    long: dict[str, list[Any]] = {key: [] for key in (*KEYS, "step")}
    entries: dict[str, list[Any]] = {}
    for record in runs:
        if name not in ALWAYS and name not in record["logged"]:
            continue
        steps, values = ALWAYS[name](record) if name in ALWAYS else logged(record, name)
        if not len(steps):  # nothing was probed
            continue
        flat, before = np.reshape(values, (len(steps), -1)), len(long["step"])
        for key in KEYS:
            long[key] += [setting_text(record[key]) if key == "variant" else record[key]] * len(steps)
        long["step"] += [int(step) for step in steps]
        for place, column in enumerate(flat.T):
            entry = name if np.ndim(values) == 1 else f"{name}_{place + 1}"
            entries.setdefault(entry, [np.nan] * before).extend(column.tolist())
        for values_so_far in entries.values():
            values_so_far += [np.nan] * (len(long["step"]) - len(values_so_far))
    types = {"step": "integer", "seed": "integer"}
    columns = {key: frames.column(values, types.get(key, "text")) for key, values in long.items()}
    columns |= {entry: frames.column(values, "number") for entry, values in entries.items()}
    return frames.framed(frames.table_of(columns), kind)


def logged(record: Record, name: str) -> Points:
    """A learner's logged curve, at the ends of the bins of the log."""
    values, per = np.asarray(record[name], float), record["logged"][name]
    if per in ("taught", "seen"):
        count = np.reshape(record[per], (-1, *(1,) * (values.ndim - 1)))
        values = ratio(values, count)
    return bin_ends(record), values
