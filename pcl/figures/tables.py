"""Tables that experiments declare: Markdown and LaTeX, and CSV with every metric. Imports no JAX."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from pcl.evaluation.offline import SHUFFLED, offline_rows
from pcl.evaluation.statistics import METHOD
from pcl.evaluation.summary import Record, Row, summarise, table
from pcl.experiment import Table
from pcl.figures.style import write_csv

CAPTION = f"Accuracies in %; mean over seeds [{METHOD}]."


def write(declared: Table, records: Sequence[Record], folder: Path) -> list[Path]:
    """`<folder>/tables/<name>.csv`, `.md` and, where the table says so, `.tex`. Each says how intervals were made."""
    found, stem = rows(declared, records, folder), folder / "tables" / declared.name
    written = [write_csv(stem.with_suffix(".csv"), [_rounded(row) | {"interval": METHOD} for row in found])]
    metrics, percent = declared.metrics.split(","), CAPTION.replace("%", "\\%")
    texts = {".md": table(found, metrics, "github") + f"\n\n{CAPTION}\n{declared.note}"}
    if declared.latex:
        texts[".tex"] = table(found, metrics, "latex_booktabs") + f"\n\n\\smallskip\n{percent}\n"
    for suffix, text in texts.items():
        path = stem.with_suffix(suffix)
        path.write_text(text)
        written.append(path)
    return written


def rows(declared: Table, records: Sequence[Record], folder: Path) -> list[Row]:
    """Every metric of the records, those that the table adds, and its rows from elsewhere."""
    found = summarise(records)
    if declared.offline:
        found += offline_rows(found)
    if declared.measures:
        measures = [measure(records) for measure in declared.measures]
        found += summarise(
            records, lambda record: dict(itertools.chain(*(measured(record).items() for measured in measures)))
        )
    if declared.offline:
        found = [row for row in found if not row.stream.endswith(SHUFFLED)]
    return [*found, *(declared.more(folder) if declared.more else ())]


def _rounded(row: Row) -> dict[str, object]:
    """A row with its numbers to six significant digits."""
    return {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row._asdict().items()}
