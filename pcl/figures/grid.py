"""Figures that experiments declare: one row or column per stream, one panel per quantity, one line per learner.

Imports no JAX.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from pcl.evaluation.contexts import true_posterior
from pcl.evaluation.summary import Record
from pcl.experiment import Figure
from pcl.figures import style
from pcl.figures.curves import Curve, Runs, binned_retention, lived
from pcl.figures.panels import STEPS, line, mark_boundaries, points, unit
from pcl.figures.reactions import aligned


class Panel(NamedTuple):
    """A quantity of the runs of one learner on one stream, over `x`."""

    x: str
    y: str
    curves: Callable[[Runs], list[Curve]]
    mark: Callable[[Axes, Runs], None] = lambda axis, runs: None  # draws further marks, from all runs on the stream
    y_range: tuple[float, float] | None = None
    width: float = 1.0  # of lines


def _since_the_switch(y: str, of: str, per: str, scale: float = 1.0) -> Panel:
    return Panel("samples since the switch", y, lambda runs: aligned(runs, of, per, y, scale), _mark_switch)


def _mark_switch(axis: Axes, runs: Runs) -> None:
    axis.axvline(0, color="0.8", linewidth=0.8, zorder=0)


def _mark_visits(axis: Axes, runs: Runs) -> None:
    mark_boundaries(axis, runs)
    axis.set_xlim(0, runs[0]["steps"])


def _belief(runs: Runs) -> list[Curve]:
    known = [{**run, "belief": true_posterior(run), "bins": np.ones(len(run["seen"]))} for run in runs]
    return aligned(known, "belief", "bins", "belief")


PANELS = {
    "accuracy": Panel(
        STEPS,
        "accuracy (%)",
        lambda runs: lived(runs, "hits", "seen", "prequential", 100.0),
        _mark_visits,
        (0, 102),
    ),
    "retention": Panel("classes that came since", "test accuracy (%)", binned_retention, y_range=(-2, 102), width=1.2),
    "accuracy at a switch": _since_the_switch("accuracy (%)", "hits", "seen", 100.0),
    "surprise at a switch": _since_the_switch("surprise at the\nlabel (nats)", "surprise", "taught"),
    "input surprise at a switch": _since_the_switch("at the input\n(nats per entry)", "input_surprise", "seen"),
    "belief at a switch": Panel("samples since the switch", "belief in the\ntrue context", _belief, _mark_switch),
    "settling at a switch": _since_the_switch("settling steps", "inference_steps", "taught"),
}


def write(declared: Figure, records: Sequence[Record], folder: Path) -> list[Path]:
    """Draw the figure from records without a variant; returns the files written.

    Raises:
      NoResults: none of its streams or learners is among them.
    """
    records = [record for record in records if record["variant"] == "{}"]
    streams = style.available(declared.name, "stream", declared.streams, {r["stream"] for r in records})
    names = declared.learners or style.learners(records)
    style.available(declared.name, "learner", names, {r["learner"] for r in records})
    figure, axes_SP = _axes(declared, len(streams))
    plotted: list[dict[str, object]] = []
    for stream, axes_P in zip(streams, axes_SP, strict=True):
        there = [r for r in records if r["stream"] == stream]
        for axis, (name, shown) in zip(axes_P, declared.panels.items(), strict=True):
            panel = PANELS[name]
            quantity = {"quantity": panel.y.replace("\n", " ")} if len(declared.panels) > 1 else {}
            for i, (learner, label) in enumerate(names.items()):
                runs = [r for r in there if r["learner"] == learner]
                for curve in panel.curves(runs) if runs and learner in (shown or names) else ():
                    curve = curve._replace(name=style.marked(label, runs))
                    line(axis, curve, f"C{i}", panel.width)
                    plotted += points(curve, stream=stream, learner=learner, **quantity)
            panel.mark(axis, there)
            if panel.y_range:
                axis.set_ylim(panel.y_range)
            if stream == streams[0] or not declared.across:
                axis.set_ylabel(panel.y)
            if axis.get_subplotspec().is_last_row():
                axis.set_xlabel(unit(panel.x, there[0]))
        axes_P[0].set_title(declared.streams[stream])
    figure.align_ylabels(axes_SP[0] if declared.across else axes_SP[:, 0])
    style.shared_legend(figure, declared.legend)
    return style.save_figure(figure, folder, declared.name, plotted)


def _axes(declared: Figure, streams: int) -> tuple[plt.Figure, np.ndarray]:
    """A figure with its axes by stream and panel."""
    n_panels, (width, height) = len(declared.panels), declared.size
    rows, columns = (n_panels, streams) if declared.across else (streams, n_panels)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(round(width * columns, 3), round(height * rows, 3)),
        sharex="col" if declared.across else "all",
        sharey="row" if declared.across else "col",
        squeeze=False,
        gridspec_kw={"hspace": 0.15 if declared.across else 0.3},
    )
    return figure, axes.T if declared.across else axes
