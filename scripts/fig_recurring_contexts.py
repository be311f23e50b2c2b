"""Accuracy while contexts come, go and come back: a panel a stream, a line a learner, a grey line a switch."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from pcl.evaluation.prequential import windowed_accuracy
from pcl.evaluation.statistics import mean_interval
from pcl.figures.style import save_figure
from pcl.runner.store import Store

LEARNERS = {
    "backprop": "backpropagation",
    "pcn": "predictive coding",
    "er": "replay, backpropagation",
    "er_pcn": "replay, predictive coding",
    "ncm": "nearest class mean",
}
STREAMS = {"contexts_visible": "permuted pixels", "contexts_invisible": "permuted labels"}
WINDOW = 50  # samples over which prequential accuracy is averaged


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/recurring_contexts`; returns the files written."""
    records = [r for r in Store(results_dir, "recurring_contexts").records() if r["variant"] == "{}"]
    figure, axes = plt.subplots(
        len(STREAMS), 1, figsize=(7.2, 3.8), sharex=True, sharey=True, gridspec_kw={"hspace": 0.3}
    )
    plotted = []
    for axis, (stream, title) in zip(axes, STREAMS.items(), strict=True):
        for i, (learner, label) in enumerate(LEARNERS.items()):
            runs = [r for r in records if (r["learner"], r["stream"]) == (learner, stream)]
            samples = np.cumsum(runs[0]["seen"])
            curves = 100 * np.stack([windowed_accuracy(run["hits"], run["seen"], WINDOW) for run in runs])
            mean, low, high = np.transpose([mean_interval(at) for at in curves.T])
            axis.plot(samples, mean, color=f"C{i}", linewidth=1.0, label=label)
            axis.fill_between(samples, low, high, color=f"C{i}", alpha=0.2, linewidth=0)
            plotted += [
                {"stream": stream, "learner": learner, "samples": int(s), "mean": f"{m:.4g}"}
                for s, m in zip(samples, mean, strict=True)
            ]
        per_step = samples[-1] / runs[0]["steps"]
        for switch in runs[0]["visit_start"][1:]:  # dwell times do not vary, so switches are those of every run
            axis.axvline(switch * per_step, color="0.85", linewidth=0.8, zorder=0)
        axis.set(title=title, ylabel="accuracy (%)", ylim=(0, 102), xlim=(0, samples[-1]))
    axes[-1].set_xlabel("samples lived")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=3, bbox_to_anchor=(0.5, -0.13))
    return save_figure(figure, results_dir, "fig_recurring_contexts", plotted)
