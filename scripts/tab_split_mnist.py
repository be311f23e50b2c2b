"""Split-MNIST and Split-Fashion-MNIST: replay around two network rules, beside what goes without."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from scripts.records import records_of

METRICS = (
    "acc",
    "aaa",
    "forgetting",
    "learning_acc",
    "min_acc",
    "stability_gap",
    "prequential_acc",
    "state_bytes",
    "ms_per_step",
)


def main(results_dir: Path) -> list[Path]:
    """Write the table from both experiments' records; returns the files written."""
    records = records_of(results_dir, "split_mnist", "split_fashion_mnist")
    return save_table(summarise(records), results_dir, "tab_split_mnist", METRICS, latex=True)
