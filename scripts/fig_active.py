"""Active learning: accuracy by the share of labels, requested or random, and the labels that requests save.

A triangle is a lower bound: no measured share of random labels was as good.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from pcl.evaluation.requests import labels_saved
from pcl.evaluation.summary import Record, measure
from pcl.figures.curves import Curve, ragged
from pcl.figures.panels import line, points
from pcl.figures.style import available, learners, marked, save_figure, shared_legend
from pcl.runner.store import Store

STREAMS = {
    "split_digits_iid_5": "digits, five passes",
    "mnist_iid": "MNIST, one pass",
}
TICKS = (1, 2, 5, 10, 20, 50)  # per cent of labels
NUMBERS = ("series", "x", "mean", "low", "high", "labels_saved")


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/label_requests`; returns the files written."""
    records = list(Store(results_dir, "label_requests").records())
    streams = available("fig_active", "stream", STREAMS, {r["stream"] for r in records})
    figure, axes = plt.subplots(
        2, len(streams), figsize=(3 * len(streams), 4.4), sharex=True, sharey="row", squeeze=False
    )
    plotted: list[dict[str, object]] = []
    for (above, below), stream in zip(axes.T, streams, strict=True):
        for i, (learner, name) in enumerate(learners(records).items()):
            colour = f"C{i}"
            runs = [r for r in records if (r["stream"], r["learner"]) == (stream, learner)]
            asked, handed = _curve(runs, "request", f"{name}, asks"), _curve(runs, "random", f"{name}, random")
            if asked:
                line(above, asked, colour, 1.2)
            if handed:
                _dashed(above, handed, colour)
            plotted += [_row(stream, learner, p) for curve in (asked, handed) if curve for p in points(curve)]
            if asked and handed:
                share, saved, reached = labels_saved(asked.x, asked.mean, handed.x, handed.mean)
                below.plot(share, saved, color=colour, linewidth=1.2)
                below.plot(share[reached], saved[reached], "o", color=colour, markersize=2.5)
                below.plot(share[~reached], saved[~reached], "^", color=colour, markersize=4)
                plotted += [
                    _row(stream, learner, {"series": series, "x": f"{x:.6g}", "labels_saved": f"{value:.6g}"})
                    for x, value, series in zip(share, saved, np.where(reached, "saved", "saved at least"), strict=True)
                ]
        above.set(title=STREAMS[stream], xscale="log")
        below.axhline(1, color="0.8", linewidth=0.8, zorder=0)
        below.set(xlabel="share of labels (%)", ylim=(0, None))
        below.xaxis.set_major_locator(FixedLocator(TICKS))
        below.xaxis.set_major_formatter("{x:g}")
        below.xaxis.set_minor_locator(NullLocator())
    axes[0, 0].set_ylabel("final accuracy (%)")
    axes[1, 0].set_ylabel("random labels that equal\none requested label")
    figure.align_ylabels(axes[:, 0])
    shared_legend(figure, 3)
    return save_figure(figure, results_dir, "fig_active", plotted)


def _row(stream: str, learner: str, numbers: Mapping[str, object]) -> dict[str, object]:
    return {"stream": stream, "learner": learner} | {name: numbers.get(name, "") for name in NUMBERS}


def _curve(runs: Sequence[Record], labelling: str, name: str) -> Curve | None:
    """Final accuracy in % by the share of labels in %; each share over the seeds that have it."""
    by_seed: dict[int, dict[float, float]] = {}
    there = []
    for run in runs:
        stream = json.loads(run["config"])["stream"]
        if stream["labelling"] == labelling and 0 < stream["labelled"] < 1:
            by_seed.setdefault(run["seed"], {})[100 * stream["labelled"]] = measure(run)["acc"]
            there.append(run)
    return ragged(marked(name, there), list(by_seed.values())) if by_seed else None


def _dashed(axis: Axes, curve: Curve, colour: str) -> None:
    axis.plot(curve.x, curve.mean, "--", color=colour, linewidth=1.2, marker="o", markersize=2.5, label=curve.name)
    axis.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.1, linewidth=0)
