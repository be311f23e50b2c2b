"""Parallax without one of its mechanisms: accuracy while living and at the end, and settling steps."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("prequential_acc", "acc", "inference_steps", "surprise_error_correlation", "ms_per_step")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/ablations`; returns the files written."""
    return save_table(summarise(Store(results_dir, "ablations").records()), results_dir, "tab_ablations", METRICS)
