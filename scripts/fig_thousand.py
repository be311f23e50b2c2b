"""A thousand classes one at a time on the sensory code: accuracy by classes met, and by age of a class."""

import json
from pathlib import Path

import matplotlib.pyplot as plt

from pcl.evaluation.classes import FIRST, accuracy_of_met
from pcl.figures.curves import binned_retention, ragged
from pcl.figures.panels import line
from pcl.figures.style import available, marked, save_figure
from pcl.runner.store import Store

LEARNERS = {
    "generative": "class Gaussians",
    "rls": "recursive least squares",
    "ncm": "nearest class mean",
    "parallax": "parallax",
}


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/thousand`; returns the files written."""
    records = [
        record
        for record in Store(results_dir, "thousand").records()
        if record["stream"] == "omniglot" and json.loads(record["config"])["learner"]["features"] == "code"
    ]
    figure, (axis, aged) = plt.subplots(1, 2, figsize=(6.8, 2.6), sharey=True)
    plotted: list[dict[str, object]] = []
    there = available("fig_thousand", "learner", LEARNERS, {record["learner"] for record in records})
    for index, learner in enumerate(there):
        lives = [record for record in records if record["learner"] == learner]
        title = marked(LEARNERS[learner], lives)
        for of, first, style in (("all met", None, "-"), (f"first {FIRST}", FIRST, ":")):
            curve = ragged(f"{title}, {of}", [accuracy_of_met(record, first) for record in lives])
            axis.plot(curve.x, curve.mean, style, color=f"C{index}", linewidth=1.2, label=curve.name)
            axis.fill_between(curve.x, curve.low, curve.high, color=f"C{index}", alpha=0.2, linewidth=0)
            plotted += [
                {"learner": learner, "x": int(n), "of": of} | _numbers(*point)
                for n, *point in zip(*curve[1:], strict=True)
            ]
        (curve,) = binned_retention(lives, title)
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
