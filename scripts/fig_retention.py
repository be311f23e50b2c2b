"""Retention by age: accuracy on a class against how many others have come since it was taught, a thousand of them."""

from pathlib import Path

import matplotlib.pyplot as plt

from pcl.evaluation.classes import by_age
from pcl.figures.curves import ragged, retained
from pcl.figures.panels import line, points
from pcl.figures.style import learners, marked, save_figure, shared_legend
from pcl.runner.store import Store

WIDTH = 50  # classes that are averaged over in one point behind the first


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/omniglot`; returns the files written."""
    records = [r for r in Store(results_dir, "omniglot").records() if r["variant"] == "{}"]
    streams = sorted({r["stream"] for r in records}, key=len)
    figure, axes = plt.subplots(1, len(streams), figsize=(7.2, 2.6), sharey=True, squeeze=False)
    plotted = []
    for axis, stream in zip(axes.flat, streams, strict=True):
        for i, (learner, label) in enumerate(learners(records).items()):
            runs = [r for r in records if (r["learner"], r["stream"]) == (learner, stream)]
            kept = [curve for run in runs if (curve := retained(run))]
            if kept:
                drawn = ragged(marked(label, runs), [by_age(curve, WIDTH) for curve in kept])
                line(axis, drawn, f"C{i}", 1.2)
                plotted += points(drawn, stream=stream, learner=learner)
        axis.set(title=stream.replace("_", ", ") + " classes", xlabel="classes that came since", ylim=(-2, 102))
    axes[0, 0].set_ylabel("test accuracy (%)")
    shared_legend(figure, 4)
    return save_figure(figure, results_dir, "fig_retention", plotted)
