"""The ladder from least mean squares to full precision: accuracy in turn and shuffled, and what the order costs.

`acc_spread` is how far the accuracy of an order is from the mean over orders, without its sign; `offline_acc` that of
one pass over the same samples shuffled.
"""

from pathlib import Path

from pcl.evaluation.offline import offline_rows, order_gaps, spreads
from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = (
    "acc",
    "acc_spread",
    "offline_acc",
    "order_gap",
    "order_gap_size",
    "prequential_acc",
    "state_bytes",
    "ms_per_sample",
)


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/order_free`; returns the files written."""
    records = list(Store(results_dir, "order_free").records())
    rows = summarise(records)
    gap, spread = order_gaps(records), spreads(records)
    rows += offline_rows(rows) + summarise(records, lambda record: gap(record) | spread(record))
    in_turn = [row for row in rows if not row.stream.endswith("_iid")]
    return save_table(in_turn, results_dir, "tab_ladder", METRICS, latex=True)
