"""Parallax without one of its mechanisms: accuracy while living and at the end, contexts found, settling steps."""

from pathlib import Path

from pcl.evaluation.contexts import contexts_found, rightly_found
from pcl.evaluation.summary import Record, summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("prequential_acc", "acc", "specialists", "right_number", "inference_steps", "surprise_error_correlation")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/ablations`; returns the files written."""
    records = Store(results_dir, "ablations").records()
    rows = summarise(records) + summarise(records, _contexts)
    return save_table(rows, results_dir, "tab_ablations", METRICS)


def _contexts(record: Record) -> dict[str, float]:
    return {"specialists": contexts_found(record), "right_number": rightly_found(record)}
