"""The report of what was made again: published numbers and runs beside those made again, as Markdown and CSV."""

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from pcl.errors import NoResults
from pcl.evaluation.catalogue import described, number
from pcl.evaluation.reproduced import NO_INTERVAL, OUTSIDE, VERDICTS, Reproduced, reproduced, summary
from pcl.evaluation.summary import Record, Row, setting_text
from pcl.experiment import Table, load_experiment
from pcl.figures import tables
from pcl.figures.style import write_csv
from pcl.folders import write_whole
from pcl.runner.lives import Verdict, compared
from pcl.runner.scales import name_of
from pcl.runner.store import Store

SHOWN = 60  # rows of a list in the Markdown; the CSV has all
FOLDER = "made_again"
TO_THE_BIT = "to the bit"


class Pair(NamedTuple):
    """A run made again under the names of its published record, and that record, if there is one."""

    new: dict[str, Any]
    published: Record | None


def pairs(experiment: str, against: Path, results_dir: Path) -> list[Pair]:
    """The runs of an experiment beside its records: by id, or by name where the code has got other settings since."""
    known: dict[Any, Record] = {}
    for record in recorded(against, experiment):
        known[name_of(record)] = record
    known |= {record["run_id"]: record for record in known.values()}
    found = []
    for record in recorded(results_dir, experiment):
        published = known.get(record["run_id"], known.get(name_of(record)))
        names = {name: published[name] for name in ("stream", "variant")} if published else {}
        found.append(Pair({**record, **names}, published))
    return found


def recorded(folder: Path, experiment: str) -> list[dict[str, Any]]:
    """All records of an experiment below a folder, or none."""
    try:
        return Store(folder, experiment).records()
    except NoResults:
        return []


def numbers(names: Sequence[str], against: Path, results_dir: Path) -> list[Reproduced]:
    """Every number behind the tables of the named experiments, each once; all metrics, whichever a table shows."""
    found: dict[tuple[object, ...], Reproduced] = {}
    for name in names:
        for declared in load_experiment(name).tables:
            sources = [source for source in (name, *declared.beside) if source in names]
            of = [pair for source in sources for pair in pairs(source, against, results_dir)]
            before = [record for source in sources for record in recorded(against, source)]
            same = [pair.published for pair in of if pair.published]
            rows = reproduced(
                _rows(declared, before, against),
                _rows(declared, same, against),
                _rows(declared, [pair.new for pair in of], results_dir),
            )
            for row in rows:
                if row.experiment in names:
                    found.setdefault(row[:5], row)
    return list(found.values())


def _rows(declared: Table, records: Sequence[Record], folder: Path) -> list[Row]:
    """The rows of a table as far as there are records and files for them."""
    measured = dataclasses.replace(declared, more=None)
    try:
        found = tables.rows(measured, records, folder) if records else []
    except Exception as error:  # a metric may compare with records that were left out
        print(f"{declared.name} without what it compares: {type(error).__name__} ({error})", file=sys.stderr)
        found = tables.rows(dataclasses.replace(measured, measures=()), records, folder)
    try:
        return [*found, *(declared.more(folder) if declared.more else ())]
    except (NoResults, OSError, ValueError):  # not made in this folder
        return found


def lives(names: Iterable[str], against: Path, results_dir: Path) -> list[dict[str, object]]:
    """One line per run that was made again: whether its record equals the published one."""
    found = []
    for name in names:
        for new, published in pairs(name, against, results_dir):
            verdict = compared(new, published) if published else Verdict(False, "no published record")
            about = {key: new[key] for key in ("stream", "learner")} | {"variant": setting_text(new["variant"])}
            found.append(
                {"experiment": name, **about, "seed": new["seed"], "run_id": new["run_id"], "verdict": verdict.text}
                | {"hits_that_differ": verdict.samples, "largest_difference": verdict.largest}
                | {"record_made_on": machine(published) if published else "", "made_on": machine(new)}
            )
    return found


def machine(record: Record) -> str:
    """The machine and versions that made a record."""
    about: Mapping[str, Any] = record["provenance"] or {}
    jax = json.loads(about.get("versions") or "{}").get("jax", "?")
    return f"{about.get('machine')}, {about.get('devices')} x {about.get('device')}, JAX {jax}"


