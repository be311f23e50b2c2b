"""Catastrophic forgetting: accuracy of each task over the stream, one panel per learner."""

from pathlib import Path

import matplotlib.pyplot as plt

from pcl.figures.curves import Curve, mean_accuracy, task_accuracies
from pcl.figures.panels import line, mark_boundaries, points, task_colour, unit
from pcl.figures.style import available, learners, marked, save_figure, shared_legend
from pcl.runner.store import Store

STREAM, BOUND = "split_digits", "split_digits_iid"
COLUMNS = 4  # panels beside each other, at most


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/split_digits`; returns the files written.

    Raises:
      NoResults: there are no records of the stream.
    """
    records = [r for r in Store(results_dir, "split_digits").records() if r["variant"] == "{}"]
    available("fig_wall", "stream", [STREAM], {r["stream"] for r in records})
    shown = learners(r for r in records if r["stream"] == STREAM)
    available("fig_wall", f"{BOUND} of", shown, {*learners(r for r in records if r["stream"] == BOUND)})
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.4 * columns, 2.3 * rows), sharex=True, sharey=True, squeeze=False
    )
    plotted = []
    for axis, (learner, name) in zip(axes.flat, shown.items(), strict=False):
        runs = [r for r in records if (r["learner"], r["stream"]) == (learner, STREAM)]
        curves = task_accuracies(runs)
        for task, curve in enumerate(curves):
            line(axis, curve, task_colour(task, len(curves)), 1.2)
            plotted += points(curve, learner=learner)
        if shuffled := [r for r in records if (r["learner"], r["stream"]) == (learner, BOUND)]:
            (bound,) = mean_accuracy(shuffled)
            final = Curve("same samples, shuffled", *(part[-1:] for part in bound[1:]))
            axis.axhline(final.mean[0], color="0.3", linewidth=0.8, linestyle="--", label=final.name)
            plotted += points(final, learner=learner)
        mark_boundaries(axis, runs)
        axis.set(title=marked(name, runs), ylim=(-2, 102), xlim=(0, runs[0]["steps"]))
    for axis in axes.flat[len(shown) :]:
        axis.axis("off")
    for axis in axes.flat[max(len(shown) - columns, 0) : len(shown)]:
        axis.set_xlabel(unit("steps of the stream", runs[0]))
        axis.tick_params(labelbottom=True)
    for axis in axes[:, 0]:
        axis.set_ylabel("test accuracy (%)")
    figure.tight_layout()
    shared_legend(figure, 6)
    return save_figure(figure, results_dir, "fig_wall", plotted)
