"""Contexts that come back: accuracy beside the oracle's, samples to recover, contexts found, and settling steps."""

from pathlib import Path

from pcl.evaluation.contexts import (
    beside_oracle,
    contexts_found,
    refusals,
    rightly_found,
    samples_on_first_visit,
    samples_to_recover,
    settling,
)
from pcl.evaluation.summary import Record, summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

ORACLE = "parallax_told"
INFERS = ("parallax",)  # the others are told, or have one context
METRICS = (
    "prequential_acc", "revisit_acc", "oracle_acc", "revisit_share_of_oracle", "revisit_acc_behind_first",
    "oracle_acc_behind_first", "samples_on_first_visit", "samples_to_recover", "specialists", "right_number", "refused",
    "mean_k_quiet", "mean_k_predicted", "spearman_k_surprise", "input_surprise",
)  # fmt: skip


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/contexts`; returns the files written."""
    records = list(Store(results_dir, "contexts").records())
    beside = beside_oracle(records, ORACLE)
    rows = summarise(records) + summarise(records, lambda record: beside(record) | _found(record) | settling(record))
    return save_table(rows, results_dir, "tab_contexts", METRICS)


def _found(record: Record) -> dict[str, float]:
    found = {
        "samples_on_first_visit": samples_on_first_visit(record),
        "samples_to_recover": samples_to_recover(record),
        "specialists": contexts_found(record),
        "refused": refusals(record),
    }
    return found | ({"right_number": rightly_found(record)} if record["learner"] in INFERS else {})
