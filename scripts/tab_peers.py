"""Features and measured speed beside other libraries, from `scripts/peers` and the benches' records."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from tabulate import tabulate

from pcl.figures.style import write_csv

from .peers import NOT_CHECKED, NOT_FOUND, Cell, Feature, Library, features, libraries
from .peers.speed import Speed, speeds

ROOT = "../../"  # of the repository, from results/tables
UNREAD = f"""\
A **yes** or a **partly** links to the file that shows it, a **no** to the file that shows how it is done in its place;
where a published package was read, the link goes to its page, and the file is named in the [CSV file](tab_peers.csv).
The cells of pcl are of this commit, and its "no" has no file. **{NOT_FOUND}** is less than a no: a search of all texts
of the snapshot found nothing, and the CSV file holds the search. **{NOT_CHECKED}** is a cell that was not looked up.
Numbers in brackets are those of the notes.
"""


def main(results_dir: Path) -> list[Path]:
    """Write the table from `scripts/peers` and the benches in `results_dir`; returns the files written.

    Raises:
      FileNotFoundError: a bench was not run.
    """
    measured, rows, read = speeds(results_dir), features(), libraries()
    stem = results_dir / "tables" / "tab_peers"
    written = [write_csv(stem.with_suffix(".csv"), [*_features(rows, read), *map(_measured, measured)])]
    path = stem.with_suffix(".md")
    notes: list[str] = []
    parts = [f"{UNREAD}\n{_table(_snapshots(read))}"]
    for group, members in itertools.groupby(rows, key=lambda row: row.group):
        shown = [{"feature": row.means} | {one.name: _shown(one, row, notes) for one in read} for row in members]
        parts.append(f"## {group}\n\n{_table(shown)}")
    parts.append("\n".join(["## Notes", "", *(f"{number}. {note}" for number, note in enumerate(notes, 1))]))
    parts += _speeds(measured, read)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return [*written, path]


def _features(rows: list[Feature], read: list[Library]) -> Iterator[dict[str, str]]:
    """One line per cell."""
    for row, one in itertools.product(rows, read):
        cell = one.cell(row)
        line = {"group": row.group, "row": row.means, "library": one.name, "says": cell.says, "unit": ""}
        yield line | {"note": cell.note, "source": one.source(cell), "command": ""}


def _measured(one: Speed) -> dict[str, str]:
    """A speed as a line of the same columns."""
    line = {"group": "Speed", "row": one.quantity, "library": one.name, "says": _short(one.value), "unit": one.unit}
    return line | {"note": one.case, "source": one.source, "command": one.command}


def _snapshots(read: list[Library]) -> list[dict[str, str]]:
    """What was read of each library."""
    shown = []
    for one in read:
        commit = Cell("", "", path="", history=True)
        snapshot = f"[{one.commit[:7]}]({one.url(commit)}) of {one.date}" if one.commit else ""
        released = "{package} {version} of {date}".format_map(one.release) if one.release else ""
        what = "; ".join(filter(None, (snapshot, released))) or one.version
        shown.append({"library": one.name, "version": one.version, "read": what})
    return shown


def _shown(one: Library, row: Feature, notes: list[str]) -> str:
    """A cell of the Markdown table; its note goes to `notes` and leaves its number."""
    cell = one.cell(row)
    where = one.url(cell) if one.repository else f"{ROOT}{cell.path}"
    folder = cell.counts and not one.repository  # the site has pages for files alone
    linked = cell.says if cell.searched or folder or not one.source(cell) else f"[{cell.says}]({where})"
    if not cell.note:
        return linked
    notes.append(f"{one.name}, {re.split('[:(,]', row.means)[0].strip()}: {cell.note}.")
    return f"{linked} ({len(notes)})"


def _speeds(measured: list[Speed], read: list[Library]) -> Iterator[str]:
    """A table for each quantity and session, with its command, and who was not measured."""
    yield "## Speed"
    unmeasured = [one.name for one in read if one.name not in {speed.name for speed in measured}]
    yield (
        f"Not measured: {', '.join(unmeasured)}. A PyTorch loop is written by hand and is no part of this repository. "
        "Of each library the fastest of its cases is shown; all are in tab_bench_inference."
    )
    for (quantity, together, command), some in itertools.groupby(
        measured, key=lambda one: (one.quantity, one.measured, one.command)
    ):
        shown = [
            {"library": one.name, one.unit: _short(one.value), "case": one.case, "line": str(one.line)}
            | {"record": f"[{one.file}](../{one.file})"}
            for one in some
        ]
        yield f"**{quantity}** ({together})\n\n{_table(shown)}\n\n`{command}`"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _table(rows: list[dict[str, str]]) -> str:
    return tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True)
