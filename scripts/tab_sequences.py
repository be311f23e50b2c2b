"""Sequences: the share of variance of the next observation that was predicted, and what it cost."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("prequential_acc", "surprise_error_correlation", "flops_per_sample", "state_bytes", "ms_per_sample")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/sequences`; returns the files written."""
    return save_table(summarise(Store(results_dir, "sequences").records()), results_dir, "tab_sequences", METRICS)
