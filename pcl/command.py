"""Command lines with absl flags; a user's error is one line and exit code 2."""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from absl import app, flags, logging

from pcl.errors import LONGEST, UsageError, shown
from pcl.interrupts import Interrupted, status

flags.disclaim_key_flags()  # those that are defined here belong to the command that asks for them
CLOSED_PIPE = 141  # exit code of a process that writes to a closed pipe, as shells report it


def launch(main: Callable[..., None], arguments: str = "") -> None:
    """Parse the flags, call `main`, and turn a `UsageError` or a wrong flag into one line.

    A command that takes arguments beside its flags says in `arguments` what they are; `main` is called with them.
    Output to a closed standard stream is dropped. Ctrl-C ends the command with one line and exit code 130.
    """

    def parse(argv: Sequence[str]) -> list[str]:
        try:
            rest = parsed(argv)
        except (UsageError, flags.Error) as error:
            fail(one_line(error))
        if len(rest) > 1 and not arguments:
            fail(f"unexpected argument '{shown(rest[1])}'; settings are written --set name=value")
        if len(rest) == 1 and arguments:
            fail(f"nothing to do; name {arguments}")
        return rest

    def guarded(argv: Sequence[str]) -> None:
        logging.set_verbosity(logging.WARNING)  # JAX reports every backend that it does not find
        try:
            main(*argv[1:])
            sys.stdout.flush()
        except UsageError as error:
            fail(one_line(error))
        except BrokenPipeError:
            # Buffered text would raise again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(CLOSED_PIPE)

    open_streams()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app.run(guarded, flags_parser=parse)
    except Interrupted as error:
        sys.exit(status(error.number))
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(130)


def parsed(argv: Sequence[str]) -> list[str]:
    """Set the flags from a command line that begins with the program's name; returns that name and the arguments.

    Raises:
      UsageError, flags.Error: a flag is unknown, or its value wrong.
    """
    for text in argv[1:]:
        name = text.partition("=")[0]
        if name.startswith("--") and len(name) > LONGEST:  # absl's search for similar names would exhaust the stack
            raise UsageError(f"unknown flag '{shown(name)}'")
    return flags.FLAGS(list(argv))


def open_streams() -> None:
    """Redirect closed standard streams to the null device, and let the others print any character.

    Without that, Python's are None, and the numbers 0 to 2 go to the next files that are opened: what XLA prints as
    an error would stand in a record.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (as long as the process lives)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


class _Folder(flags.ArgumentParser):
    """Parser of a folder flag: a `Path`, in which `~` is the user's home."""

    def parse(self, argument: str | Path) -> Path:
        if not str(argument).strip():
            raise ValueError("name a folder; the current one is written .")
        named = str(argument)
        try:
            if named.startswith("~") and os.environ.get("HOME") == "":
                raise RuntimeError("no home folder")
            folder = Path(named).expanduser()
            with contextlib.suppress(PermissionError):
                folder.exists()
        except RuntimeError:
            raise ValueError("no such user, or no home folder; write the full path") from None
        except OSError as error:
            raise ValueError(f"not a valid path ({error.strerror})") from None
        return folder

    def flag_type(self) -> str:
        return "folder"


class _Names(flags.ArgumentParser):
    """Parser of a flag that is a list of names, none of them empty."""

    def parse(self, argument: str | list[str]) -> list[str]:
        names = [name.strip() for name in argument.split(",")] if isinstance(argument, str) else argument
        if not all(names):
            raise ValueError("write one name, or several with commas between them")
        return names

    def flag_type(self) -> str:
        return "comma separated list of names"


NAMES = _Names()  # to define a flag with: `flags.DEFINE(NAMES, "only", [], help)`


def folder_flag(name: str, default: str | None, help: str) -> None:
    """Define a flag whose value is a `Path`. Commands that are imported together may define the same one."""
    flags.DEFINE(_Folder(), name, default, help, allow_override=True)


def one_line(error: Exception) -> str:
    """The message of an error on one line; absl repeats a wrong value in full, so its middle is left out."""
    text = " ".join(str(error).split())
    return shown(text, 4 * LONGEST) if isinstance(error, flags.Error) else text


def fail(text: str) -> NoReturn:
    """End the command with one line and exit code 2."""
    _say(f"error: {text}")
    sys.exit(2)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)
