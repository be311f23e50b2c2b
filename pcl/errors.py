"""The exception that command lines turn into a single line and exit code 2, and one kind of it."""

from collections.abc import Iterable

LONGEST = 100  # characters of a user's value that a message repeats


class UsageError(ValueError):
    """An error in the user's input: the message says what is wrong, where, and what would be right."""


def shown(value: object, longest: int = LONGEST) -> str:
    """`value` as text for a message: on one line, shortened in the middle to `longest` characters."""
    try:
        text = str(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        text = f"a number of {value.bit_length():,} bits" if isinstance(value, int) else type(value).__name__
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    if len(text) <= longest:
        return text
    return f"{text[: longest // 2]}…{text[-(longest // 4) :]} ({len(text):,} characters)"


def said(error: BaseException) -> str:
    """The type and message of an error from other code, on one line."""
    return f"{type(error).__name__}: {shown(' '.join(str(error).split()), 6 * LONGEST)}"


def unknown(kind: str, given: str, known: Iterable[str]) -> UsageError:
    """A `UsageError` for an unknown name, which lists the known names."""
    return UsageError(f"unknown {kind} '{shown(given)}'; known: {', '.join(sorted(known))}")


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
    """The records or measurements that were asked for do not exist yet."""
