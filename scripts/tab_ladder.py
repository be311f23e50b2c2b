"""The ladder from least mean squares to full precision: accuracy in turn and shuffled, and what the order costs."""

from pathlib import Path

from pcl.evaluation.offline import further_rows, offline_rows, order_gaps
from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("acc", "offline_acc", "order_gap", "order_gap_size", "prequential_acc", "state_bytes", "ms_per_sample")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/order_free`; returns the files written."""
    records = list(Store(results_dir, "order_free").records())
    rows = summarise(records)
    rows += offline_rows(rows) + further_rows(rows, records, order_gaps(records))
    in_turn = [row for row in rows if not row.stream.endswith("_iid")]
    return save_table(in_turn, results_dir, "tab_ladder", METRICS, latex=True)
