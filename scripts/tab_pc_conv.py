"""VGG-5 on CIFAR-10: variants of predictive coding beside backpropagation."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("acc", "inference_steps", "flops_per_sample", "ms_per_sample")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/pc_conv`; returns the files written."""
    rows = summarise(Store(results_dir, "pc_conv").records())
    return save_table(rows, results_dir, "tab_pc_conv", METRICS, latex=True)
