"""An experiment as data: its claim, its runs, and the tables and figures that it publishes. Imports no JAX."""

import dataclasses
import importlib
import itertools
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pcl.errors import UsageError, unknown

Record = Mapping[str, Any]
Measured = Callable[[Record], Mapping[str, float]]
Measure = Callable[[Sequence[Record]], Measured]  # from all records of a table to the metrics of each of them


@dataclasses.dataclass(frozen=True)
class StreamSpec:
    """A kind of stream from the registry with the settings that differ from its defaults."""

    kind: str
    settings: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of records: one line per stream, learner and variant, one column per metric, with intervals over seeds.

    name: its files are `tables/<name>.csv` with every metric, `.md` with these `metrics`, and `.tex` with `latex`.
    metrics: names of metrics with commas between them; without any, `scripts/<name>.py` writes the table.
    beside: other experiments whose records the table also shows.
    measures: metrics in addition to those of `pcl.evaluation.summary.measure`.
    offline: whether each line also shows the accuracy on the same samples shuffled, which then have no line of their
    own.
    more: function of the results folder that returns rows which come from no record.
    """

    name: str
    caption: str
    metrics: str = ""
    beside: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    offline: bool = False
    more: Callable[[Path], Iterable[Any]] | None = None
    latex: bool = False
    note: str = ""  # text below the table in Markdown


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure of records: one column per stream, one row per panel, one line per learner, of runs without a variant.

    name: its files are `figures/<name>.pdf`, `.png`, and `.csv` with the plotted numbers.
    panels: names of `pcl.figures.grid.PANELS`, each with the learners that it shows (empty: all). Without any
      panel, `scripts/<name>.py` draws the figure.
    streams, learners: names of those that are drawn, with their labels; without learners, all that have records.
    size: width and height of one panel, in inches.
    legend: number of columns of the legend.
    across: whether streams are drawn beside each other, else below each other.
    study: name of a search over settings; the figure then shows its trials, and no other field is used.
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
    study: str = ""


@dataclasses.dataclass(frozen=True)
class Published:
    """A published number, and the row of our results that was run in the same protocol.

    learner, stream, variant: of our row; the variant is written as in a table.
    low: the published number in the unit of the metric; with `high`, the lower end of a published range.
    source: the publication.
    differs: differences between our protocol and that of the source.
    within: largest distance, in the unit of the metric, at which the number counts as reproduced.
    """

    learner: str
    stream: str
    low: float
    source: str
    high: float | None = None
    variant: str = ""
    differs: str = ""
    metric: str = "acc"
    within: float = 2.0

    def distance(self, ours: float) -> float:
        """Our number minus the published one: 0 inside a published range, else the distance to its nearer end."""
        return ours - min(max(ours, self.low), self.low if self.high is None else self.high)


@dataclasses.dataclass(frozen=True)
class Arm:
    """Runs that are published: each learner on each stream under every setting with each seed.

    learners, streams: their names; empty: all for which the experiment has settings.
    settings: `name=value,value` texts that form a grid, as after --set.
    """

    learners: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    seeds: int = 10
    first_seed: int = 0

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Each learner with each stream."""
        return list(itertools.product(self.learners, self.streams))


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A claim, the runs that test it, and the tables and figures that show them.

    name: its module in `experiments`, and the folder of its records.
    claim: the docstring of its module; `--list` shows the first line.
    learners: settings that differ from the learner's defaults.
    evaluation: settings of `pcl.runner.evaluation.Evaluation` that differ from its defaults.
    arms: all runs whose records are published, each in at least one arm. The first arm is the experiment's own grid,
      which --set, --zip and --seeds vary.
    published: published numbers that the experiment is to reproduce.
    smoke: settings (and a number of seeds) that shrink the first arm to seconds; settings named here are not swept.
    """

    name: str
    claim: str
    streams: Mapping[str, StreamSpec]
    learners: Mapping[str, Mapping[str, Any]]
    arms: tuple[Arm, ...]
    evaluation: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    smoke: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    smoke_seeds: int = 2
    published: tuple[Published, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()

    @property
    def grid(self) -> Arm:
        """The experiment's own grid, its learners and streams by name."""
        return self.named(self.arms[0] if self.arms else Arm())

    def named(self, arm: Arm) -> Arm:
        """An arm with its learners and streams by name."""
        learners, streams = arm.learners or tuple(self.learners), arm.streams or tuple(self.streams)
        return dataclasses.replace(arm, learners=learners, streams=streams)


def each(measured: Measured) -> Measure:
    """A measure of a record that does not depend on the others."""
    return lambda records: measured


OUTSIDE: dict[str, Experiment] = {}  # those from outside the package, by name


def experiment_names() -> list[str]:
    """Names of all experiments: the modules of the package `experiments`, then those from outside the package."""
    return [*_own_names(), *OUTSIDE]


def _own_names() -> list[str]:
    package = importlib.import_module("pcl.experiments")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name != "run")


def register(experiment: Any, name: str, where: str) -> None:
    """Register an experiment from outside the package; its file is called `name`.

    Raises:
      UsageError: it is no experiment, its name differs from its file's, or the name is taken.
    """
    if not isinstance(experiment, Experiment):
        raise UsageError(f"{where}: EXPERIMENT is {type(experiment).__name__}; expected an Experiment")
    if experiment.name != name:
        raise UsageError(f"{where}: the experiment is called '{experiment.name}'; call it '{name}', like its file")
    if name in experiment_names():
        raise UsageError(f"{where}: there is an experiment '{name}' already; rename the file and the experiment")
    OUTSIDE[name] = experiment


def load_experiment(name: str) -> Experiment:
    """The experiment called `name`.

    Raises:
      UsageError: there is none.
    """
    names = experiment_names()
    if name not in names:
        raise unknown("experiment", name, names)
    if name in OUTSIDE:
        return OUTSIDE[name]
    return importlib.import_module(f"pcl.experiments.{name}").EXPERIMENT


def narrowed(experiment: Experiment, learners: Sequence[str] = (), streams: Sequence[str] = ()) -> list[Arm]:
    """The arms on the named learners and streams alone (none named: all).

    A named learner or stream that is in no arm is not published: it is run on the experiment's own grid, in place
    of the grid's learners or streams.
    """
    arms, own = [experiment.named(arm) for arm in experiment.arms], experiment.grid
    found = []
    for arm in arms:
        left = tuple(name for name in arm.learners if name in (learners or arm.learners))
        on = tuple(name for name in arm.streams if name in (streams or arm.streams))
        found += [dataclasses.replace(arm, learners=left, streams=on)] if left and on else []
    there = {pair for arm in found for pair in arm.pairs}
    some = {name for arm in arms for name in (*arm.learners, *arm.streams)}
    for pair in itertools.product(learners or own.learners, streams or own.streams):
        named = [name for name, given in zip(pair, (learners, streams), strict=True) if given]
        if pair not in there if len(named) == 2 else not some.issuperset(named):
            found.append(dataclasses.replace(own, learners=pair[:1], streams=pair[1:]))
    return found
