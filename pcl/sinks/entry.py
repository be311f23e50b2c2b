"""The contract of a sink: where the reports of watched runs are written to."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol


class Member(NamedTuple):
    """A run of a batch, as a sink describes it: `name` for readers, all its settings, and its number of steps."""

    run_id: str
    experiment: str
    name: str
    config: Mapping[str, Any]
    steps: int

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as one level of names, as `learner.lr`: numbers, texts and truth values."""
        return dict(_flat("", self.config))


class Curves(Protocol):
    """What a sink opens for one run."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values that were reported after a step."""

    def close(self) -> None:
        """Called when the run has ended."""


class SinkEntry(NamedTuple):
    """The last statement of a sink's file, `ENTRY`.

    open: (where, run) -> its curves. `where` is the text after the colon of `--sink=name:where`, or empty. A run that
      goes on from a checkpoint is opened again.
    needs: the module of the library that it writes with, which is imported when the first run is opened.
    measure: an own metric that the sink wants, a function (state, hp) -> {name: number} of JAX.
    """

    open: Callable[[str, Member], Curves]
    summary: str
    needs: str = ""
    measure: Callable[[Any, Any], Mapping[str, Any]] | None = None


def _flat(prefix: str, config: Mapping[str, Any]) -> Any:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value if isinstance(value, bool | int | float | str) else str(value)
