"""Lines of a table, one for each number that is reported: runs share a file, and so do commands in turn."""

import csv
from collections.abc import Mapping
from pathlib import Path

from pcl.sinks.entry import Member, SinkEntry

COLUMNS = ("run_id", "name", "step", "steps", "metric", "value")


class Curves:
    """The lines of one run; each report is appended by one write, so that processes may share the file."""

    def __init__(self, where: str, run: Member) -> None:
        self._file = Path(where or "watch.csv").open("a", newline="", encoding="utf-8")  # noqa: SIM115 (closed below)
        self._run = run
        if not self._file.tell():
            csv.writer(self._file).writerow(COLUMNS)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write one line per value."""
        run = self._run
        lines = [(run.run_id, run.name, step, run.steps, metric, value) for metric, value in values.items()]
        csv.writer(self._file).writerows(lines)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


ENTRY = SinkEntry(Curves, "a CSV file, csv:FILE (default: watch.csv)")
