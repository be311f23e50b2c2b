"""Convergence of each inference rule: residual and angle of the weight update against compute.

Solid lines: local rules. Dashed: rules that are not local, or that share statistics between samples.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt

from pcl.figures.style import save_figure

COSTS = {"products": "products of 64x256x256", "cpu_ms": "CPU time of inference (ms)"}
MEASURES = {"residual": "relative activity gradient", "angle": "angle to the true update (deg)"}
LOCAL = ("gradient descent 0.1", "gradient descent", "early stop", "heavy ball", "adam", "amortised start")
COLOURS = ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860")  # of the local rules, and of the others
PROBLEMS = {"init": "fresh weights", "trained": "trained weights"}


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/bench_equilibrium.jsonl`; returns the files written."""
    lines = [json.loads(line) for line in (results_dir / "bench_equilibrium.jsonl").read_text().splitlines()]
    panels = [(problem, cost) for problem in PROBLEMS for cost in COSTS]
    figure, axes = plt.subplots(len(MEASURES), len(panels), figsize=(9.6, 4.4), sharey="row")
    rules = list(dict.fromkeys(line["rule"] for line in lines))
    rules = [rule for rule in LOCAL if rule in rules] + [rule for rule in rules if rule not in LOCAL]
    others = [rule for rule in rules if rule not in LOCAL]
    look = {rule: (COLOURS[LOCAL.index(rule)], "-") for rule in rules if rule in LOCAL}
    look |= {rule: (colour, "--") for rule, colour in zip(others, COLOURS, strict=False)}
    for column, (problem, cost) in enumerate(panels):
        for row, measure in enumerate(MEASURES):
            axis = axes[row, column]
            for rule in rules:
                points = [line for line in lines if (line["rule"], line["problem"]) == (rule, problem)]
                x, y = ([point[key] for point in points] for key in (cost, measure))
                colour, style = look[rule]
                axis.plot(x, y, style, color=colour, label=rule, linewidth=1.1, marker=".", markersize=3)
            axis.set(xscale="log", yscale="log", xlabel=COSTS[cost] if row else "")
            if measure == "residual":
                axis.axhline(1e-3, color="0.6", linewidth=0.8, linestyle="--", zorder=0)
                axis.set(ylim=(1e-6, 10), title=PROBLEMS[problem])
            else:
                axis.set(ylim=(1e-3, 90))
    for row, label in enumerate(MEASURES.values()):
        axes[row, 0].set_ylabel(label)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="lower center", ncols=6, bbox_to_anchor=(0.5, -0.1))
    columns = ("problem", "rule", "steps", "residual", "angle", "products", "median_ms", "min_ms", "cpu_ms")
    plotted = [{key: _short(line[key]) for key in columns} for line in lines]
    return save_figure(figure, results_dir, "fig_equilibrium", plotted)


def _short(value: object) -> object:
    return f"{value:.4g}" if isinstance(value, float) else value
