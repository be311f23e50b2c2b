"""Opening again: accuracy on both worlds at the end, on each right after it was lived in, and what was lost of it."""

from pathlib import Path

import numpy as np

from pcl.evaluation.summary import summarise
from pcl.figures.inference import contexts_found
from pcl.figures.style import measured_rows, save_table
from pcl.runner.store import Store

METRICS = ("acc", "learning_acc", "forgetting", "prequential_acc", "specialists", "state_bytes", "ms_per_step")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/reopening`; returns the files written."""
    records = Store(results_dir, "reopening").records()
    rows = list(summarise(records))
    rows += [row for row in measured_rows(records, "specialists", contexts_found) if np.isfinite(row.mean)]
    return save_table(rows, results_dir, "tab_reopening", METRICS)
