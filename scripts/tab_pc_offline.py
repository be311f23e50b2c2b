"""MLPs of 3 x 128 on MNIST and Fashion-MNIST: variants of predictive coding beside backpropagation."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

# No times: the records were made beside other work. `scripts.bench.inference` times the same steps.
METRICS = ("acc", "inference_steps", "flops_per_sample")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/pc_offline`; returns the files written."""
    rows = summarise(Store(results_dir, "pc_offline").records())
    return save_table(rows, results_dir, "tab_pc_offline", METRICS, latex=True)
