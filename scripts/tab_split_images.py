"""Split-MNIST, Split-Fashion-MNIST and Split-CIFAR-10 in one pass: each learner beside its own offline bound."""

from pathlib import Path

from pcl.evaluation.offline import offline_rows, order_gaps
from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("acc", "offline_acc", "order_gap", "forgetting", "prequential_acc", "state_bytes", "ms_per_sample")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/split_images`; returns the files written."""
    records = list(Store(results_dir, "split_images").records())
    rows = summarise(records)
    rows += offline_rows(rows) + summarise(records, order_gaps(records))
    in_turn = [row for row in rows if not row.stream.endswith("_iid")]
    return save_table(in_turn, results_dir, "tab_split_images", METRICS, latex=True)
