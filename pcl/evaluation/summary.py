"""From records to a long table: one row a stream, learner, variant and metric. Imports no JAX."""

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from tabulate import tabulate

from pcl.evaluation import metrics
from pcl.evaluation.statistics import mean_interval

Record = Mapping[str, Any]


class Row(NamedTuple):
    """One cell of a table, accuracies in per cent, with a 95 % interval over seeds."""

    experiment: str
    stream: str
    learner: str
    variant: str
    metric: str
    mean: float
    low: float
    high: float
    seeds: int
    command: str


TASK_METRICS: dict[str, Callable[..., float]] = {
    "acc": metrics.average_accuracy,
    "aaa": metrics.average_anytime_accuracy,
    "forgetting": metrics.forgetting,
    "bwt": metrics.backward_transfer,
    "learning_acc": metrics.learning_accuracy,
    "min_acc": metrics.minimum_accuracy,
}
PER_CENT = (*TASK_METRICS, "prequential_acc")


def task_curves(record: Record) -> np.ndarray:
    """Accuracy of each task at each probe [P, T], in 0 .. 1."""
    return metrics.task_accuracy(record["probe_accuracy"], record["group_task"], record["group_count"])


def measure(record: Record) -> dict[str, float]:
    """Every metric of one run."""
    accuracy = task_curves(record)
    values = {name: f(accuracy, record["probe_steps"], record["task_ends"]) for name, f in TASK_METRICS.items()}
    values["prequential_acc"] = metrics.prequential_accuracy(record["hits"], record["seen"])
    values = {name: 100 * value for name, value in values.items()}
    if record["inference_steps"] is not None:
        values["inference_steps"] = float(np.sum(record["inference_steps"]) / np.sum(record["taught"]))
    return values | {"state_bytes": record["state_bytes"], "ms_per_step": record["timing"]["ms_per_step"]}


def summarise(records: Iterable[Record]) -> list[Row]:
    """Mean and interval of every metric over the seeds of each stream, learner and variant.

    Metrics that a stream or learner does not define are left out. A run that diverged counts with the
    accuracy it had, which is what its user would get.
    """

    def cell(record: Record) -> tuple[str, str, str, str]:
        return record["experiment"], record["stream"], record["learner"], record["variant"]

    rows = []
    for (experiment, stream, learner, variant), group in itertools.groupby(sorted(records, key=cell), cell):
        runs = list(group)
        measured = [measure(run) for run in runs]
        settings = setting_text(variant)
        command = (
            f"python -m experiments.run --experiment={experiment} --streams={stream} --learners={learner}"
            f" --seeds={len(runs)}" + "".join(f" --set {text}" for text in settings.split())
        )
        for metric in measured[0]:
            values = [m[metric] for m in measured]
            if np.isfinite(values).all():
                interval = mean_interval(values)
                rows.append(Row(experiment, stream, learner, settings, metric, *interval, len(runs), command))
    return rows


def setting_text(variant: str) -> str:
    """`name=value` pairs of a variant's JSON, as they are written behind --set."""
    return " ".join(f"{name}={value}" for name, value in sorted(json.loads(variant).items()))


def table(rows: Sequence[Row], wanted: Sequence[str], style: str = "simple") -> str:
    """A table for people: a line a stream, learner and variant, a column a metric, `mean [low, high]`.

    `style` is a format of tabulate (`simple`, `github`, `latex_booktabs`).
    """
    cells: dict[tuple[str, str, str, int], dict[str, str]] = {}
    for row in rows:
        line = cells.setdefault((row.stream, row.learner, row.variant, row.seeds), {})
        line[row.metric] = _text(row)
    has_variants = any(variant for _, _, variant, _ in cells)
    head = ["stream", "learner", *(["variant"] if has_variants else []), "seeds", *wanted]
    body = [
        [stream, learner, *([variant] if has_variants else []), seeds, *(line.get(m, "-") for m in wanted)]
        for (stream, learner, variant, seeds), line in cells.items()
    ]
    return tabulate(body, head, tablefmt=style, disable_numparse=True)


def _text(row: Row) -> str:
    if row.metric == "state_bytes":
        return f"{row.mean:,.0f}"
    digits = 1 if row.metric in PER_CENT else 3
    interval = f" [{row.low:.{digits}f}, {row.high:.{digits}f}]" if np.isfinite(row.low) else ""
    return f"{row.mean:.{digits}f}" + (interval if row.metric in PER_CENT else "")
