"""The exception that command lines turn into a single line and exit code 2, and one kind of it."""

from collections.abc import Iterable


class UsageError(ValueError):
    """Something the user gave is wrong: the message says what, where, and what would be right."""


def unknown(kind: str, given: str, known: Iterable[str]) -> UsageError:
    """A `UsageError` for an unknown name, with the known names sorted behind it."""
    return UsageError(f"unknown {kind} '{given}'; known: {', '.join(sorted(known))}")


def one_of(kind: str, given: str, known: Iterable[str]) -> str:
    """`given`, if it is one of the `known` names.

    Raises:
      UsageError: otherwise.
    """
    names = tuple(known)
    if given not in names:
        raise unknown(kind, given, names)
    return given


class NoResults(UsageError):
    """What was asked for has not been run or measured yet."""
