"""What happens at a switch: accuracy, surprise and settling steps, aligned to all switches of a life."""

from pathlib import Path

import matplotlib.pyplot as plt

from pcl.figures.panels import line, points
from pcl.figures.reactions import aligned
from pcl.figures.style import save_figure
from pcl.runner.store import Store

STREAMS = {"digits_visible": "permuted pixels", "digits_invisible": "permuted labels"}
LEARNERS = {
    "parallax": "parallax",
    "parallax_told": "told the context",
    "parallax_single": "one context",
    "er": "replay, backpropagation",
}
ROWS = {
    "accuracy (%)": ("hits", "seen", 100.0),
    "surprise (nats)": ("surprise", "taught", 1.0),
    "settling steps": ("inference_steps", "taught", 1.0),
}


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/contexts`; returns the files written."""
    records = [r for r in Store(results_dir, "contexts").records() if r["variant"] == "{}"]
    figure, axes = plt.subplots(
        len(ROWS), len(STREAMS), figsize=(7.2, 5.0), sharex=True, sharey="row", gridspec_kw={"hspace": 0.15}
    )
    plotted = []
    for column, (stream, title) in enumerate(STREAMS.items()):
        for axis, (label, (of, per, scale)) in zip(axes[:, column], ROWS.items(), strict=True):
            for i, (learner, name) in enumerate(LEARNERS.items()):
                runs = [r for r in records if (r["learner"], r["stream"]) == (learner, stream)]
                # Losses of different learners are not in the same unit.
                if runs and (of == "hits" or learner.startswith("parallax")):
                    for curve in aligned(runs, of, per, name, scale):
                        line(axis, curve, f"C{i}", 1.0)
                        plotted += points(curve, stream=stream, learner=learner, quantity=label)
            axis.axvline(0, color="0.8", linewidth=0.8, zorder=0)
            if not column:
                axis.set_ylabel(label)
        axes[0, column].set_title(title)
        axes[-1, column].set_xlabel("samples since the switch")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, bbox_to_anchor=(0.5, -0.04))
    return save_figure(figure, results_dir, "fig_contexts", plotted)
