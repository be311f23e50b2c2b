"""Contexts that come back: accuracy beside the oracle's, samples to recover, contexts found, and settling steps."""

import json
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from pcl.evaluation.summary import Record, summarise
from pcl.figures.inference import contexts_found, refusals, rightly_found
from pcl.figures.reactions import shifts
from pcl.figures.style import measured_rows, save_table
from pcl.runner.store import Store

ORACLE = "parallax_told"
INFERS = ("parallax",)  # the others are told, or have one context
ROW = 5  # hits in a row that count as recovered
METRICS = (
    "prequential_acc", "revisit_acc", "oracle_acc", "revisit_share_of_oracle", "revisit_acc_behind_first",
    "oracle_acc_behind_first", "samples_on_first_visit", "samples_to_recover", "specialists", "right_number", "refused",
    "mean_k_quiet", "mean_k_predicted", "spearman_k_surprise", "input_surprise",
)  # fmt: skip


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/contexts`; returns the files written."""
    records = list(Store(results_dir, "contexts").records())
    oracle = {(r["stream"], r["seed"]): r for r in records if r["learner"] == ORACLE}

    def told(record: Record, first: int = 0) -> float:
        found = oracle.get((record["stream"], record["seed"]))
        return np.nan if found is None else _revisit(found, first)

    rows = list(summarise(records))
    for name, measure in {
        "oracle_acc": told,
        "revisit_share_of_oracle": lambda record: 100 * _revisit(record) / told(record),
        "revisit_acc_behind_first": lambda record: _revisit(record, 1),
        "oracle_acc_behind_first": lambda record: told(record, 1),
        "samples_on_first_visit": samples_on_first_visit,
        "samples_to_recover": samples_to_recover,
        "specialists": contexts_found,
        "right_number": lambda record: rightly_found(record) if record["learner"] in INFERS else np.nan,
        "refused": refusals,
        "mean_k_quiet": mean_k_quiet,
        "mean_k_predicted": mean_k_predicted,
        "spearman_k_surprise": spearman_k_surprise,
    }.items():
        rows += [row for row in measured_rows(records, name, measure) if np.isfinite(row.mean)]
    return save_table(rows, results_dir, "tab_contexts", METRICS)


def _revisit(record: Record, first: int = 0) -> float:
    """Accuracy in % over the episodes lived after the stream, from their sample `first` on.

    Where labels alone tell the context, nobody can know of the switch at the first one.
    """
    return 100 * float(np.mean(np.asarray(record["revisit_accuracy"])[:, first:]))


def samples_on_first_visit(record: Record) -> float:
    """Samples of a context met for the first time before a bin of the log (5 samples on digits, 10 on MNIST) of hits.

    Median over contexts but the one that the stream begins with, the whole visit if never; NaN where contexts fade.
    """
    if json.loads(record["config"])["stream"].get("fade"):
        return np.nan
    right = np.asarray(record["hits"]) == np.asarray(record["seen"])
    starts, width, needed = [*record["visit_start"], record["steps"]], record["log_every"], []
    for context in set(record["visit_task"]) - {record["visit_task"][0]}:
        visit = record["visit_task"].index(context)
        first, behind = (-(-start // width) for start in starts[visit : visit + 2])
        bins = np.flatnonzero(right[first:behind])
        needed.append(width * bins[0] if len(bins) else starts[visit + 1] - starts[visit])
    return float(np.median(needed)) if needed else np.nan


def samples_to_recover(record: Record) -> float:
    """Samples of a context that came back before `ROW` hits in a row; median over contexts, all if never."""
    hits = np.asarray(record["revisit_accuracy"]) == 1  # one sample a step
    needed = []
    for episode in hits:
        runs = [i for i in range(len(episode) - ROW + 1) if episode[i : i + ROW].all()]
        needed.append(runs[0] if runs else len(episode))
    return float(np.median(needed))


def mean_k_quiet(record: Record) -> float:
    """Settling steps a sample outside the quarter of a visit that follows each shift, hard samples included."""
    found = shifts(record)
    if record["inference_steps"] is None or found is None:
        return np.nan
    steps, taught = (np.asarray(record[name]) for name in ("inference_steps", "taught"))
    quiet = np.ones(len(steps), bool)
    for start in (0, *found.bins):
        quiet[start : start + found.quarter] = False
    return float(steps[quiet].sum() / taught[quiet].sum())


def mean_k_predicted(record: Record) -> float:
    """Settling steps a sample over the bins of the log in which every sample was a hit."""
    if record["inference_steps"] is None:
        return np.nan
    steps, taught, hits, seen = (np.asarray(record[name]) for name in ("inference_steps", "taught", "hits", "seen"))
    right = (hits == seen) & (taught > 0)
    return float(steps[right].sum() / taught[right].sum()) if right.any() else np.nan


def spearman_k_surprise(record: Record) -> float:
    """Rank correlation of settling steps and surprise over the bins of the log."""
    if record["inference_steps"] is None or record["surprise"] is None:
        return np.nan
    steps, surprise, taught = (np.asarray(record[name]) for name in ("inference_steps", "surprise", "taught"))
    some = taught > 0
    if np.ptp(steps[some] / taught[some]) == 0:
        return np.nan
    return float(spearmanr(steps[some] / taught[some], surprise[some] / taught[some]).statistic)
