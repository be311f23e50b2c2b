"""A thousand classes one at a time: accuracy among the classes met so far, and of the first and last hundred.

Beside the first hundred of each order stand the same classes when all were shuffled (`offline_first_100`): what they
have of their own, and not of their age.
"""

from pathlib import Path
from typing import Any

import numpy as np

from pcl.evaluation.offline import further_rows, offline_rows, order_gaps, shuffled_twins
from pcl.evaluation.summary import Record, summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

CLASSES = (100, 200, 400, 600, 1000, 1623)
METRICS = (
    *(f"acc_{n}" for n in CLASSES),
    "acc_first_100",
    "acc_last_100",
    "offline_first_100",
    "offline_acc",
    "order_gap",
    "state_bytes",
    "ms_per_sample",
)


def class_accuracy(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Classes met at each probe [P], and the accuracy [P, K] of each class by the order in which they came, in %."""
    met = np.asarray(np.searchsorted(record["task_ends"], record["probe_steps"], side="right"))
    by_arrival = np.argsort(record["group_task"])
    return met, 100 * np.asarray(list(record["probe_accuracy"]))[:, by_arrival]


def measured(record: Record) -> dict[str, Any]:
    """`acc_<n>` among the first n classes when n were met, where that was probed; first and last hundred at the end."""
    met, accuracy = class_accuracy(record)
    values = {f"acc_{n}": accuracy[list(met).index(n), :n].mean() for n in CLASSES if n in met}
    return values | {"acc_first_100": accuracy[-1, :100].mean(), "acc_last_100": accuracy[-1, -100:].mean()}


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/thousand`; returns the files written."""
    records = list(Store(results_dir, "thousand").records())
    rows = summarise(records)
    one_at_a_time = [record for record in records if record["stream"] == "omniglot"]
    met = [row for row in rows if row.stream == "omniglot"]
    gap, twin = order_gaps(records), shuffled_twins(records)

    def compared(record: Record) -> dict[str, float]:
        shuffled = twin(record)
        if shuffled is None:
            return {}
        first = np.argsort(record["group_task"])[:100]
        return gap(record) | {"offline_first_100": 100 * np.asarray(shuffled["probe_accuracy"][-1])[first].mean()}

    found = met + offline_rows(rows) + further_rows(met, one_at_a_time, lambda r: measured(r) | compared(r))
    return save_table(found, results_dir, "tab_thousand", METRICS, latex=True)
