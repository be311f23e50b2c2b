"""Loss of plasticity: prequential accuracy on each of two hundred permutations, with its slope."""

from pathlib import Path

import matplotlib.pyplot as plt

from pcl.evaluation.statistics import METHOD, mean_interval
from pcl.evaluation.summary import setting_text
from pcl.figures.curves import online_accuracy, plasticity
from pcl.figures.panels import line, points
from pcl.figures.style import learners, marked, save_figure
from pcl.runner.store import Store


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/plasticity`; returns the files written."""
    records = Store(results_dir, "plasticity").records()
    names = learners(records)
    cells = sorted(
        {(r["learner"], setting_text(r["variant"])) for r in records},
        key=lambda cell: (list(names).index(cell[0]), cell[1]),
    )
    figure, axis = plt.subplots(figsize=(7.2, 2.8))
    plotted = []
    for i, (learner, variant) in enumerate(cells):
        runs = [r for r in records if (r["learner"], setting_text(r["variant"])) == (learner, variant)]
        label = marked(f"{names[learner]} {variant}".strip(), runs)
        slope, low, high = mean_interval([plasticity(run) for run in runs])
        curve = online_accuracy(runs, f"{label}: {slope:+.2f} [{low:+.2f}, {high:+.2f}]")
        line(axis, curve, f"C{i}", 1.0)
        plotted += points(curve._replace(name=label), learner=learner)
    axis.set(xlabel="permutation, in order of arrival", ylabel="prequential accuracy (%)")
    axis.margins(x=0)
    axis.legend(
        title=f"change in points per 100 permutations [{METHOD}]",
        loc="upper center",
        bbox_to_anchor=(0.5, -0.18),
        ncols=2,
        fontsize=6.5,
        title_fontsize=7,
    )
    return save_figure(figure, results_dir, "fig_plasticity", plotted)
