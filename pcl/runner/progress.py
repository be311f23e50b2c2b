"""Progress of the runs of a command: a bar on a terminal, elsewhere one line every minute."""

import contextlib
import sys
import threading
import time
from types import TracebackType

from tqdm import tqdm

EVERY_S = 60.0


class Progress:
    """Counts `total` runs on standard error while its `with` block lasts; a reader that has gone harms nothing."""

    def __init__(self, total: int):
        self.total, self.done, self.doing = total, 0, ""
        self._start = time.monotonic()
        self._over = threading.Event()
        self._bar: tqdm | None = None
        if total and sys.stderr.isatty():
            self._bar = tqdm(total=total, unit="run")

    def now(self, doing: str) -> str:
        """Set the text of the present activity, and return it."""
        self.doing = doing
        if self._bar is not None:
            self._bar.set_description(doing)
        return doing

    def add(self, runs: int) -> None:
        """So many more are done."""
        self.done += runs
        if self._bar is not None:
            self._bar.update(runs)

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

    def _lines(self) -> None:
        while not self._over.wait(EVERY_S):
            minutes = (time.monotonic() - self._start) / 60
            with contextlib.suppress(OSError, ValueError):
                line = f"{self.done} of {self.total} runs after {minutes:.0f} min; {self.doing}"
                print(line, file=sys.stderr, flush=True)
