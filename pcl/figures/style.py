"""How every figure looks, and how figures and tables are written. Imports no JAX."""

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # figures are files; no display is needed
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from pcl.evaluation.statistics import mean_interval
from pcl.evaluation.summary import Record, Row, setting_text, summarise, table

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


# Learners as readers know them, in the order in which figures show them.
LEARNERS = {
    "backprop": "backpropagation",
    "pcn": "predictive coding",
    "er": "replay, backpropagation",
    "er_pcn": "replay, predictive coding",
    "ncm": "nearest class mean",
    "parallax": "parallax",
}


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Rows with equal keys as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(temporary, path)
    return path


def save_figure(figure: Figure, folder: Path, name: str, plotted: Sequence[Mapping[str, object]]) -> list[Path]:
    """`<folder>/figures/<name>.pdf` and `.png`, with the plotted numbers beside them as `.csv`."""
    stem = folder / "figures" / name
    written = [write_csv(stem.with_suffix(".csv"), plotted)]
    for suffix in (".pdf", ".png"):
        # Without dates the same numbers give the same bytes.
        metadata = {"CreationDate": None} if suffix == ".pdf" else None
        figure.savefig(stem.with_suffix(suffix), metadata=metadata)
        written.append(stem.with_suffix(suffix))
    plt.close(figure)
    return written


def save_table(rows: Sequence[Row], folder: Path, name: str, metrics: Sequence[str], latex: bool = False) -> list[Path]:
    """`<folder>/tables/<name>.csv` with every metric, and the chosen `metrics` as `.md` (and `.tex`)."""
    stem = folder / "tables" / name
    written = [write_csv(stem.with_suffix(".csv"), [_rounded(row) for row in rows])]
    styles = {".md": "github", ".tex": "latex_booktabs"} if latex else {".md": "github"}
    for suffix, style in styles.items():
        path = stem.with_suffix(suffix)
        path.write_text(table(rows, metrics, style) + "\n")
        written.append(path)
    return written


def measured_rows(records: Sequence[Record], metric: str, measure: Callable[[Record], float]) -> list[Row]:
    """Rows of a metric that `summarise` does not know, beside its own: one a stream, learner and variant."""
    rows = []
    for row in summarise(records):
        if row.metric == "state_bytes":  # every cell has one
            cell = row.stream, row.learner, row.variant
            runs = [r for r in records if (r["stream"], r["learner"], setting_text(r["variant"])) == cell]
            mean, low, high = mean_interval([measure(run) for run in runs])
            rows.append(row._replace(metric=metric, mean=mean, low=low, high=high))
    return rows


def _rounded(row: Row) -> dict[str, object]:
    """A row with its numbers to six significant digits."""
    return {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row._asdict().items()}
