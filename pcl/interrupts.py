"""Signals that end a command: the running chunk is finished and written, then the command ends.

Python runs signal handlers in the main thread, between two of its own instructions. XLA compiles and computes for
minutes in one instruction, and an exception in the middle of it crashes the process. So the work is done by its
own thread, and the main thread only waits for signals.

A scheduler asks a job to make room by SIGTERM. The command then exits with `REQUEUE`; the same command resumes.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

REQUEUE = 75  # EX_TEMPFAIL of sysexits.h: try again later
STACK = 2**26  # bytes: macOS gives a thread half a megabyte, and tracing goes deep


class Interrupted(BaseException):
    """A signal came; the running chunk has been written, and the command is to end."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def status(number: int) -> int:
    """The exit status after a signal: `REQUEUE` for SIGTERM, else 128 plus its number, as in shells."""
    return REQUEUE if number == signal.SIGTERM else 128 + number


class Interrupts:
    """State that the working thread shares with the main thread."""

    def __init__(self) -> None:
        self.doing = "planning"
        self._number = 0
        self._in_flight = False
        self._lock = threading.RLock()  # a handler may be interrupted by a handler

    @contextlib.contextmanager
    def chunk(self) -> Iterator[None]:
        """A block that is finished in spite of a first signal.

        Raises:
          Interrupted: after the block, if a signal came during it.
        """
        with self._lock:
            self._in_flight = True
        try:
            yield
        finally:
            with self._lock:
                self._in_flight = False
        self.rest()

    def rest(self) -> None:
        """Called between two pieces of work, once the first has been saved.

        Raises:
          Interrupted: a signal has come.
        """
        if self._number:
            raise Interrupted(self._number)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        with self._lock:
            first, waits = not self._number, self._in_flight
            self._number = number
        if first and waits:
            _say(f"{name} while {self.doing}: the chunk in flight is finished and written first; once more gives it up")
        elif first:
            _leave(number, f"{name} while {self.doing}: given up; what is finished is kept, the same command goes on")
        else:
            _leave(number, f"{name}: the chunk in flight is given up; what is finished is kept")


def leave_at_once() -> None:
    """From now on Ctrl-C ends the process with one line; used while a command imports its modules."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: _leave(number, "SIGINT while starting: nothing was begun"))


def listen(work: Callable[[Interrupts], None]) -> None:
    """Run `work` in its own thread until it ends; raises what it raises.

    A signal that was ignored before (as by nohup) stays ignored. To be called from the main thread.

    Raises:
      Interrupted: a signal came, and the running chunk has been finished.
    """
    interrupts, raised = Interrupts(), []

    def guarded() -> None:
        try:
            work(interrupts)
        except BaseException as error:  # given on to whoever listens
            raised.append(error)

    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupts._heard) for number in heard}
    whole = threading.stack_size(STACK)
    worker = threading.Thread(target=guarded, name="work")
    try:
        worker.start()
        threading.stack_size(whole)
        while worker.is_alive():
            worker.join(0.5)  # on Windows an unlimited wait would not receive Ctrl-C
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if raised:
        raise raised[0]


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"\n{text}" if sys.stderr.isatty() else text, file=sys.stderr, flush=True)  # below the bar


def _leave(number: int, text: str) -> NoReturn:
    """End the process at once, without waiting for XLA and without freeing memory that it uses."""
    _say(text)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(status(number))
