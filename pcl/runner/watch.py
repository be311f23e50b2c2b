"""Watching runs: reports of running programs are passed to watchers, in a separate thread.

A watcher is a function of a `Report`. One that raises is left out from then on, and no run is harmed.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from pcl.errors import said
from pcl.runner.sweep import RunConfig
from pcl.runner.telling import Measure, Teller, heard

PAUSE_S = 1.0
FIRST = 200  # the first report comes behind this part of a run


class Report(NamedTuple):
    """Progress of M runs of a chunk.

    step, steps: done by each of them, and of each whole run.
    values: [M] of each name; prequential accuracy and logged numbers are means since the report before.
    """

    runs: Sequence[RunConfig]
    step: int
    steps: int
    values: Mapping[str, np.ndarray]


Watcher = Callable[[Report], None]


class Watching(NamedTuple):
    """How runs are watched.

    steps: from one report to the next; 0: as many as take about a second.
    watchers: functions that are called with each report.
    measures: own metrics, each a function (state, hp) -> {name: number} of JAX, computed inside the program.
    """

    steps: int = 0
    watchers: tuple[Watcher, ...] = ()
    measures: tuple[Measure, ...] = ()


class Watch:
    """Carries reports from the programs that it gave a teller to the watchers, while its `with` block lasts."""

    def __init__(self, watching: Watching, say: Callable[[str], None]) -> None:
        self._watching, self._say = watching, say
        self._watchers = list(watching.watchers)
        self._reports: queue.Queue[Report | None] = queue.Queue()
        self._runs: Sequence[RunConfig] = ()
        self._pace = Pace(watching.steps, 1)

    def teller(self, steps: int) -> Teller:
        """The teller of a program whose runs have `steps` steps."""
        return Teller(Pace(self._watching.steps, steps).first, self._hear, self._watching.measures)

    @contextlib.contextmanager
    def chunk(self, runs: Sequence[RunConfig], steps: int) -> Iterator[None]:
        """A block in which these runs are executed; at its end the watchers have received all their reports."""
        self._runs, self._pace = runs, Pace(self._watching.steps, steps)
        try:
            yield
        finally:
            self._reports.join()

    def _hear(self, names: tuple[str, ...], pieces: Sequence[Any]) -> np.int32:
        """Called in a thread of the program, which waits: it only copies."""
        member, done, values = heard(pieces)
        if runs := self._runs[member : member + len(values)]:  # the others are padding
            columns = dict(zip(names, values[: len(runs)].T, strict=True))
            self._reports.put(Report(runs, done, self._pace.steps, columns))
        return np.int32(self._pace.next(member, done, time.perf_counter()))

    def __enter__(self) -> "Watch":
        threading.Thread(target=self._listen, name="watch", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reports.put(None)
        self._reports.join()

    def _listen(self) -> None:
        while (report := self._reports.get()) is not None:
            for watcher in list(self._watchers):
                try:
                    watcher(report)
                except BaseException as error:  # the runs wait for this thread
                    self._watchers.remove(watcher)
                    self._say(f"watcher left out: {said(error)}")
            self._reports.task_done()
        self._reports.task_done()


class Pace:
    """How many steps go from one report to the next: a fixed number, or as many as take about `PAUSE_S`."""

    def __init__(self, every: int, steps: int) -> None:
        self.every, self.steps = every, steps
        self.first = every or -(-steps // FIRST)
        self._last: dict[int, tuple[int, float]] = {}
        self._rate: float | None = None  # steps a second

    def next(self, member: int, step: int, now: float) -> int:
        """Steps until the next report of the members from `member` on, which have done `step` steps at time `now`."""
        if self.every:
            return self.every
        before = self._last.get(member)
        if before is None and self._last.get(member - 1, (0, 0.0))[0] == self.steps:  # it began when that one ended
            before = 0, self._last[member - 1][1]
        self._last[member] = step, now
        if before is not None and now > before[1]:
            self._rate = (step - before[0]) / (now - before[1])
        if self._rate is None:
            return self.first
        return min(self.steps, max(1, int(PAUSE_S * self._rate)))
