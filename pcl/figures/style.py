"""The common style of figures, and writing them. Imports no JAX."""

import csv
import io
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # figures are files; no display is needed
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from pcl.errors import NoResults
from pcl.evaluation.statistics import METHOD
from pcl.evaluation.summary import Record, diverged
from pcl.folders import write_whole
from pcl.registry import declared

plt.rcParams.update(
    {
        "font.size": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9,
        "legend.frameon": False,
        "savefig.dpi": 200,
        "savefig.bbox": "tight",
        "pdf.fonttype": 42,  # text stays text
    }
)


BANDS = f"bands: {METHOD} of the mean over seeds"
FIRST = ("backprop", "pcn")  # the baseline and predictive coding come first in every legend


def learners(records: Iterable[Record]) -> dict[str, str]:
    """The learners in the records, with their labels.

    In the order in which figures show them: those of `FIRST`, others with a label, others by the name of their file.
    """
    labels, there = declared("pcl.learners", "label"), {record["learner"] for record in records}
    known = {name: label for name, label in labels.items() if label is not None}
    return {name: known.get(name, name) for name in dict.fromkeys((*FIRST, *known, *sorted(there))) if name in there}


def available(figure: str, kind: str, wanted: Iterable[str], there: Collection[str]) -> list[str]:
    """The `wanted` streams, learners, … that are `there`; one line on stderr names the others.

    Raises:
      NoResults: none of them is there.
    """
    wanted = list(wanted)
    missing = ", ".join(name for name in wanted if name not in there)
    if not set(wanted) & set(there):
        raise NoResults(f"{figure}: no {kind} of {missing} among the records, so that nothing can be drawn")
    if missing:
        print(f"{figure} is drawn without {kind} {missing}: no records", file=sys.stderr)
    return [name for name in wanted if name in there]


def marked(name: str, runs: Sequence[Record]) -> str:
    """The name of a curve in a legend, with how many of its runs diverged, if any."""
    bad = diverged(runs)
    return f"{name} ({bad} of {len(runs)} diverged)" if bad else name


def shared_legend(figure: Figure, columns: int) -> None:
    """One legend below all axes of a figure, each name once."""
    handles: dict[str, Any] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(list(handles.values()), list(handles), loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=columns)


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Rows with equal keys as a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())
    return path


def save_figure(figure: Figure, folder: Path, name: str, plotted: Sequence[Mapping[str, object]]) -> list[Path]:
    """`<folder>/figures/<name>.pdf` and `.png`, with the plotted numbers beside them as `.csv`.

    A figure with intervals has a note on how they were computed.
    """
    stem = folder / "figures" / name
    if "low" in plotted[0]:
        figure.text(0.99, 1, BANDS, ha="right", va="bottom", fontsize=5, color="0.4")
    written = [write_csv(stem.with_suffix(".csv"), plotted)]
    figure.savefig(stem.with_suffix(".pdf"), metadata={"CreationDate": None})  # the same numbers give the same bytes
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    plt.close(figure)
    # 256 colours take a third of the bytes, and lines and text look the same.
    Image.open(drawn).convert("RGB").quantize(256).save(stem.with_suffix(".png"), optimize=True)
    return [*written, stem.with_suffix(".pdf"), stem.with_suffix(".png")]
