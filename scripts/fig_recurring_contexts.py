"""Accuracy while contexts come, go and come back: a panel a stream, a line a learner, a grey line a switch."""

from pathlib import Path

import matplotlib.pyplot as plt

from pcl.figures.curves import lived
from pcl.figures.panels import line, mark_boundaries, points, unit
from pcl.figures.style import available, learners, marked, save_figure, shared_legend
from pcl.runner.store import Store

STREAMS = {"contexts_visible": "permuted pixels", "contexts_invisible": "permuted labels"}
WINDOW = 50  # samples over which prequential accuracy is averaged


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/recurring_contexts`; returns the files written."""
    records = [r for r in Store(results_dir, "recurring_contexts").records() if r["variant"] == "{}"]
    streams = available("fig_recurring_contexts", "stream", STREAMS, {r["stream"] for r in records})
    figure, axes = plt.subplots(
        len(streams),
        1,
        figsize=(7.2, 0.2 + 1.8 * len(streams)),
        sharex=True,
        sharey=True,
        squeeze=False,
        gridspec_kw={"hspace": 0.3},
    )
    plotted = []
    for axis, stream in zip(axes[:, 0], streams, strict=True):
        there = [r for r in records if r["stream"] == stream]
        for i, (learner, label) in enumerate(learners(records).items()):
            runs = [r for r in there if r["learner"] == learner]
            for curve in lived(runs, "hits", "seen", marked(label, runs), 100.0, WINDOW) if runs else ():
                line(axis, curve, f"C{i}", 1.0)
                plotted += points(curve, stream=stream, learner=learner)
        mark_boundaries(axis, there)
        axis.set(title=STREAMS[stream], ylabel="accuracy (%)", ylim=(0, 102), xlim=(0, there[0]["steps"]))
    axes[-1, 0].set_xlabel(unit("steps lived", there[0]))
    shared_legend(figure, 3)
    return save_figure(figure, results_dir, "fig_recurring_contexts", plotted)
