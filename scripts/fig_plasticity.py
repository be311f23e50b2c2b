"""Loss of plasticity: prequential accuracy on each of two hundred permutations, with its slope."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from pcl.evaluation.statistics import METHOD, mean_interval
from pcl.evaluation.summary import Record, setting_text
from pcl.figures.curves import online_accuracy, plasticity
from pcl.figures.panels import line, points
from pcl.figures.style import learners, marked, save_figure
from pcl.runner.store import Store

METHODS = ("l2_init", "shrink_perturb", "continual_backprop", "snr", "upgd", "moving_norm")
TITLES = ("networks, replay and parallax", "methods against the loss, backpropagation")


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/plasticity`; returns the files written."""
    records = Store(results_dir, "plasticity").records()
    names = list(learners(records))
    cells = sorted(
        {(r["learner"], setting_text(r["variant"])) for r in records}, key=lambda cell: (names.index(cell[0]), cell[1])
    )
    methods = [cell for cell in cells if cell[0] in METHODS or cell == ("backprop", "norm=layer")]
    panels = [[cell for cell in cells if cell not in methods], methods]
    if methods and ("backprop", "") in cells:
        methods.insert(0, ("backprop", ""))
    there = [(title, panel) for title, panel in zip(TITLES, panels, strict=True) if panel]
    figure, axes = plt.subplots(1, len(there), figsize=(7.2, 2.8), sharey=True, squeeze=False)
    plotted: list[dict[str, object]] = []
    for axis, (title, panel), left in zip(axes[0], there, (-0.2, 0.0), strict=False):
        plotted += [{"panel": title} | row for row in _panel(axis, records, panel, left)]
        axis.set_title(title, loc="left")
    axes[0, 0].set_ylabel("prequential accuracy (%)")
    return save_figure(figure, results_dir, "fig_plasticity", plotted)


def _panel(
    axis: Axes, records: Sequence[Record], cells: Sequence[tuple[str, str]], left: float
) -> list[dict[str, object]]:
    """Draws a curve for each learner and setting, with its slope in the legend; returns the drawn numbers.

    left: the left edge of the legend, in widths of the panel.
    """
    names, plotted = learners(records), list[dict[str, object]]()
    for i, (learner, variant) in enumerate(cells):
        runs = [r for r in records if (r["learner"], setting_text(r["variant"])) == (learner, variant)]
        label = marked(f"{names[learner]} {variant}".strip(), runs)
        slope, low, high = mean_interval([plasticity(run) for run in runs])
        curve = online_accuracy(runs, f"{label}: {slope:+.2f} [{low:+.2f}, {high:+.2f}]")
        line(axis, curve, f"C{i}", 1.0)
        plotted += points(curve._replace(name=label), learner=learner)
    axis.set_xlabel("permutation, in order of arrival")
    axis.margins(x=0)
    axis.legend(
        title=f"points per 100 permutations [{METHOD}]",
        loc="upper left",
        bbox_to_anchor=(left, -0.18),
        fontsize=6,
        title_fontsize=6.5,
        alignment="left",
    )
    return plotted
