"""Retention by age: accuracy on a class against how many others have come since it was taught, a thousand of them."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from pcl.evaluation.summary import Record
from pcl.figures.curves import ragged, retained
from pcl.figures.panels import line, points
from pcl.figures.style import LEARNERS, save_figure
from pcl.runner.store import Store

WIDTH = 50  # classes that are averaged over in one point behind the first


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/omniglot`; returns the files written."""
    records = [r for r in Store(results_dir, "omniglot").records() if r["variant"] == "{}"]
    streams = sorted({r["stream"] for r in records}, key=len)
    figure, axes = plt.subplots(1, len(streams), figsize=(7.2, 2.6), sharey=True, squeeze=False)
    plotted = []
    for axis, stream in zip(axes.flat, streams, strict=True):
        for i, (learner, label) in enumerate(LEARNERS.items()):
            runs = [r for r in records if (r["learner"], r["stream"]) == (learner, stream)]
            if runs:
                curve = ragged(label, [by_age(run) for run in runs])
                line(axis, curve, f"C{i}", 1.2)
                plotted += points(curve, stream=stream, learner=learner)
        axis.set(title=stream.replace("_", ", ") + " classes", xlabel="classes that came since", ylim=(-2, 102))
    axes[0, 0].set_ylabel("test accuracy (%)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, bbox_to_anchor=(0.5, -0.13))
    return save_figure(figure, results_dir, "fig_retention", plotted)


def by_age(run: Record) -> dict[float, float]:
    """Accuracy in % of classes just taught, and in bins of age named by their middle."""
    curve = retained(run)
    assert curve is not None
    bins = np.ceil(curve.age / WIDTH)
    values = {}
    for number in np.unique(bins):
        met = bins == number
        middle = float(np.average(curve.age[met], weights=curve.pairs[met]))
        values[middle] = 100 * float(np.average(curve.accuracy[met], weights=curve.pairs[met]))
    return values
