"""The wall of catastrophic forgetting: accuracy of each task over the stream, one panel a learner."""

from pathlib import Path

import matplotlib.pyplot as plt

from pcl.figures.curves import Curve, mean_accuracy, task_accuracies
from pcl.figures.panels import line, mark_boundaries, points, task_colour, unit
from pcl.figures.style import LEARNERS, save_figure
from pcl.runner.store import Store

SHOWN = ("backprop", "pcn", "ncm")
STREAM, BOUND = "split_digits", "split_digits_iid"


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/split_digits`; returns the files written."""
    records = [r for r in Store(results_dir, "split_digits").records() if r["variant"] == "{}"]
    figure, axes = plt.subplots(1, len(SHOWN), figsize=(7.2, 2.3), sharey=True)
    plotted = []
    for axis, learner in zip(axes, SHOWN, strict=True):
        runs = [r for r in records if (r["learner"], r["stream"]) == (learner, STREAM)]
        (bound,) = mean_accuracy([r for r in records if (r["learner"], r["stream"]) == (learner, BOUND)])
        curves = task_accuracies(runs)
        for task, curve in enumerate(curves):
            line(axis, curve, task_colour(task, len(curves)), 1.2)
            plotted += points(curve, learner=learner)
        final = Curve("same samples, shuffled", *(part[-1:] for part in bound[1:]))
        axis.axhline(final.mean[0], color="0.3", linewidth=0.8, linestyle="--", label=final.name)
        plotted += points(final, learner=learner)
        mark_boundaries(axis, runs)
        axis.set(
            title=LEARNERS[learner], xlabel=unit("steps lived", runs[0]), ylim=(-2, 102), xlim=(0, runs[0]["steps"])
        )
    axes[0].set_ylabel("test accuracy (%)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=6, bbox_to_anchor=(0.5, -0.22))
    return save_figure(figure, results_dir, "fig_wall", plotted)
