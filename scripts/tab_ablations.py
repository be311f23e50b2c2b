"""Parallax without one of its mechanisms: accuracy while living and at the end, contexts found, settling steps."""

from pathlib import Path

import numpy as np

from pcl.evaluation.summary import summarise
from pcl.figures.inference import contexts_found, rightly_found
from pcl.figures.style import measured_rows, save_table
from pcl.runner.store import Store

METRICS = ("prequential_acc", "acc", "specialists", "right_number", "inference_steps", "surprise_error_correlation")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/ablations`; returns the files written."""
    records = Store(results_dir, "ablations").records()
    rows = list(summarise(records))
    for name, measure in {"specialists": contexts_found, "right_number": rightly_found}.items():
        rows += [row for row in measured_rows(records, name, measure) if np.isfinite(row.mean)]
    return save_table(rows, results_dir, "tab_ablations", METRICS)
