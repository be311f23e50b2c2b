"""Split-Digits: every learner in turn-by-turn and in shuffled order."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = (
    "acc",
    "aaa",
    "forgetting",
    "learning_acc",
    "min_acc",
    "prequential_acc",
    "state_bytes",
    "ms_per_step",
)


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/split_digits`; returns the files written."""
    rows = summarise(Store(results_dir, "split_digits").records())
    return save_table(rows, results_dir, "tab_split_digits", METRICS, latex=True)
