"""What happens at a switch: accuracy, surprise at label and input, belief and settling steps, over all switches."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from pcl.evaluation.contexts import true_posterior
from pcl.evaluation.summary import Record
from pcl.figures.panels import line, points
from pcl.figures.reactions import aligned
from pcl.figures.style import available, marked, save_figure, shared_legend
from pcl.runner.store import Store

STREAMS = {
    "digits_visible": "digits, pixels permuted",
    "digits_invisible": "digits, labels permuted",
    "mnist_visible": "MNIST, pixels permuted",
    "mnist_invisible": "MNIST, labels permuted",
}
LEARNERS = {
    "parallax": "parallax",
    "parallax_told": "told the context",
    "parallax_single": "one context",
    "er": "replay, backpropagation",
    "fresh": "fresh network each visit",
}
ROWS = {
    "accuracy (%)": ("hits", "seen", 100.0),
    "surprise at the\nlabel (nats)": ("surprise", "taught", 1.0),
    "at the input\n(nats an entry)": ("input_surprise", "seen", 1.0),
    "belief in the\ntrue context": ("true_posterior", "bins", 1.0),
    "settling steps": ("inference_steps", "taught", 1.0),
}
INFERS = ("parallax",)  # the others are told, or have one context


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/contexts`; returns the files written."""
    records = [_with_posterior(r) for r in Store(results_dir, "contexts").records() if r["variant"] == "{}"]
    streams = available("fig_contexts", "stream", STREAMS, {r["stream"] for r in records})
    available("fig_contexts", "learner", LEARNERS, {r["learner"] for r in records})
    figure, axes = plt.subplots(
        len(ROWS),
        len(streams),
        figsize=(9.6, 7.2),
        sharex="col",
        sharey="row",
        squeeze=False,
        gridspec_kw={"hspace": 0.15},
    )
    plotted = []
    for column, stream in enumerate(streams):
        for axis, (label, (of, per, scale)) in zip(axes[:, column], ROWS.items(), strict=True):
            for i, (learner, name) in enumerate(LEARNERS.items()):
                runs = [r for r in records if (r["learner"], r["stream"]) == (learner, stream)]
                # Losses of different learners are not in the same unit.
                shown = of == "hits" or (
                    learner in INFERS if of == "true_posterior" else learner.startswith("parallax")
                )
                if runs and shown:
                    for curve in aligned(runs, of, per, marked(name, runs), scale):
                        line(axis, curve, f"C{i}", 1.0)
                        plotted += points(curve, stream=stream, learner=learner, quantity=label.replace("\n", " "))
            axis.axvline(0, color="0.8", linewidth=0.8, zorder=0)
            if not column:
                axis.set_ylabel(label)
        axes[0, column].set_title(STREAMS[stream])
        axes[-1, column].set_xlabel("samples since the switch")
    figure.align_ylabels(axes[:, 0])
    shared_legend(figure, 5)
    return save_figure(figure, results_dir, "fig_contexts", plotted)


def _with_posterior(record: Record) -> Record:
    return {**record, "true_posterior": true_posterior(record), "bins": np.ones(len(record["seen"]))}
