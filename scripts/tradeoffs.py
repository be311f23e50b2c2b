"""Accuracy against costs, or against prequential accuracy: a point for each learner and setting, a panel a stream."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike

from pcl.evaluation.catalogue import described
from pcl.evaluation.facts import facts
from pcl.evaluation.statistics import METHOD, mean_interval
from pcl.evaluation.summary import Record, diverged, measure, setting_text
from pcl.figures import labels
from pcl.figures.style import available, save_figure, shared_legend

from .published import records_of


class Shown(NamedTuple):
    """A stream: the experiments in which it runs, with the name that each gives it, and the metric of the score."""

    names: Mapping[str, str]
    score: str = "acc"


STREAMS = {
    "Split-MNIST": Shown(dict.fromkeys(("online", "closed_form", "split_images", "split_mnist"), "split_mnist")),
    "Split-Fashion-MNIST": Shown(
        dict.fromkeys(("online", "split_fashion_mnist"), "split_fashion_mnist")
        | dict.fromkeys(("closed_form", "split_images"), "split_fashion")
    ),
    "Split-CIFAR-10": Shown(dict.fromkeys(("closed_form", "split_images", "online_cifar"), "split_cifar10")),
    "Permuted MNIST": Shown({"permuted_mnist": "permuted_mnist"}),
    "Omniglot, class by class": Shown({"thousand": "omniglot"}),
    "Input-permuted MNIST": Shown({"ipmnist": "ipmnist"}, "prequential_acc"),
}
QUANTITIES = {
    "acc": "final accuracy (%)",
    "prequential_acc": "prequential accuracy (%)",
    "state_bytes": "state (bytes)",
    "flops_per_sample": "FLOPs per learned sample",
}
HEIGHTS = {2: 2.5, 4: 1.8}  # of a row, by its number of panels, in inches
TICKS = (90, 0, 99, 80, 50, 95, 98, 70, 85, 30, 60, 97, 99.5)  # those that keep a distance to earlier ones are drawn
MARKERS = {
    (True, False): ("o", "C0"),
    (True, True): ("^", "C0"),
    (False, False): ("s", "C3"),
    (False, True): ("D", "C3"),
}


class Kind(NamedTuple):
    """Truths about a learner; a point is filled if samples are stored."""

    backpropagation: bool
    told: bool
    stores: bool

    def __str__(self) -> str:
        first = "backpropagation" if self.backpropagation else "no gradient across layers"
        return first + ", told tasks" * self.told + ", stores samples" * self.stores

    @property
    def style(self) -> dict[str, Any]:
        """How its points are drawn."""
        marker, colour = MARKERS[self[:2]]
        return {"marker": marker, "color": colour, "mfc": colour if self.stores else "white", "ms": 3.5, "mew": 0.8}


class Point(NamedTuple):
    """Runs of a learner with one setting in one experiment: means, and the interval of the score."""

    experiment: str
    learner: str
    variant: str
    kind: Kind
    values: Mapping[str, float]
    score: str
    low: float
    high: float
    seeds: int
    diverged: int

    @property
    def height(self) -> float:
        """The mean score."""
        return self.values[self.score]


def draw(
    name: str, results_dir: Path, titles: Iterable[str], against: Sequence[str], rows: Sequence[int]
) -> list[Path]:
    """Draw the named streams against each quantity, `rows` panels in each row; returns the files written.

    Raises:
      NoResults: no stream has records.
    """
    titles = list(titles)
    names = list(dict.fromkeys(itertools.chain(*(STREAMS[title].names for title in titles))))
    records = records_of(results_dir, *names)
    points = {title: _points(STREAMS[title], records) for title in titles}
    there = available(name, "stream", titles, [title for title in titles if points[title]])
    panels = list(itertools.product(there, against))
    figure, axes = _axes(len(panels), rows)
    plotted: list[dict[str, object]] = []
    for (title, quantity), axis in zip(panels, axes, strict=True):
        plotted += [{"stream": title} | row for row in _panel(axis, points[title], quantity)]
        if quantity == against[0]:
            axis.set_title(title, loc="left")
            axis.set_ylabel(QUANTITIES[STREAMS[title].score])
    kinds = {point.kind for title in there for point in points[title]}
    for kind in sorted(kinds, key=lambda kind: (not kind.backpropagation, kind.stores, kind.told)):
        axes[0].plot([], [], ls="", label=str(kind), **kind.style)
    shared_legend(figure, 3)
    figure.align_ylabels(axes)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for (title, quantity), axis in zip(panels, axes, strict=True):
        _name(axis, points[title], quantity)
    return save_figure(figure, results_dir, name, plotted)


def _axes(panels: int, rows: Sequence[int]) -> tuple[Figure, list[Axes]]:
    """Panels in rows that are as wide as a page."""
    places = [(row, column) for row, number in enumerate(rows) for column in range(number)][:panels]
    heights = [HEIGHTS[number] for number in rows[: places[-1][0] + 1]]
    figure = plt.figure(figsize=(7.2, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    inner = [grid[row].subgridspec(1, rows[row]) for row in range(len(heights))]
    return figure, [figure.add_subplot(inner[row][column]) for row, column in places]


def _points(shown: Shown, records: Sequence[Record]) -> list[Point]:
    cells: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        if shown.names.get(record["experiment"]) == record["stream"]:
            cells.setdefault((record["experiment"], record["learner"], record["variant"]), []).append(record)
    about, points = facts(records), []
    for (experiment, learner, variant), runs in sorted(cells.items()):
        known, measured = about(runs[0]), [measure(run) for run in runs]
        values = {name: float(np.mean([one[name] for one in measured])) for name in QUANTITIES if name in measured[0]}
        kind = Kind(*(known.get(name, 0) > 0 for name in ("backpropagation", "told_tasks", "samples_stored")))
        _, low, high = mean_interval([one[shown.score] for one in measured])
        names = (experiment, learner, setting_text(variant), kind)
        points.append(Point(*names, values, shown.score, low, high, len(runs), diverged(runs)))
    return points


def unbeaten(points: Iterable[Point], against: str) -> list[Point]:
    """The points that no other one equals or beats both in score and in the quantity, the best score last."""
    sign = 1 if described(against).less else -1
    found: list[Point] = []
    for point in sorted(points, key=lambda point: (-point.height, sign * point.values[against])):
        if not found or sign * point.values[against] < sign * found[-1].values[against]:
            found.append(point)
    return found[::-1]


def _panel(axis: Axes, points: Sequence[Point], against: str) -> list[dict[str, object]]:
    """Draw the unbeaten points of each learner; returns the rows drawn."""
    lines = _lines(points, against)
    _scale(axis, points)
    axis.set_xlabel(QUANTITIES[against])
    for line in lines:
        x, style = [point.values[against] for point in line], line[0].kind.style
        axis.plot(x, [point.height for point in line], color=style["color"], lw=0.5, alpha=0.5)
        axis.vlines(x, [p.low for p in line], [p.high for p in line], color=style["color"], lw=0.8, alpha=0.5)
        axis.plot(x, [point.height for point in line], ls="", **style)
    axis.margins(x=0.12)
    if described(against).unit != "%":
        _decades(axis)
    return [_row(point, against) for line in lines for point in line]


def _lines(points: Sequence[Point], against: str) -> list[list[Point]]:
    """The unbeaten points of each learner."""
    learners = dict.fromkeys(point.learner for point in points)
    return [unbeaten((point for point in points if point.learner == name), against) for name in learners]


def _name(axis: Axes, points: Sequence[Point], against: str) -> None:
    """Write the name of each learner at the best of its points."""
    lines = _lines(points, against)
    named = [(line[-1].learner, line[-1].values[against], line[-1].height) for line in lines]
    labels.place(axis, named, [(point.values[against], point.height) for line in lines for point in line[:-1]])


def _decades(axis: Axes) -> None:
    """A logarithmic horizontal axis of all that is drawn; a short one has numbers between the powers of ten."""
    axis.set_xscale("log")
    axis.autoscale_view(scaley=False)
    low, high = axis.get_xlim()
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 20 * low else (1,)))
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _scale(axis: Axes, points: Sequence[Point]) -> None:
    """A vertical axis that is logarithmic in the error, from the lowest end of an interval to the highest."""
    axis.set_yscale("function", functions=(_of_error, lambda height: 100 - 10 ** -np.asarray(height)))
    ends = _of_error([end for p in points for end in (p.height, p.low, p.high) if np.isfinite(end)])
    margin = 0.08 * np.ptp(ends)
    low, high = 100 - 10 ** -np.array([ends.min() - margin, ends.max() + margin])
    ticks: list[float] = []
    for tick in TICKS:
        if low <= tick <= high and all(abs(_of_error(tick) - _of_error(one)) > margin for one in ticks):
            ticks.append(tick)
    axis.set(ylim=(low, high), yticks=sorted(ticks))
    axis.yaxis.set_major_formatter("{x:g}")


def _of_error(accuracy: ArrayLike) -> np.ndarray:
    return -np.log10(np.maximum(100 - np.asarray(accuracy, float), 0.01))


def _row(point: Point, against: str) -> dict[str, object]:
    truths = {name: "yes" if value else "no" for name, value in point.kind._asdict().items()}
    numbers = {"x": point.values[against], "y": point.height, "low": point.low, "high": point.high}
    names = {"experiment": point.experiment, "learner": point.learner, "variant": point.variant, "against": against}
    rounded = {name: f"{value:.6g}" for name, value in numbers.items()}
    return (
        names
        | rounded
        | {"score": point.score, "seeds": point.seeds, "diverged": point.diverged}
        | truths
        | {"interval": METHOD}
    )
