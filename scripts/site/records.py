"""What the committed tables and figures say of a learner, a stream or a metric, as Markdown for its page."""

import csv
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from pcl.evaluation.catalogue import described, number
from pcl.experiment import Experiment, Figure, Table, experiment_names, load_experiment
from pcl.runner import scales
from scripts.site.links import ROOT
from scripts.site.text import prose, table

RESULTS = ROOT / "results"
MOST_ROWS = 14
Row = dict[str, str]


@functools.cache
def experiments() -> dict[str, Experiment]:
    """All experiments by name."""
    return {name: load_experiment(name) for name in experiment_names()}


@functools.cache
def rows(table: str) -> list[Row]:
    """The rows of a committed table; none where it was not made."""
    path = RESULTS / "tables" / f"{table}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if "metric" in row]


def tables() -> list[tuple[Experiment, Table]]:
    """Each table that has metrics and was made, with its experiment."""
    every = [(experiment, table) for experiment in experiments().values() for table in experiment.tables]
    return [(experiment, table) for experiment, table in every if table.metrics and rows(table.name)]


def value(row: Row) -> str:
    """A number as it is printed, with its interval."""
    mean, low, high = (number(row["metric"], float(row[key])) if row[key] else "" for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]" if low and low != "nan" and described(row["metric"]).varies else mean


def _plainest(found: list[Row]) -> list[Row]:
    """Rows with the fewest settings that differ from the experiment's, of each stream and learner."""
    kept: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        kept.setdefault((row["stream"], row["learner"]), []).append(row)
    fewest = {key: min(len(row["variant"].split()) for row in group) for key, group in kept.items()}
    return [row for row in found if len(row["variant"].split()) == fewest[row["stream"], row["learner"]]]


def numbers(keep: Callable[[Row], bool], metric: str = "") -> str:
    """One table for each committed table that has such rows: its first metric, or `metric`."""
    parts = []
    for experiment, published in tables():
        shown = metric or published.metrics.split(",")[0]
        found = _plainest([row for row in rows(published.name) if row["metric"] == shown and keep(row)])
        if not found:
            continue
        meaning = described(shown).meaning or "accuracy after so many classes"
        cells = ("stream", "learner", "variant")
        body = [(*(prose(row[key]) for key in cells), prose(value(row)), row["seeds"]) for row in found]
        more = f" The first {MOST_ROWS} of {len(body)} rows." if len(body) > MOST_ROWS else ""
        parts += [
            f"[`{experiment.name}`](docs/reference/experiments/{experiment.name}.md): `{shown}`, {meaning}"
            f" ([all columns](results/tables/{published.name}.md)).{more}",
            table(("stream", "learner", "settings", shown, "seeds"), body[:MOST_ROWS]),
        ]
    return "\n\n".join(parts)


class Total(NamedTuple):
    """What the recorded runs of an experiment took: their number, wall-clock seconds, and the machines by name."""

    runs: int
    seconds: float
    machines: tuple[str, ...]

    @property
    def time(self) -> str:
        """The seconds in minutes, or in hours."""
        return f"{max(self.seconds / 60, 1):.0f} min" if self.seconds < 5400 else f"{self.seconds / 3600:.1f} h"


@functools.cache
def total(name: str) -> Total:
    """By the records of an experiment: each run's share of its chunk, and the compilation of each program once."""
    runs = list(scales.timed(RESULTS, name)) if (RESULTS / name).is_dir() else []
    compilation = sum({took.compilation for _, took in runs})  # the runs of a program have one number
    machines = {f"{row['provenance']['machine']}, {row['provenance']['device'].upper()}" for row, _ in runs}
    return Total(len(runs), sum(took.run for _, took in runs) + compilation, tuple(sorted(machines)))


def figures(of: Iterable[Figure]) -> str:
    """Those of the figures that were made, each with its caption."""
    parts = []
    for figure in of:
        path = f"results/figures/{figure.name}.png"
        if (ROOT / path).exists():
            alt = figure.caption.partition(":")[0].rstrip(".").replace("[", "").replace("]", "")
            parts += [f"![{alt}]({path})", f"*{prose(figure.caption)}*"]
    return "\n\n".join(parts)


def path_of(module_file: str) -> str:
    """A file of the repository, relative to its root."""
    return str(Path(module_file).resolve().relative_to(ROOT))
