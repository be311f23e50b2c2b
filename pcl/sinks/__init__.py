"""Sinks: writers of the curves of watched runs while they run; one file per sink, which ends in `ENTRY`.

`--sink=name` or `--sink=name:where`. Every run of a batch is written separately, under its run id and with its
settings. Your own sink is added by `--import`. A library is imported when its sink is used.
"""

import importlib.util
from collections.abc import Sequence

from pcl.errors import UsageError
from pcl.registry import Registry
from pcl.runner.watch import Report
from pcl.sinks.entry import Curves, Member, SinkEntry

__all__ = ["SINKS", "Curves", "Member", "Sink", "SinkEntry", "sinks"]

SINKS = Registry("sink", SinkEntry, __name__)


class Sink:
    """A watcher that writes each run to curves of its own, as the entry opens them."""

    def __init__(self, entry: SinkEntry, where: str, experiment: str) -> None:
        self.entry, self._where, self._experiment = entry, where, experiment
        self._curves: dict[str, Curves] = {}

    def __call__(self, report: Report) -> None:
        """Write what the runs of the report say; a run that has ended is closed."""
        for i, run in enumerate(report.runs):
            if run.run_id not in self._curves:
                name = f"{run.learner} {run.stream_name} {run.seed} {run.run_id[:4]}"
                member = Member(run.run_id, self._experiment, name, run.identity, report.steps)
                self._curves[run.run_id] = self.entry.open(self._where, member)
            self._curves[run.run_id].write(report.step, {name: float(v[i]) for name, v in report.values.items()})
            if report.step == report.steps:
                self._curves.pop(run.run_id).close()

    def close(self) -> None:
        """Close the runs that have not ended."""
        while self._curves:
            self._curves.popitem()[1].close()


def sinks(texts: Sequence[str], experiment: str) -> list[Sink]:
    """The sinks that the flag names, each as `name` or `name:where`; nothing is opened.

    Raises:
      UsageError: there is no such sink, or its library is not installed.
    """
    found = []
    for text in texts:
        name, _, where = text.partition(":")
        entry = SINKS[name]
        if entry.needs and importlib.util.find_spec(entry.needs) is None:
            raise UsageError(f"--sink={name}: {entry.needs} is not installed: pip install 'pcl-jax[{name}]'")
        found.append(Sink(entry, where, experiment))
    return found
