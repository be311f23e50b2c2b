"""Streams that move: prequential scores, mean scores on the present concept, and what they cost."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("prequential_acc", "aaa", "surprise_error_correlation", "flops_per_sample", "ms_per_sample")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/drift`; returns the files written."""
    return save_table(summarise(Store(results_dir, "drift").records()), results_dir, "tab_drift", METRICS)
