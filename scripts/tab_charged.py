"""A stream that does not wait: accuracy with updates for nothing and charged by FLOPs."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("acc", "aaa", "prequential_acc", "labelled", "cost_ratio", "flops_per_sample")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/charged`; returns the files written."""
    return save_table(summarise(Store(results_dir, "charged").records()), results_dir, "tab_charged", METRICS)
