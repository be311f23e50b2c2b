"""Progress of the runs of a command: a bar on a terminal, otherwise one line per minute.

Watched runs (`pcl.runner.watch`) count by their steps; the bar and the line then show samples per second, time left,
the memory of a device if known, and the curves of the runs in flight, which are means over them.
"""

import contextlib
import math
import sys
import threading
import time
from types import TracebackType

import jax
from tqdm import tqdm

from pcl.runner import memory
from pcl.runner.watch import Report

EVERY_S = 60.0
COLUMNS = 16  # of a curve
BLOCKS = "▁▂▃▄▅▆▇█"
SHOWN = 2  # curves, by the order of reports


class Progress:
    """Counts `total` runs on standard error during its `with` block; a closed standard error is ignored."""

    def __init__(self, total: int):
        self.total, self.done, self.doing = total, 0, ""
        self._start = time.monotonic()
        self._over = threading.Event()
        self._bar: tqdm | None = None
        self._flight = Flight()
        if total and sys.stderr.isatty():
            self._bar = tqdm(total=total, unit="run")

    def now(self, doing: str) -> str:
        """Set the text of the present activity, and return it."""
        self.doing, self._flight = doing, Flight()
        if self._bar is not None:
            self._bar.set_description(doing)
        return doing

    def add(self, runs: int) -> None:
        """Count `runs` more finished runs."""
        self.done += runs
        self._flight.landed()
        self._draw()

    def heard(self, report: Report) -> None:
        """Take a report on runs in flight."""
        self._flight.heard(report)
        self._draw()

    def say(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        with contextlib.suppress(OSError, ValueError):
            tqdm.write(line, file=sys.stderr)

    def __enter__(self) -> "Progress":
        if self._bar is None and self.total:
            threading.Thread(target=self._lines, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._bar is not None:
            self._bar.close()

    def _draw(self) -> None:
        if self._bar is None:
            return
        self._bar.set_postfix_str(self._flight.text(), refresh=False)
        flown = self._flight.runs
        self._bar.update((round(self.done + flown, 2) if flown else self.done) - self._bar.n)

    def _lines(self) -> None:
        while not self._over.wait(EVERY_S):
            with contextlib.suppress(OSError, ValueError):
                print(self._line(time.monotonic() - self._start), file=sys.stderr, flush=True)

    def _line(self, seconds: float) -> str:
        flown, text = self._flight.runs, self._flight.text()
        done = f"{self.done + flown:.1f}" if flown else f"{self.done}"
        line = f"{done} of {self.total} runs after {seconds / 60:.0f} min"
        if text:
            left = seconds * (self.total / (self.done + flown) - 1)
            line += f", about {left / 60:.0f} min left"
        return f"{line}; {self.doing}" + (f"; {text}" if text else "")


class Flight:
    """Runs in flight, by their reports: how far each is, the samples of all, and the curves of their means."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._samples = 0
        self._steps: dict[str, int] = {}
        self._whole = 1
        self._curves: dict[str, Curve] = {}

    @property
    def runs(self) -> float:
        """The finished steps as a number of runs, with fractions."""
        return sum(list(self._steps.values())) / self._whole

    def heard(self, report: Report) -> None:
        """Take a report on some of the runs."""
        for run in report.runs:
            self._samples += max(0, report.step - self._steps.get(run.run_id, 0)) * run.stream.batch
            self._steps[run.run_id] = report.step
        self._whole = report.steps
        for name, values in report.values.items():
            at = (report.step - 1) * COLUMNS // report.steps
            self._curves.setdefault(name, Curve()).add(at, values.sum().item(), len(values))

    def landed(self) -> None:
        """Called when the runs in flight are stored: the curves are cleared."""
        self._steps, self._curves = {}, {}

    def text(self) -> str:
        """Samples per second, memory of the first device, and the first curves; empty before the first report."""
        if not self._samples:
            return ""
        rate = self._samples / max(time.monotonic() - self._start, 1e-9)
        curves = [f"{name} {curve.text()}" for name, curve in list(self._curves.items())[:SHOWN]]
        return ", ".join([f"{rate:,.0f} samples/s", *_device_memory(), *curves])


class Curve:
    """Means of a number over the stretches of a run, of which there are `COLUMNS`."""

    def __init__(self) -> None:
        self._sums = [(0.0, 0)] * COLUMNS

    def add(self, at: int, total: float, count: int) -> None:
        """`count` values with this sum at a stretch; a sum that is not finite is left out."""
        if math.isfinite(total):
            before = self._sums[at]
            self._sums[at] = before[0] + total, before[1] + count

    def text(self) -> str:
        """The last mean, and all of them as blocks between the smallest and the largest."""
        means = [total / count for total, count in self._sums if count]
        return f"{means[-1]:.3g} {sparkline(means)}" if means else "not finite"


def sparkline(values: list[float]) -> str:
    """One block character per value, from the lowest for the smallest to the highest for the largest."""
    low, high = min(values), max(values)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in values)


def _device_memory() -> list[str]:
    """The memory in use on the first device, if known."""
    stats = jax.local_devices()[0].memory_stats()
    return [memory.text(stats["bytes_in_use"])] if stats and "bytes_in_use" in stats else []
