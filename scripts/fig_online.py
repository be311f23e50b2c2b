"""Common baselines: final accuracy against state, operations and prequential accuracy."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pcl.evaluation.statistics import METHOD
from pcl.evaluation.summary import Row, summarise
from pcl.experiment import load_experiment
from pcl.figures.style import available, learners, save_figure

from .published import records_of

NAME = "fig_online"
STREAMS = {"split_mnist": "Split-MNIST", "split_fashion_mnist": "Split-Fashion-MNIST"}
AGAINST = {
    "state_bytes": "state (bytes)",
    "flops_per_sample": "operations per sample",
    "prequential_acc": "prequential accuracy (%)",
}


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/online`; returns the files written.

    Raises:
      NoResults: there are no records.
    """
    records = records_of(results_dir, "online")
    rows, names = summarise(records), learners(records)
    own = set(load_experiment("online").learners)
    numbers = {name: i for i, name in enumerate((name for name in names if name in own), 1)}
    streams = available(NAME, "stream", STREAMS, {row.stream for row in rows})
    size = (2.6 * len(AGAINST), 3.4 * len(streams))
    figure, axes_SP = plt.subplots(
        len(streams), len(AGAINST), figsize=size, squeeze=False, sharey="row", gridspec_kw={"top": 0.97, "hspace": 0.12}
    )
    plotted = []
    for stream, axes in zip(streams, axes_SP, strict=True):
        chosen = [row for row in rows if row.stream == stream and not row.variant and row.learner in numbers]
        axes[0].set_ylabel(f"{STREAMS[stream]}\nfinal average accuracy (%)")
        for against, axis in zip(AGAINST, axes, strict=True):
            plotted += _panel(axis, chosen, numbers, against)
    for against, axis in zip(AGAINST, axes_SP[-1], strict=True):
        axis.set_xlabel(AGAINST[against])
    handles = [Line2D([], [], marker=f"${number}$", color=f"C{number % 10}", ls="") for number in numbers.values()]
    figure.legend(
        handles, [names[name] for name in numbers], loc="upper center", bbox_to_anchor=(0.5, 0.05), ncols=4, fontsize=7
    )
    return save_figure(figure, results_dir, NAME, plotted)


def _panel(axis: Axes, rows: Sequence[Row], numbers: dict[str, int], against: str) -> list[dict[str, object]]:
    """Draw a number for each learner, with its interval; returns the rows drawn."""
    found = {metric: {row.learner: row for row in rows if row.metric == metric} for metric in ("acc", against)}
    plotted = []
    for learner, number in numbers.items():
        if learner not in found["acc"] or learner not in found[against]:
            continue
        y, x = found["acc"][learner], found[against][learner].mean
        colour = f"C{number % 10}"
        axis.plot([x, x], [y.low, y.high], color=colour, lw=0.8, alpha=0.5)
        axis.plot(x, y.mean, marker=f"${number}$", color=colour, markersize=4 if number < 10 else 6, mew=0.4)
        row = {"stream": y.stream, "learner": learner, "against": against, "x": x}
        plotted.append(row | {"acc": y.mean, "low": y.low, "high": y.high, "seeds": y.seeds, "interval": METHOD})
    if against != "prequential_acc":
        axis.set_xscale("log")
    return plotted