def write(
    names: Sequence[str], against: Path, results_dir: Path, scale: str, notes: Mapping[str, Sequence[str]]
) -> tuple[list[Path], str]:
    """`report.md`, `report.csv` and `runs.csv` below `<results_dir>/made_again`; also returns the summary line.

    Args:
      notes: lists at the end of the report, by their headline.
    """
    rows, runs, folder = numbers(names, against, results_dir), lives(names, against, results_dir), results_dir / FOLDER
    written = [write_csv(folder / "report.csv", [row._asdict() for row in rows])] if rows else []
    written += [write_csv(folder / "runs.csv", runs)] if runs else []
    line = f"{summary(rows)} {_of_runs(runs)}"
    parts = [
        f"# Reproduction at scale {scale}", line,
        "A number is compared over the seeds that were run again: the published mean, moved by their mean difference,"
        " lies in the published 95 % interval or outside. Times are not compared: they are of a machine.",
        "## Numbers", _counts(rows), "## Runs", _machines(runs),
        "The same machine, versions, mode and width give the same bits. Others give the same numbers up to rounding at"
        " first; small differences grow where learning is chaotic. Up to rounding: hits differ in at most one of a"
        " thousand samples.",
        *_listed("Numbers outside their intervals", [row for row in rows if row.verdict == OUTSIDE]),
        *_listed("Numbers that differ and have no interval", [row for row in rows if row.verdict == NO_INTERVAL]),
    ]  # fmt: skip
    for title, lines in notes.items():
        parts += [f"## {title}", "\n".join(f"- {one}" for one in lines)] if lines else []
    write_whole(folder / "report.md", ("\n\n".join(parts) + "\n").encode())
    return [folder / "report.md", *written], line


def _of_runs(runs: Sequence[Mapping[str, object]]) -> str:
    counts = Counter(str(run["verdict"]) for run in runs)
    said = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.most_common())
    return f"{len(runs):,} runs made again, as their records: {said or 'none'}."


def _counts(rows: Sequence[Reproduced]) -> str:
    return _crossed(rows, "experiment", lambda row: row.experiment, lambda row: row.verdict, VERDICTS)


def _machines(runs: Sequence[Mapping[str, object]]) -> str:
    said = [str(run["verdict"]) for run in runs]
    order = sorted(set(said), key=lambda one: (one != TO_THE_BIT, one != "up to rounding", one))
    return _crossed(
        runs,
        "records made on | made again on",
        lambda run: f"{run['record_made_on']} | {run['made_on']}",
        lambda run: str(run["verdict"]),
        order,
    )


def _crossed(
    rows: Sequence[Any], head: str, line: Callable[[Any], str], column: Callable[[Any], str], columns: Sequence[str]
) -> str:
    """How many rows there are of each line and column, as a table."""
    counts = Counter((line(row), column(row)) for row in rows)
    lines = dict.fromkeys(line(row) for row in rows)
    cut = len(head.split(" | "))
    body = [[*one.split(" | "), *(counts[one, name] for name in columns)] for one in lines]
    total = [["all", *[""] * (cut - 1), *(sum(counts[one, name] for one in lines) for name in columns)]]
    return tabulate(body + total, [*head.split(" | "), *columns], tablefmt="github") if rows else "None."


def _listed(title: str, rows: Sequence[Reproduced]) -> list[str]:
    """A headline and the rows below it, none if there are none."""
    if not rows:
        return []
    head = ("experiment", "stream", "learner", "variant", "metric", "published", "the same seeds", "again", "seeds")
    body = []
    for row in rows[:SHOWN]:
        mean, low, high, same, new = (
            number(row.metric, value) for value in (row.mean, row.low, row.high, row.same_mean, row.new_mean)
        )
        unit = " %" if described(row.metric).unit == "%" else ""
        body.append((*row[:5], f"{mean} [{low}, {high}]{unit}", same, new, f"{row.n} of {row.seeds}"))
    more = [f"The first {SHOWN} of {len(rows):,}; `report.csv` has all."] if len(rows) > SHOWN else []
    return [f"## {title}", tabulate(body, head, tablefmt="github", disable_numparse=True), *more]
