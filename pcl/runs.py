"""Stored runs: list, failed, missing, best, difference, merge, check.

python -m pcl.runs list [EXPERIMENT ...]                  runs by cell, or by experiment where none is named
python -m pcl.runs failed [EXPERIMENT ...]                every run that diverged or failed
python -m pcl.runs missing [EXPERIMENT ...]               published runs without a record, and the reverse
python -m pcl.runs best [EXPERIMENT ...] --metric=acc     the best settings, of runs probed on validation samples alone
python -m pcl.runs difference A B --metric=acc            two cells, or two results folders, paired by seed
python -m pcl.runs merge FOLDER ...                       adds the runs of other results folders to --results_dir
python -m pcl.runs check [--set_aside]                    verifies every part, as scripts.check_results does

A cell is written experiment:stream:learner[:variant]. Nothing is merged where the same run has other numbers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from tabulate import tabulate

from pcl import outside
from pcl.command import folder_flag, launch
from pcl.errors import UsageError, unknown
from pcl.evaluation.catalogue import number
from pcl.evaluation.statistics import METHOD
from pcl.evaluation.summary import diverged, setting_text
from pcl.experiment import experiment_names
from pcl.results.comparison import Difference, best, cells, differ, differences, require
from pcl.results.load import rows
from pcl.runner.cells import select
from pcl.runner.check import check_all
from pcl.runner.merge import merge
from pcl.runner.studies import use_results_dir
from pcl.runner.versions import Row

FLAGS = flags.FLAGS
outside.import_flag()
folder_flag("results_dir", "results", "Folder of the records.")
folder_flag("data_dir", None, "Folder of raw data files (default: the environment's PCL_DATA_DIR, else none).")
flags.DEFINE_string("metric", "acc", "Metric that `best` and `difference` compare.", allow_override=True)
flags.DEFINE_bool("set_aside", False, "Rename damaged or superseded parts (`check`).", allow_override=True)


def main(verb: str, *names: str) -> None:
    """Execute `verb` on `names`, and print a table.

    Raises:
      UsageError: the verb or a name is unknown, there are no results, or `missing` or `check` found faults.
    """
    if verb not in VERBS:
        raise unknown("command of runs", verb, VERBS)
    (outside.bring if verb == "missing" else outside.show)(outside.given())
    VERBS[verb](Path(FLAGS.results_dir), names)


def _list(results_dir: Path, names: Sequence[str]) -> None:
    found = rows(results_dir, names or None)
    groups: dict[tuple[str, ...], list[Row]] = {}
    for cell, runs in cells(found).items():
        groups.setdefault(cell if names else cell[:1], []).extend(runs)
    head = ["experiment", *(["stream", "learner", "variant"] if names else [])]
    _print(
        [*head, "runs", "ok", "diverged", "seeds", "commits", "newest"],
        [(*of, *_about(runs)) for of, runs in groups.items()],
    )


def _about(runs: Sequence[Row]) -> tuple[Any, ...]:
    """Number of runs, their seeds, and the commits and dates of their records."""
    seeds, bad = sorted({run["seed"] for run in runs}), diverged(runs)
    commits = sorted({(run["provenance"] or {}).get("commit", "")[:7] for run in runs})
    newest = max((run["provenance"] or {}).get("created") or "" for run in runs)[:16]
    span = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
    return len(runs), len(runs) - bad, bad, span, " ".join(commits[:3]) + " …" * (len(commits) > 3), newest


def _failed(results_dir: Path, names: Sequence[str]) -> None:
    found = [row for row in rows(results_dir, names or None) if row["status"] != "ok"]
    if not found:
        print("every run ended well")
        return
    keys = ("experiment", "stream", "learner")
    lines = [
        (*(r[key] for key in keys), setting_text(r["variant"]), r["seed"], r["status"], r["run_id"]) for r in found
    ]
    _print([*keys, "variant", "seed", "status", "run_id"], lines)


def _missing(results_dir: Path, names: Sequence[str]) -> None:
    from pcl.runner.publication import compare  # with JAX: ids are made from what would run
    from pcl.streams.sources import use_data_dir

    use_data_dir(FLAGS.data_dir)
    use_results_dir(results_dir)
    odd = 0
    for name in names or experiment_names():
        found = compare(name, results_dir)
        print(*found.lines(name), sep="\n")
        odd += found.odd
    if odd:
        raise UsageError(f"{odd} cells are only published or only recorded; see above")


def _best(results_dir: Path, names: Sequence[str]) -> None:
    metric = FLAGS.metric
    found = best(rows(results_dir, names or None), metric)
    lines = [
        (one.experiment, one.stream, one.learner, one.variant or "-", _text(metric, *one[4:7]), *one[7:])
        for one in found
    ]
    _print(
        ["experiment", "stream", "learner", "best", f"{metric} [{METHOD}]", "seeds", "diverged", "of variants"], lines
    )


def _difference(results_dir: Path, names: Sequence[str]) -> None:
    if len(names) != 2:
        raise UsageError(f"difference needs two cells or two results folders; {len(names)} are named")
    (a, b), metric = names, FLAGS.metric
    folders = Path(a).is_dir() and Path(b).is_dir()
    found = differences(rows(a), rows(b), metric) if folders else [_between(results_dir, a, b, metric)]
    lines = [
        (one.of, one.pairs, number(metric, one.a), number(metric, one.b), _text(metric, *one[4:]), _says(one))
        for one in found
    ]
    print(f"a = {a}\nb = {b}")
    _print(["of", "pairs", f"{metric} of a", "of b", f"a - b [{METHOD}]", "interval"], lines)


def _between(results_dir: Path, a: str, b: str, metric: str) -> Difference:
    """The paired difference of two cells."""

    def named(cell: str) -> list[Row]:
        ids = {run["run_id"]: run["experiment"] for run in select(results_dir, [cell])}
        return [row for row in rows(results_dir, sorted(set(ids.values()))) if row["run_id"] in ids]

    left, right = named(a), named(b)
    require([*left, *right], metric)
    return differ("a, b", left, right, metric)


def _says(one: Difference) -> str:
    return "leaves out 0" if one.apart else "holds 0"


def _merge(results_dir: Path, names: Sequence[str]) -> None:
    if not names:
        raise UsageError("merge needs the results folders to add; name one or more after it")
    for name in names:
        lines = [(name, one.experiment, len(one.rows), one.doubles) for one in merge(Path(name), results_dir)]
        _print(["from", "experiment", "added", "there already"], lines)


def _check(results_dir: Path, names: Sequence[str]) -> None:
    if names:
        raise UsageError(f"check verifies all of {results_dir}; it takes no '{names[0]}'")
    check_all(results_dir, FLAGS.set_aside)


def _text(metric: str, mean: float, low: float, high: float) -> str:
    return (
        f"{number(metric, mean)} [{number(metric, low)}, {number(metric, high)}]"
        if low == low
        else number(metric, mean)
    )


def _print(head: Sequence[str], lines: Sequence[Sequence[Any]]) -> None:
    print(tabulate(lines, head, disable_numparse=True))


VERBS = {
    "list": _list,
    "failed": _failed,
    "missing": _missing,
    "best": _best,
    "difference": _difference,
    "merge": _merge,
    "check": _check,
}

ARGUMENTS = f"one of {', '.join(VERBS)}"

if __name__ == "__main__":
    launch(main, ARGUMENTS)
