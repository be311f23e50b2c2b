"""Rates of MLPs of 3 x 128 on the validation samples of MNIST and Fashion-MNIST."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/pc_offline_rates`; returns the files written."""
    rows = summarise(Store(results_dir, "pc_offline_rates").records())
    return save_table(rows, results_dir, "tab_pc_offline_rates", ("acc",))
