"""A thousand classes one at a time on the sensory code: accuracy by classes met, and by age of a class."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from pcl.evaluation.statistics import mean_interval
from pcl.figures.curves import ragged
from pcl.figures.panels import line
from pcl.figures.style import save_figure
from pcl.runner.store import Store
from scripts.fig_retention import by_age
from scripts.tab_thousand import class_accuracy

LEARNERS = {
    "generative": "class Gaussians",
    "rls": "recursive least squares",
    "ncm": "nearest class mean",
    "parallax": "parallax",
}
FIRST = 100


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/thousand`; returns the files written."""
    records = [
        record
        for record in Store(results_dir, "thousand").records()
        if record["stream"] == "omniglot" and json.loads(record["config"])["learner"]["features"] == "code"
    ]
    figure, (axis, aged) = plt.subplots(1, 2, figsize=(6.8, 2.6), sharey=True)
    plotted: list[dict[str, object]] = []
    for index, (learner, title) in enumerate(LEARNERS.items()):
        lives = [record for record in records if record["learner"] == learner]
        if not lives:
            continue
        runs = [class_accuracy(record) for record in lives]
        met = runs[0][0]
        probed = np.flatnonzero(met > 0)
        of_all = [[accuracy[p, : met[p]].mean() for p in probed] for _, accuracy in runs]
        of_first = [[accuracy[p, : min(met[p], FIRST)].mean() for p in probed] for _, accuracy in runs]
        for of, values, style in (("all met", of_all, "-"), (f"first {FIRST}", of_first, ":")):
            mean, low, high = np.transpose([mean_interval(column) for column in np.transpose(values)])
            axis.plot(met[probed], mean, style, color=f"C{index}", linewidth=1.2, label=f"{title}, {of}")
            axis.fill_between(met[probed], low, high, color=f"C{index}", alpha=0.2, linewidth=0)
            plotted += [
                {"learner": learner, "x": int(n), "of": of} | _numbers(*point)
                for n, *point in zip(met[probed], mean, low, high, strict=True)
            ]
        curve = ragged(title, [by_age(record) for record in lives])
        line(aged, curve, f"C{index}", 1.2)
        plotted += [
            {"learner": learner, "x": float(age), "of": "one, by age", **_numbers(*point)}
            for age, *point in zip(*curve[1:], strict=True)
        ]
    axis.set(xlabel="classes met", ylabel="test accuracy (%)", ylim=(0, 102))
    aged.set(xlabel="classes that came since")
    figure.legend(*axis.get_legend_handles_labels(), loc="upper center", ncols=2, bbox_to_anchor=(0.5, -0.03))
    return save_figure(figure, results_dir, "fig_thousand", plotted)


def _numbers(mean: float, low: float, high: float) -> dict[str, str]:
    return {"mean": f"{mean:.4g}", "low": f"{low:.4g}", "high": f"{high:.4g}"}
