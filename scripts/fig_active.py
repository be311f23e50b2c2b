"""What asking is worth: accuracy by the share of labels, asked for or random, and the labels that asking saves."""

import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from pcl.evaluation.summary import Record, measure
from pcl.figures.curves import Curve, over_seeds
from pcl.figures.panels import line, points
from pcl.figures.style import save_figure
from pcl.runner.store import Store

STREAMS = {
    "split_digits_iid_5": "digits, five passes",
    "mnist_iid": "MNIST, one pass",
    "mnist_visible": "MNIST, three permutations",
}
LEARNERS = {"parallax": ("parallax", "C0"), "ncm": ("nearest class mean", "C2"), "backprop": ("backpropagation", "C1")}


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/label_requests`; returns the files written."""
    records = list(Store(results_dir, "label_requests").records())
    streams = [stream for stream in STREAMS if any(r["stream"] == stream for r in records)]
    figure, axes = plt.subplots(2, len(streams), figsize=(7.2, 4.4), sharex=True, sharey="row", squeeze=False)
    plotted = []
    for (above, below), stream in zip(axes.T, streams, strict=True):
        for learner, (name, colour) in LEARNERS.items():
            runs = [r for r in records if (r["stream"], r["learner"]) == (stream, learner)]
            asked, handed = _curve(runs, "request", f"{name}, asks"), _curve(runs, "random", f"{name}, random")
            if asked is None or handed is None:
                continue
            line(above, asked, colour, 1.2)
            _dashed(above, handed, colour)
            share, saved = _saved(asked, handed)
            below.plot(share, saved, "o-", color=colour, markersize=2.5, linewidth=1.2)
            curves = (asked, handed)
            plotted += [p | {"labels_saved": ""} for c in curves for p in points(c, stream=stream, learner=learner)]
            for x, value in zip(share, saved, strict=True):
                row = {"series": "labels saved", "x": f"{x:.6g}", "mean": "", "low": "", "high": ""}
                plotted.append({"stream": stream, "learner": learner, **row, "labels_saved": f"{value:.6g}"})
        above.set(title=STREAMS[stream], xscale="log")
        below.axhline(1, color="0.8", linewidth=0.8, zorder=0)
        below.set(xlabel="share of labels (%)", yscale="log")
        below.xaxis.set_major_formatter("{x:g}")
        below.yaxis.set_major_formatter("{x:g}")
        below.yaxis.set_minor_formatter("{x:g}")
    axes[0, 0].set_ylabel("final accuracy (%)")
    axes[1, 0].set_ylabel("random labels for the\naccuracy of one asked for")
    figure.align_ylabels(axes[:, 0])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=3, bbox_to_anchor=(0.5, -0.1))
    return save_figure(figure, results_dir, "fig_active", plotted)


def _curve(runs: Sequence[Record], labelling: str, name: str) -> Curve | None:
    """Final accuracy in % by the share of labels in %, which every seed has been run with."""
    by_share: dict[float, list[float]] = {}
    for run in runs:
        stream = json.loads(run["config"])["stream"]
        if stream["labelling"] == labelling and stream["labelled"] < 1:
            by_share.setdefault(100 * stream["labelled"], []).append(measure(run)["acc"])
    shares = sorted(by_share)
    return over_seeds(name, shares, np.transpose([by_share[s] for s in shares])) if shares else None


def _dashed(axis: Axes, curve: Curve, colour: str) -> None:
    axis.plot(curve.x, curve.mean, "--", color=colour, linewidth=1.2, marker="o", markersize=2.5, label=curve.name)
    axis.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.1, linewidth=0)


def _saved(asked: Curve, handed: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Times as many random labels as asked for with which the mean accuracy is the same, where it is reached at all.

    Between two measured shares accuracy is taken to rise in a straight line over the logarithm of the share.
    """
    risen = np.maximum.accumulate(handed.mean)
    within = (asked.mean >= risen[0]) & (asked.mean <= risen[-1])
    equal = np.exp(np.interp(asked.mean[within], risen, np.log(handed.x)))
    return asked.x[within], equal / asked.x[within]
