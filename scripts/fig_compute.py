"""Cost of inference: settling steps against surprise, and accuracy against operations of inference."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from pcl.evaluation.calibration import tenths_by_surprise
from pcl.evaluation.checks import known_mean, ratio
from pcl.evaluation.statistics import mean_interval
from pcl.evaluation.summary import Record, measure
from pcl.figures.curves import over_seeds
from pcl.figures.panels import line, points
from pcl.figures.style import available, marked, save_figure

from .published import records_of

STREAMS = {
    "digits_visible": "digits, pixels permuted",
    "digits_invisible": "digits, labels permuted",
    "mnist_visible": "MNIST, pixels permuted",
    "mnist_invisible": "MNIST, labels permuted",
}
COLUMNS = ("panel", "stream", "learner", "x", "mean", "low", "high")


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/contexts` and `<results_dir>/ablations`; returns the files written.

    Raises:
      NoResults: there are records for neither panel.
    """
    records = records_of(results_dir, "contexts", "ablations")
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.8), gridspec_kw={"wspace": 0.3})
    life = ("contexts", "parallax", "{}")
    lives = [r for r in records if (r["experiment"], r["learner"], r["variant"]) == life]
    runs = [r for r in records if (r["experiment"], r["stream"]) == ("ablations", "digits_invisible")]
    settings = _settings(runs)
    there = {r["stream"] for r in lives} | ({"ablations"} if settings else set())
    panels = available("fig_compute", "stream or experiment", (*STREAMS, "ablations"), there)
    plotted = _steps_by_surprise(left, lives, [stream for stream in panels if stream in STREAMS])
    plotted += _accuracy_by_operations(right, runs, settings)
    return save_figure(figure, results_dir, "fig_compute", plotted)


def _steps_by_surprise(axis: Axes, lives: Sequence[Record], names: Sequence[str]) -> list[dict[str, object]]:
    """Draw the named streams' steps of settling against surprise; returns the rows drawn."""
    plotted: list[dict[str, object]] = []
    for i, stream in enumerate(names):
        lived = [r for r in lives if r["stream"] == stream]
        by_run = [tenths_by_surprise(r["surprise"], r["inference_steps"], r["taught"]) for r in lived]
        surprise, steps = np.stack(by_run).transpose(1, 0, 2)
        curve = over_seeds(marked(STREAMS[stream], lived), known_mean(surprise, 0), steps)
        line(axis, curve, f"C{i}", 1.2)
        plotted += [_row("steps by surprise", row) for row in points(curve, stream=stream, learner="parallax")]
    axis.set(xlabel="surprise (nats; one point per tenth of a run)", ylabel="settling steps", xscale="log")
    if lives:
        axis.legend()
    return plotted


def _accuracy_by_operations(
    axis: Axes, runs: Sequence[Record], settings: Mapping[str, tuple[str, str]]
) -> list[dict[str, object]]:
    """Draw accuracy against the operations of settling, a point a variant; returns the rows drawn."""
    plotted: list[dict[str, object]] = []
    for variant, (label, colour) in settings.items():
        chosen = [r for r in runs if r["variant"] == variant]
        mean, low, high = mean_interval([measure(r)["prequential_acc"] for r in chosen])
        cost = float(np.mean([_settling_flops(r) for r in chosen]))
        axis.errorbar(cost, mean, [[mean - low], [high - mean]], fmt="o", color=colour, markersize=4)
        axis.annotate(label, (cost, mean), xytext=(6, 4), textcoords="offset points", fontsize=7)
        row = {"stream": "digits_invisible", "learner": f"parallax {label}", "x": cost}
        plotted.append(_row("accuracy by operations", row | {"mean": mean, "low": low, "high": high}))
    axis.set(xlabel="operations of inference per sample", ylabel="prequential accuracy (%)", xscale="log")
    axis.margins(0.5, 0.3)
    return plotted


def _settings(runs: Sequence[Record]) -> dict[str, tuple[str, str]]:
    """Variants that differ in how long they settle, with their names and colours."""
    found = {}
    for variant in sorted({r["variant"] for r in runs}):
        without = json.loads(variant).get("without", "nothing")
        if without == "nothing":
            found[variant] = ("as long as it takes", "C0")
        elif without == "settling":
            steps = json.loads(variant).get("inference_steps", 20)
            found[variant] = (f"always {steps} and {steps}", "C1")  # before the label and after it
    return found


def _settling_flops(record: Record) -> float:
    """Operations a sample: some eight on each of the beliefs over contexts and labels, a step."""
    hp = json.loads(record["config"])["learner"]
    labels = round(1 / record["chance"])
    steps = float(ratio(np.sum(record["inference_steps"]), np.sum(record["taught"])))
    return steps * 8 * 2 * hp["max_contexts"] * labels


def _row(panel: str, row: Mapping[str, object]) -> dict[str, object]:
    return {name: row.get(name, panel if name == "panel" else "") for name in COLUMNS}
