"""Panels that figures share: curves of the runs of one learner on one stream, and how they are drawn.

A panel is data: a name, a sentence for readers, axes with units, and the curves that it takes from the records.
A panel without curves is left out. Imports no JAX.
"""

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from pcl.evaluation.reactions import alarms
from pcl.evaluation.summary import Record
from pcl.figures import curves as c
from pcl.figures.curves import Curve, Runs
from pcl.figures.reactions import aligned

MOST_NAMED = 10  # tasks that a legend can name; more are drawn as thin lines
MOST_LINES = 100  # tasks that are drawn at all, evenly chosen
STEPS = "steps of the stream"
SINCE = "steps since the shift"


class Panel(NamedTuple):
    """One drawing: curves of `tasks` are coloured from the first task to the last, `main` ones stand out."""

    name: str
    caption: str
    x: str
    y: str
    main: Callable[[Runs], list[Curve]]
    tasks: Callable[[Runs], list[Curve]] = lambda runs: []
    mark: Callable[[Axes, Runs], None] | None = None  # marks that are drawn besides
    per_cent: bool = True


class Drawing(NamedTuple):
    """A panel with the curves that it takes from some runs."""

    panel: Panel
    main: list[Curve]
    tasks: list[Curve]

    def caption(self, runs: Runs) -> str:
        """The panel's sentence, with the numbers of these runs."""
        return self.panel.caption.format(window=c.window(runs[0]))

    def rows(self) -> list[dict[str, object]]:
        """The drawn numbers, one row per point."""
        return [row for curve in (*self.tasks, *self.main) for row in points(curve, panel=self.panel.name)]


def prepare(panel: Panel, runs: Runs) -> Drawing:
    """The curves of a panel; without any, the panel is to be left out."""
    return Drawing(panel, panel.main(runs), panel.tasks(runs))


def draw(axis: Axes, drawing: Drawing, runs: Runs) -> None:
    """Draw a panel on `axis`, with title, labels and, where more than one thing is shown, a legend."""
    panel, main, tasks = drawing
    for task, curve in list(enumerate(tasks))[:: -(-len(tasks) // MOST_LINES) or 1]:
        named = len(tasks) <= MOST_NAMED
        line(axis, curve, task_colour(task, len(tasks)), 1.2 if named else 0.5, named and not main, named)
    for i, curve in enumerate(main):
        line(axis, curve, "black" if tasks else f"C{i}", 1.6)
    if panel.mark:
        panel.mark(axis, runs)
    axis.set(title=panel.name, xlabel=unit(panel.x, runs[0]), ylabel=unit(panel.y, runs[0]))
    if panel.per_cent and min(np.nanmin(curve.mean) for curve in main) >= 0:
        axis.set_ylim(-2, 102)
    elif min(np.nanmin([curve.mean, curve.low]) for curve in main) >= 0:
        axis.set_ylim(bottom=0)
    if panel.x in (STEPS, SINCE):
        axis.margins(x=0)
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    else:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(axis.get_legend_handles_labels()[1]) > 1:
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=6.5, ncols=4, columnspacing=1)


def line(axis: Axes, curve: Curve, colour: object, width: float, band: bool = True, named: bool = True) -> None:
    """One curve with its band; a curve of few points has them marked."""
    marker = "o" if len(curve.x) <= 12 else None
    label = curve.name if named else None
    axis.plot(curve.x, curve.mean, color=colour, linewidth=width, marker=marker, markersize=2.5, label=label)
    if band:
        axis.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.2, linewidth=0)


def points(curve: Curve, **about: object) -> list[dict[str, object]]:
    """A curve as lines of a CSV file, `about` in front of each."""
    return [
        {**about, "series": curve.name}
        | {name: f"{value:.6g}" for name, value in zip(("x", "mean", "low", "high"), values, strict=True)}
        for values in zip(*curve[1:], strict=True)
    ]


def task_colour(task: int, n_tasks: int) -> tuple[float, ...]:
    """The colour of a task, from dark for the first to light for the last."""
    return plt.get_cmap("viridis")(task / (n_tasks - 0.5))


def unit(label: str, record: Record) -> str:
    """A label of an axis: steps with the samples of each, accuracy by the name that it has for real targets."""
    if not any(record["confident"]):
        label = label.replace("accuracy", "variance explained")
    batch = json.loads(record["config"])["stream"]["batch"]
    return (
        f"{label} ({batch} sample{'s' if batch > 1 else ''} each)" if label.split()[0] in ("steps", "batch") else label
    )


def mark_boundaries(axis: Axes, runs: Runs) -> None:
    """A grey line where a visit begins, fainter where that is so in few runs only."""
    found = c.boundaries(runs)
    width = 0.8 if len(found) < 50 else 0.2
    for step, share in found.items():
        axis.axvline(step, color="0.6", alpha=max(share, 0.1), linewidth=width, zorder=0)


