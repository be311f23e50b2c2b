"""An experiment is data: what it claims, what it runs, and the tables and figures that it publishes. Imports no JAX."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pcl.errors import unknown

Record = Mapping[str, Any]
Measured = Callable[[Record], Mapping[str, float]]
Measure = Callable[[Sequence[Record]], Measured]  # from all records of a table to what each of them has


@dataclasses.dataclass(frozen=True)
class StreamSpec:
    """A kind of stream from the registry with the settings that differ from its defaults."""

    kind: str
    settings: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of records: a line a stream, learner and variant, a column a metric, each with its interval over seeds.

    name: its files are `tables/<name>.csv` with every metric, `.md` with these `metrics`, and `.tex` with `latex`.
    metrics: their names with commas between them; without any, `scripts/<name>.py` writes the table.
    beside: other experiments whose records it holds too.
    measures: metrics beyond those of `pcl.evaluation.summary.measure`.
    offline: beside each stream stands the accuracy on the same samples shuffled, which have no lines of their own.
    more: rows that come from no record, from the results folder.
    """

    name: str
    caption: str
    metrics: str = ""
    beside: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    offline: bool = False
    more: Callable[[Path], Iterable[Any]] | None = None
    latex: bool = False
    note: str = ""  # behind the Markdown


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure of records: a column a stream, a row a panel, a line a learner; runs of a learner's own settings alone.

    name: its files are `figures/<name>.pdf`, `.png`, and `.csv` with the plotted numbers.
    panels: names of `pcl.figures.grid.PANELS`, each with the learners that it shows (none named: all). Without any
      panel, `scripts/<name>.py` draws the figure.
    streams, learners: what is drawn, with the names that readers know; without learners, whatever there are.
    size: width and height of one panel, in inches.
    legend: names beside each other in the legend.
    across: streams stand beside each other (else below each other).
    """

    name: str
    caption: str
    panels: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    streams: Mapping[str, str] = dataclasses.field(default_factory=dict)
    learners: Mapping[str, str] = dataclasses.field(default_factory=dict)
    beside: tuple[str, ...] = ()
    size: tuple[float, float] = (3.6, 2.6)
    legend: int = 4
    across: bool = True


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is swept. Each learner lives on each stream with each seed.

    name: its module in `experiments`, and the folder of its records.
    learners: settings that differ from the learner's defaults.
    evaluation: settings of `pcl.runner.evaluation.Evaluation` that differ from its defaults.
    sweep: `name=value,value` texts that apply where the command line does not set the name.
    smoke: settings (and a number of seeds) that shrink it to seconds, where they are swept to one value.
    """

    name: str
    streams: Mapping[str, StreamSpec]
    learners: Mapping[str, Mapping[str, Any]]
    seeds: int
    evaluation: Mapping[str, Any]
    smoke: Mapping[str, Any]
    smoke_seeds: int = 2
    sweep: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


def each(measured: Measured) -> Measure:
    """A measure of a record that does not depend on the others."""
    return lambda records: measured


def experiment_names() -> list[str]:
    """Names of all experiments: the modules of the package `experiments` other than its entry point."""
    package = importlib.import_module("experiments")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name != "run")


def load_experiment(name: str) -> tuple[Experiment, str]:
    """The experiment called `name`, and its claim: the first line of its module's docstring.

    Raises:
      UsageError: there is none.
    """
    names = experiment_names()
    if name not in names:
        raise unknown("experiment", name, names)
    module = importlib.import_module(f"experiments.{name}")
    return module.EXPERIMENT, (module.__doc__ or "").partition("\n")[0]
