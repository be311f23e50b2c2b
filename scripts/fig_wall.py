"""The wall of catastrophic forgetting: accuracy of each task over the stream, one panel a learner."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from pcl.evaluation.statistics import mean_interval
from pcl.evaluation.summary import task_curves
from pcl.figures.style import save_figure
from pcl.runner.store import Store

LEARNERS = {"backprop": "backpropagation", "pcn": "predictive coding", "ncm": "nearest class mean"}
STREAM, BOUND = "split_digits", "split_digits_iid"


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/split_digits`; returns the files written."""
    records = [r for r in Store(results_dir, "split_digits").records() if r["variant"] == "{}"]
    figure, axes = plt.subplots(1, len(LEARNERS), figsize=(7.2, 2.3), sharey=True)
    plotted = []
    for axis, (learner, title) in zip(axes, LEARNERS.items(), strict=True):
        runs = [r for r in records if (r["learner"], r["stream"]) == (learner, STREAM)]
        bound = [r for r in records if (r["learner"], r["stream"]) == (learner, BOUND)]
        steps, ends = np.asarray(runs[0]["probe_steps"]), runs[0]["task_ends"]
        curves = 100 * np.stack([task_curves(run) for run in runs])  # [seeds, P, T]
        for end in ends[:-1]:
            axis.axvline(end, color="0.85", linewidth=0.8, zorder=0)
        for task in range(curves.shape[2]):
            mean, low, high = np.transpose([mean_interval(curves[:, p, task]) for p in range(len(steps))])
            colour = plt.get_cmap("viridis")(task / (curves.shape[2] - 0.5))
            axis.plot(steps, mean, color=colour, linewidth=1.2, label=f"task {task + 1}")
            axis.fill_between(steps, low, high, color=colour, alpha=0.25, linewidth=0)
            plotted += [_point(learner, task + 1, *values) for values in zip(steps, mean, low, high, strict=True)]
        final = 100 * np.mean([task_curves(run)[-1] for run in bound])
        axis.axhline(final, color="0.3", linewidth=0.8, linestyle="--", label="same samples, shuffled")
        plotted.append(_point(learner, "shuffled", steps[-1], final, np.nan, np.nan))
        axis.set(title=title, xlabel="step", ylim=(-2, 102), xlim=(0, steps[-1]))
    axes[0].set_ylabel("test accuracy (%)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=6, bbox_to_anchor=(0.5, -0.22))
    return save_figure(figure, results_dir, "fig_wall", plotted)


def _point(learner: str, task: object, step: int, mean: float, low: float, high: float) -> dict[str, object]:
    """A line of the CSV; accuracies in %."""
    return {"learner": learner, "task": task, "step": step} | {
        name: f"{value:.4g}" for name, value in (("mean", mean), ("low", low), ("high", high))
    }
