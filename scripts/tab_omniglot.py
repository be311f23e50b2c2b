"""Omniglot one class at a time: accuracy on all classes at the end, and on those that came first and last."""

from pathlib import Path

import numpy as np

from pcl.evaluation.summary import Record, summarise, task_curves
from pcl.figures.style import measured_rows, save_table
from pcl.runner.store import Store

METRICS = (
    "acc", "first_tenth_acc", "last_tenth_acc", "aaa", "half_life", "prequential_acc", "state_bytes", "ms_per_step"
)  # fmt: skip


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/omniglot`; returns the files written."""
    records = Store(results_dir, "omniglot").records()
    rows = summarise(records)
    rows += measured_rows(records, "first_tenth_acc", lambda run: _at_the_end(run, first=True))
    rows += measured_rows(records, "last_tenth_acc", lambda run: _at_the_end(run, first=False))
    return save_table(rows, results_dir, "tab_omniglot", METRICS)


def _at_the_end(run: Record, first: bool) -> float:
    """Accuracy in % at the last probe on the tenth of the classes that came first, or last."""
    accuracy = task_curves(run)[-1]
    tenth = -(-len(accuracy) // 10)
    return 100 * float(np.mean(accuracy[:tenth] if first else accuracy[-tenth:]))
