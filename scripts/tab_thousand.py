"""A thousand classes one at a time: accuracy among the classes met so far, and of the first and last hundred.

Beside the first hundred of each order stand the same classes when all were shuffled (`offline_first_100`): what they
have of their own, and not of their age.
"""

from pathlib import Path

from pcl.evaluation.classes import AT, by_arrival, first_classes_shuffled
from pcl.evaluation.offline import offline_rows, order_gaps
from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = (
    *(f"acc_{n}" for n in AT),
    "acc_first_100",
    "acc_last_100",
    "offline_first_100",
    "offline_acc",
    "order_gap",
    "state_bytes",
    "ms_per_sample",
)


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/thousand`; returns the files written."""
    records = list(Store(results_dir, "thousand").records())
    rows = summarise(records)
    one_at_a_time = [record for record in records if record["stream"] == "omniglot"]
    met = [row for row in rows if row.stream == "omniglot"]
    gap, shuffled = order_gaps(records), first_classes_shuffled(records)
    found = met + offline_rows(rows)
    found += summarise(one_at_a_time, lambda record: by_arrival(record) | gap(record) | shuffled(record))
    return save_table(found, results_dir, "tab_thousand", METRICS, latex=True)
