"""Versions of runs: which stored rows are copies of each other, and which conflict. Imports no JAX."""

import dataclasses
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Stored = tuple[Path, Row]  # a row and the part that holds it


@dataclasses.dataclass(frozen=True)
class Conflict:
    """A row that conflicts with a newer one.

    part, row: the older row as it is stored, and its part.
    newer: the part that holds the other.
    what: how they differ.
    decided: whether it is known to be older; False where both were made in one second.
    """

    part: Path
    row: Row
    newer: Path
    what: str
    decided: bool

    def __str__(self) -> str:
        parts = f"{self.part} holds" if self.part == self.newer else f"{self.part} and {self.newer.name} hold"
        return f"{parts} {self.what}"


def sort_out(rows: Sequence[Stored], ignored: Collection[str]) -> tuple[dict[str, list[Stored]], list[Conflict]]:
    """The copies of each run by its id, the newest first, and the rows that conflict with newer ones.

    Seeds of one stream, learner and variant must have the same settings, since a mean is taken over them: those of
    the newest row count. Copies of one run must have the same numbers, bit for bit: those of the newest copy count.

    Args:
      rows: what is stored.
      ignored: columns that may differ between copies of a run.
    """
    cells: dict[tuple[str, str, str], list[Stored]] = {}
    for part, row in rows:
        cells.setdefault((row["stream"], row["learner"], row["variant"]), []).append((part, row))
    conflicts = []
    runs: dict[str, list[Stored]] = {}
    for (stream, learner, _), cell in cells.items():
        newer, newest = max(cell, key=lambda stored: (created(stored[1]), stored[1]["run_id"]))
        expected = _settings(newest)
        for part, row in cell:
            found = _settings(row)
            if found == expected:
                runs.setdefault(row["run_id"], []).append((part, row))
            else:
                names = sorted(name for name in found.keys() | expected if found.get(name) != expected.get(name))
                what = f"two versions of {learner} on {stream}, which differ in {', '.join(names)}"
                conflicts.append(Conflict(part, row, newer, what, created(row) < created(newest)))
    for run_id, copies in runs.items():
        if len(copies) > 1:
            copies.sort(key=lambda stored: (created(stored[1]), content(stored[1])), reverse=True)
            newer, newest = copies[0]
            numbers = content(newest, ignored)
            runs[run_id] = [(part, row) for part, row in copies if content(row, ignored) == numbers]
            what = f"run {run_id} with different numbers"
            conflicts += [
                Conflict(part, row, newer, what, created(row) < created(newest))
                for part, row in copies
                if content(row, ignored) != numbers
            ]
    return runs, conflicts


def created(row: Row) -> str:
    """The time at which a row was made, as sortable text; "" if unknown."""
    return (row["provenance"] or {}).get("created") or ""


def content(row: Row, ignored: Collection[str] = ()) -> str:
    """A row as text, without some columns: equal texts are equal bits, for NaN and the sign of zero too."""
    return repr(sorted((name, value) for name, value in row.items() if name not in ignored))


def _settings(row: Row) -> dict[str, Any]:
    """All settings of a run but its seed, each by its path."""
    try:
        config: dict[str, Any] = json.loads(row["config"])
    except ValueError:  # in a part that nothing verifies
        return {"config": row["config"]}
    flat: dict[str, Any] = {}
    for name, value in config.items():
        flat |= {f"{name}.{inner}": v for inner, v in value.items()} if isinstance(value, dict) else {name: value}
    flat.pop("seed", None)
    return flat
