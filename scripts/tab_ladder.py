"""The ladder from least mean squares to full precision: accuracy in turn and shuffled, and what the order costs.

`acc_spread` is how far the accuracy of an order is from the mean over orders, without its sign; `offline_acc` that of
one pass over the same samples shuffled.
"""

from pathlib import Path

from pcl.evaluation.offline import further_rows, offline_rows, order_gaps
from pcl.evaluation.summary import Record, measure, setting_text, summarise
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
    means = {(row.stream, row.learner, row.variant): row.mean for row in rows if row.metric == "acc"}
    gap = order_gaps(records)

    def compared(record: Record) -> dict[str, float]:
        cell = record["stream"], record["learner"], setting_text(record["variant"])
        return gap(record) | {"acc_spread": abs(measure(record)["acc"] - means[cell])}

    rows += offline_rows(rows) + further_rows(rows, records, compared)
    in_turn = [row for row in rows if not row.stream.endswith("_iid")]
    return save_table(in_turn, results_dir, "tab_ladder", METRICS, latex=True)
