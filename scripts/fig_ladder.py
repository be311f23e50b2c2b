"""Four preconditioners: accuracy for each order of the classes, and for the same samples shuffled."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from pcl.evaluation.summary import Record, measure
from pcl.figures.style import available, save_figure, shared_legend
from pcl.runner.store import Store

# Learner and settings of each preconditioner, whatever else its experiment sets.
RUNGS: dict[str, tuple[str, dict[str, object]]] = {
    "LMS": ("nlms", {"step": "plain"}),
    "normalised\nLMS": ("nlms", {"step": "normalised", "lr": 3.0}),
    "diagonal\nRLS": ("rls", {"covariance": "diagonal"}),
    "full\nRLS": ("rls", {"covariance": "full"}),
}
SOURCES = {"digits": "digits", "mnist": "MNIST"}
CASES = {"_iid": ("same samples, shuffled", "C7", "none"), "": ("two classes at a time", "C0", "C0")}


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/order_free`; returns the files written."""
    accuracy: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for record in Store(results_dir, "order_free").records():
        if rung := _rung(record):
            accuracy.setdefault((record["stream"], rung), []).append((record["seed"], measure(record)["acc"]))
    sources = available("fig_ladder", "stream", SOURCES, {stream.removesuffix("_iid") for stream, _ in accuracy})
    available("fig_ladder", "rung", RUNGS, {rung for _, rung in accuracy})
    figure, axes = plt.subplots(1, len(sources), figsize=(3.4 * len(sources), 2.6), sharey=True, squeeze=False)
    plotted: list[dict[str, object]] = []
    for axis, source in zip(axes[0], sources, strict=True):
        for suffix, (label, edge, face) in CASES.items():
            there = [rung for rung in RUNGS if (source + suffix, rung) in accuracy]
            for rung in there:
                place = list(RUNGS).index(rung)
                seeds, values = np.transpose(sorted(accuracy[source + suffix, rung]))
                spread = np.linspace(-0.12, 0.12, len(values)) + (0.2 if suffix else -0.2)
                axis.plot(
                    place + spread, values, "o", markersize=3, markeredgecolor=edge, markerfacecolor=face,
                    markeredgewidth=0.7, label=label if rung == there[0] else None,
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
        axis.set(title=SOURCES[source], ylim=(0, 102), xticks=range(len(RUNGS)), xticklabels=RUNGS)
    axes[0][0].set_ylabel("final test accuracy (%)")
    shared_legend(figure, 2)
    return save_figure(figure, results_dir, "fig_ladder", plotted)


def _rung(record: Record) -> str | None:
    """The preconditioner of a record."""
    config = json.loads(record["config"])["learner"]
    for rung, (learner, settings) in RUNGS.items():
        if record["learner"] == learner and settings.items() <= config.items():
            return rung
    return None
