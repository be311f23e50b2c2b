"""Features of other libraries: one line per cell, with the place that shows it, read at one commit of each repository.

`features.jsonl` has the rows: `group`, `means`, and the regular expression `searched` that finds what a library says of
it. Every other file is a library: its first line names the snapshot, each further line is a cell.

    {"feature": "epc", "says": "yes", "path": "jpc/_core/_errors.py", "has": "epc"}

`path` is a file of the snapshot, or with `release` of the package as it was published, and `has` a regular expression
that stands in it. A feature without a line was searched in all texts of the snapshot, with `searched` of the feature or
of the cell, and was not found: that is less than a "no", which rests on a place. `without` lists groups of features for
which one search decides. `python -m scripts.peers.check` repeats all of it.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ORDER = ("pcl", "jpc", "pcx", "ngc_learn", "fabricpc", "avalanche", "mammoth", "river", "capymoa")
NOT_FOUND, NOT_CHECKED = "not found", "not checked"


@dataclasses.dataclass(frozen=True)
class Feature:
    """A row of the table."""

    feature: str
    group: str
    means: str
    searched: str


@dataclasses.dataclass(frozen=True)
class Cell:
    """What one library says of one feature.

    path, has: a file, and what stands in it. counts: what is counted below the folder `path`.
    searched: what no text of the snapshot has. history: it is counted in the commits.
    """

    feature: str
    says: str
    path: str = ""
    has: str = ""
    note: str = ""
    counts: str = ""
    searched: str = ""
    release: bool = False
    history: bool = False


@dataclasses.dataclass(frozen=True)
class Library:
    """A library as it was read: a commit of its repository, a published package, or both; pcl has neither."""

    name: str
    version: str
    repository: str = ""
    commit: str = ""
    date: str = ""
    release: dict[str, str] = dataclasses.field(default_factory=dict)
    without: dict[str, str] = dataclasses.field(default_factory=dict)
    cells: dict[str, Cell] = dataclasses.field(default_factory=dict)

    def cell(self, feature: Feature) -> Cell:
        """What it says of a feature; without a line, that it was searched and not found."""
        if feature.feature in self.cells:
            return self.cells[feature.feature]
        return Cell(feature.feature, NOT_FOUND, searched=self.without.get(feature.group, feature.searched))

    def url(self, cell: Cell) -> str:
        """The address of the place that a cell rests on; of pcl relative to the root of the repository."""
        if not self.repository:
            return cell.path
        if cell.release or not self.commit:
            return f"https://pypi.org/project/{self.release['package']}/{self.release['version']}/"
        if cell.history:
            return f"https://github.com/{self.repository}/commits/{self.commit}"
        return f"https://github.com/{self.repository}/blob/{self.commit}/{cell.path}".rstrip("/")

    def source(self, cell: Cell) -> str:
        """The same in words, with commit or date; of what was not found, the search."""
        if cell.says == NOT_CHECKED or not (cell.searched or cell.path or cell.history):
            return ""
        if not self.repository:
            return cell.path
        released = "{package} {version} of {date}".format_map(self.release) if self.release else ""
        snapshot = f"{self.repository}@{self.commit[:7]} of {self.date}"
        if cell.searched:
            return f"/{cell.searched}/ in {' and '.join(filter(None, (self.commit and snapshot, released)))}"
        return f"{released if cell.release else snapshot}: {cell.path or 'history'}"


def features() -> list[Feature]:
    """All rows, in order."""
    return [Feature(**line) for line in _lines("features")]


def libraries() -> list[Library]:
    """All libraries, pcl first."""
    found = []
    for name in ORDER:
        about, *cells = _lines(name)
        found.append(Library(**about, cells={cell["feature"]: Cell(**cell) for cell in cells}))
    return found


def _lines(name: str) -> Iterator[dict[str, Any]]:
    for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
