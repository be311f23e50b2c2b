"""Opening again: accuracy on both worlds at the end, on each right after it was lived in, and what was lost of it."""

from pathlib import Path

from pcl.evaluation.contexts import contexts_found
from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("acc", "learning_acc", "forgetting", "prequential_acc", "specialists", "state_bytes", "ms_per_step")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/reopening`; returns the files written."""
    records = Store(results_dir, "reopening").records()
    rows = summarise(records) + summarise(records, lambda record: {"specialists": contexts_found(record)})
    return save_table(rows, results_dir, "tab_reopening", METRICS)
