"""The ladder: accuracy of every order of classes, and of the same samples shuffled, rung by rung."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from pcl.evaluation.summary import measure, setting_text
from pcl.figures.style import save_figure
from pcl.runner.store import Store

RUNGS = {
    ("nlms", "step=plain"): "LMS",
    ("nlms", "lr=3.0 step=normalised"): "normalised\nLMS",
    ("rls", "precision=diagonal"): "diagonal\nBayes",
    ("rls", "precision=full"): "full\nBayes",
}
SOURCES = {"digits": "digits", "mnist": "MNIST"}
CASES = {"_iid": ("same samples, shuffled", "C7", "none"), "": ("two classes at a time", "C0", "C0")}


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/order_free`; returns the files written."""
    accuracy: dict[tuple[str, str, str], list[tuple[int, float]]] = {}
    for record in Store(results_dir, "order_free").records():
        cell = record["stream"], record["learner"], setting_text(record["variant"])
        accuracy.setdefault(cell, []).append((record["seed"], measure(record)["acc"]))
    sources = [source for source in SOURCES if any(stream == source for stream, _, _ in accuracy)]
    present = {(learner, variant) for _, learner, variant in accuracy}
    rungs = {rung: name for rung, name in RUNGS.items() if rung in present}
    figure, axes = plt.subplots(1, len(sources), figsize=(3.4 * len(sources), 2.6), sharey=True, squeeze=False)
    plotted: list[dict[str, object]] = []
    for axis, source in zip(axes[0], sources, strict=True):
        for suffix, (label, edge, face) in CASES.items():
            for place, ((learner, variant), rung) in enumerate(rungs.items()):
                if (source + suffix, learner, variant) not in accuracy:
                    continue
                seeds, values = np.transpose(sorted(accuracy[source + suffix, learner, variant]))
                spread = np.linspace(-0.12, 0.12, len(values)) + (0.2 if suffix else -0.2)
                axis.plot(
                    place + spread, values, "o", markersize=3, markeredgecolor=edge, markerfacecolor=face,
                    markeredgewidth=0.7, label=label if place == 0 else None,
                )  # fmt: skip
                plotted += [
                    {
                        "stream": source + suffix,
                        "rung": rung.replace("\n", " "),
                        "seed": int(seed),
                        "acc": f"{value:.4g}",
                    }
                    for seed, value in zip(seeds, values, strict=True)
                ]
        axis.set(title=SOURCES[source], ylim=(0, 102), xticks=range(len(rungs)), xticklabels=rungs.values())
    axes[0][0].set_ylabel("final test accuracy (%)")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="lower center", ncols=2, bbox_to_anchor=(0.5, -0.17))
    return save_figure(figure, results_dir, "fig_ladder", plotted)
