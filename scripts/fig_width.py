"""Width of the code: error rate of recursive least squares against the bytes of its state and its computation."""

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from pcl.evaluation.statistics import mean_interval
from pcl.evaluation.summary import Record, diverged, measure, setting_text
from pcl.figures.style import available, save_figure
from pcl.runner.store import Store

STREAMS = {
    "split_mnist": ("Split-MNIST", "C0"),
    "split_fashion": ("Split-Fashion-MNIST", "C1"),
    "split_cifar10": ("Split-CIFAR-10", "C2"),
}
CODES = {"code": ("sensory code", "o-"), "random": ("random features", "s--"), "raw": ("pixels", "^")}
COSTS = {"state_bytes": ("state (MB)", 1e6), "flops_per_sample": ("computation (MFLOP per sample)", 1e6)}


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/split_images`; returns the files written."""
    cells: dict[tuple[str, str, str], list[Record]] = {}
    for record in Store(results_dir, "split_images").records():
        if record["learner"] == "rls" and record["stream"] in STREAMS:
            features = json.loads(record["config"])["learner"]["features"]
            cells.setdefault((record["stream"], features, record["variant"]), []).append(record)
    available("fig_width", "stream", STREAMS, {stream for stream, _, _ in cells})
    points = [_point(*cell, runs) for cell, runs in cells.items()]
    points.sort(key=lambda point: point["state_bytes"])
    figure, axes = plt.subplots(1, len(COSTS), figsize=(6.4, 2.6), sharey=True)
    for axis, (cost, (label, unit)) in zip(axes, COSTS.items(), strict=True):
        for stream, (title, colour) in STREAMS.items():
            for features, (name, style) in CODES.items():
                line = [p for p in points if (p["stream"], p["features"]) == (stream, features)]
                line.sort(key=lambda point: point[cost])
                if line:
                    mean, low, high = ([100 - point[key] for point in line] for key in ("acc", "low", "high"))
                    x = [point[cost] / unit for point in line]
                    axis.plot(x, mean, style, color=colour, markersize=3, linewidth=1, label=f"{title}, {name}")
                    axis.vlines(x, low, high, color=colour, linewidth=1)
        axis.set(xscale="log", yscale="log", xlabel=label)
        axis.yaxis.set_major_formatter("{x:g}")
    axes[0].set_ylabel("final test error (%)")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return save_figure(figure, results_dir, "fig_width", [_written(point) for point in points])


def _point(stream: str, features: str, variant: str, runs: list[Record]) -> dict[str, Any]:
    mean, low, high = mean_interval([measure(run)["acc"] for run in runs])
    costs = {cost: measure(runs[0])[cost] for cost in COSTS}
    names = {
        "stream": stream,
        "features": features,
        "variant": setting_text(variant),
        "seeds": len(runs),
        "diverged": diverged(runs),
    }
    return names | {"acc": mean, "low": low, "high": high} | costs


def _written(point: dict[str, Any]) -> dict[str, Any]:
    return {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in point.items()}
