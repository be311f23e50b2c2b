"""Recurring contexts: accuracy while living, on held-out samples of all contexts, and on coming back."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("prequential_acc", "acc", "revisit_acc", "revisit_first_acc", "state_bytes", "ms_per_step")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/recurring_contexts`; returns the files written."""
    rows = summarise(Store(results_dir, "recurring_contexts").records())
    return save_table(rows, results_dir, "tab_recurring_contexts", METRICS)
