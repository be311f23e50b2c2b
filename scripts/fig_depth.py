"""Accuracy against depth: muPC beside the standard parametrisation, one line per learning rate."""

import itertools
import json
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from pcl.evaluation.statistics import mean_interval
from pcl.evaluation.summary import Record, measure
from pcl.figures.style import available, marked, save_figure
from pcl.runner.store import Store

FORMS = {"lecun": ("standard", "tab:orange"), "mupc": ("muPC", "tab:blue")}
STYLES = (":", "--", "-")  # of learning rates, the smallest first


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/depth`; returns the files written."""
    accuracies: dict[tuple[str, float, int], list[float]] = defaultdict(list)
    of_rate: dict[tuple[str, float], list[Record]] = defaultdict(list)
    for record in Store(results_dir, "depth").records():
        hp = json.loads(record["config"])["learner"]
        accuracies[hp["init"], hp["lr"], hp["depth"]].append(measure(record)["acc"])
        of_rate[hp["init"], hp["lr"]].append(record)
    forms = available("fig_depth", "init", FORMS, {init for init, _, _ in accuracies})
    rates = sorted({lr for _, lr, _ in accuracies})
    figure, axis = plt.subplots(figsize=(3.5, 2.4))
    plotted = []
    for form, (lr, style) in itertools.product(forms, zip(rates, itertools.cycle(STYLES), strict=False)):
        if depths := sorted(depth for init, rate, depth in accuracies if (init, rate) == (form, lr)):
            title, colour = FORMS[form]
            intervals = [mean_interval(accuracies[form, lr, depth]) for depth in depths]
            mean, low, high = np.transpose(intervals)
            label = marked(f"{title}, rate {lr:g}", of_rate[form, lr])
            axis.plot(depths, mean, style, color=colour, linewidth=1.2, marker=".", label=label)
            axis.fill_between(depths, low, high, color=colour, alpha=0.2, linewidth=0)
            plotted += [
                {"init": form, "lr": lr, "depth": depth}
                | {name: f"{value:.4g}" for name, value in zip(("mean", "low", "high"), interval, strict=True)}
                for depth, interval in zip(depths, intervals, strict=True)
            ]
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set(xlabel="hidden layers", ylabel="validation accuracy (%)", ylim=(0, 100))
    axis.legend(loc="lower left", bbox_to_anchor=(1.0, 0.1))
    return save_figure(figure, results_dir, "fig_depth", plotted)
