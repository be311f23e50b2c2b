"""Omniglot one class at a time: accuracy on all classes at the end, and on those that came first and last."""

from pathlib import Path

from pcl.evaluation.classes import tenths
from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = (
    "acc", "first_tenth_acc", "last_tenth_acc", "aaa", "half_life", "prequential_acc", "state_bytes", "ms_per_step"
)  # fmt: skip


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/omniglot`; returns the files written."""
    records = Store(results_dir, "omniglot").records()
    return save_table(summarise(records) + summarise(records, tenths), results_dir, "tab_omniglot", METRICS)
