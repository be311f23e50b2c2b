"""Command lines: absl flags in, one line and exit code 2 for everything that the user got wrong."""

import sys
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from pcl.errors import UsageError


def launch(main: Callable[..., None], arguments: str = "") -> None:
    """Parse the flags, call `main`, and turn a `UsageError` or a wrong flag into one line.

    A command that takes arguments beside its flags says in `arguments` what they are; `main` is called with them.
    """

    def parse(argv: Sequence[str]) -> list[str]:
        try:
            rest = flags.FLAGS(list(argv))
        except flags.Error as error:
            _fail(error)
        if len(rest) > 1 and not arguments:
            _fail(UsageError(f"unexpected argument '{rest[1]}'; settings are written --set name=value"))
        if len(rest) == 1 and arguments:
            _fail(UsageError(f"nothing to do; name {arguments}"))
        return rest

    def guarded(argv: Sequence[str]) -> None:
        logging.set_verbosity(logging.WARNING)  # JAX reports every backend that it does not find
        try:
            main(*argv[1:])
        except UsageError as error:
            _fail(error)

    app.run(guarded, flags_parser=parse)


def _fail(error: Exception) -> None:
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)
