"""Few labels: accuracy by the share of labels, handed out at random or on request."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("acc", "prequential_acc", "labelled")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/label_requests`; returns the files written."""
    rows = summarise(Store(results_dir, "label_requests").records())
    return save_table(rows, results_dir, "tab_label_requests", METRICS)