def _mark_alarms(axis: Axes, runs: Runs) -> None:
    mark_boundaries(axis, runs)
    at = np.concatenate([(found + 1) * run["log_every"] for run in runs if (found := alarms(run)) is not None])
    up = np.full(len(at), 0.97)
    axis.plot(at, up, "|", color="C3", alpha=0.6, markersize=6, transform=axis.get_xaxis_transform(), label="alarms")


def _mark_shift(axis: Axes, runs: Runs) -> None:
    axis.axvline(0, color="0.6", linewidth=0.8, zorder=0)


def _mark_diagonal(axis: Axes, runs: Runs) -> None:
    axis.plot((0, 100), (0, 100), color="0.6", linewidth=0.8, zorder=0)


def _mark_zero(axis: Axes, runs: Runs) -> None:
    axis.axhline(0, color="0.6", linewidth=0.8, zorder=0)


def _mark_half_life(axis: Axes, runs: Runs) -> None:
    values = [c.half_life(run) for run in runs]
    if np.isfinite(values).all():
        mean = float(np.mean(values))
        axis.axvline(mean, color="0.4", linewidth=0.8, linestyle="--", zorder=0)
        axis.annotate(f"half-life {mean:.2g}", (mean, 96), (3, 0), "data", "offset points", fontsize=7, color="0.3")


def _surprise(runs: Runs) -> list[Curve]:
    return c.lived(runs, "surprise", "taught", "surprise") + c.lived(runs, "energy", "taught", "energy after inference")


def _steps_of_inference(runs: Runs) -> list[Curve]:
    curves = c.lived(runs, "inference_steps", "taught", "inference steps")
    return [curve for curve in curves if np.nanmax(curve.mean) - np.nanmin(curve.mean) > 1e-3]


TASKS = Panel(
    "Accuracy of each task",
    "Probes of every task during the run, from the first task (violet) to the last (yellow).",
    STEPS,
    "accuracy of probes (%)",
    c.mean_accuracy,
    c.task_accuracies,
    mark_boundaries,
)
PREQUENTIAL = Panel(
    "Online accuracy",
    "Each sample is predicted before it is learned from; mean over the latest {window} samples.",
    STEPS,
    "prequential accuracy (%)",
    lambda runs: c.lived(runs, "hits", "seen", "prequential", 100.0),
    mark=mark_boundaries,
)
PANELS = (
    TASKS,
    PREQUENTIAL,
    Panel(
        "Surprise",
        "Mean cost of the prediction once the label is seen, and free energy after inference, over the latest {window}"
        " samples. Ticks above: where a Page-Hinkley test on surprise raises an alarm, in any seed.",
        STEPS,
        "nats per labelled sample",
        _surprise,
        mark=_mark_alarms,
        per_cent=False,
    ),
    Panel(
        "Inference",
        "Inference steps that were spent, over the latest {window} samples.",
        STEPS,
        "inference steps per sample",
        _steps_of_inference,
        mark=mark_boundaries,
        per_cent=False,
    ),
    Panel(
        "Retention by age",
        "Accuracy of probes of a task against the number of visits to other tasks since its own visit ended.",
        "visits to other tasks since",
        "accuracy of probes (%)",
        c.retentions,
        c.task_retentions,
        _mark_half_life,
    ),
    Panel(
        "Samples to learn",
        "Samples from the start of the first visit until accuracy reaches 90 % of its plateau in that visit.",
        "task, in order of arrival",
        "samples to learn",
        c.learning_times,
        per_cent=False,
    ),
    Panel(
        "Savings",
        "Share of the samples of first learning that relearning saves: 100 % is still known, 0 % as slow"
        " as the first time, below 0 % slower.",
        "number of the return to a task",
        "samples saved (%)",
        c.savings,
        mark=_mark_zero,
        per_cent=False,
    ),
    Panel(
        "Reaction to a shift",
        "Online accuracy around a shift, mean over the shifts of a run, in bins of the log.",
        SINCE,
        "prequential accuracy (%)",
        lambda runs: aligned(runs, "hits", "seen", "accuracy", 100.0),
        mark=_mark_shift,
    ),
    Panel(
        "Surprise at a shift",
        "Surprise around a shift, mean over the shifts of a run, in bins of the log.",
        SINCE,
        "surprise (nats)",
        lambda runs: aligned(runs, "surprise", "taught", "surprise"),
        mark=_mark_shift,
        per_cent=False,
    ),
    Panel(
        "Confidence",
        "How often answers were right, by the probability that the learner gave them, in tenths; on the diagonal"
        " confidence is neither too high nor too low.",
        "confidence (%)",
        "prequential accuracy (%)",
        c.reliability,
        mark=_mark_diagonal,
    ),
    Panel(
        "Back in a known context",
        "After the stream, a copy of the learner is run on held-out samples of one context again.",
        "batch since the return",
        "accuracy (%)",
        lambda runs: c.revisits(runs)[-1:],
        lambda runs: c.revisits(runs)[:-1],
    ),
)


def drawings(runs: Runs, panels: Sequence[Panel] = PANELS) -> list[Drawing]:
    """The panels with curves in the records."""
    return [drawing for panel in panels if (drawing := prepare(panel, runs)).main]
