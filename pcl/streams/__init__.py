"""The registry of streams: one file per kind of stream, with its name; the file ends in `ENTRY`.

A file in this package is listed; one from outside is listed by `register`, or on a command line by --import.
Files without an `ENTRY` are parts of streams.
"""

from typing import Any

from pcl.errors import one_of
from pcl.fields import check_all, replace
from pcl.registry import Registry
from pcl.streams.sources import SOURCES, Source, source
from pcl.types import Data, Stream, StreamEntry

REGISTRY = Registry("stream", StreamEntry, __name__)
register = REGISTRY.register
PROBES = ("test", "validation")


def source_of(config: Any) -> Source | None:
    """The source that a stream's settings name; None if the stream generates its samples."""
    name = getattr(config, "source", None)
    return source(name) if name in SOURCES else None


def make(name: str, probe_on: str = "test", **settings: Any) -> tuple[Stream, Data]:
    """The stream called `name` with `settings`, and its device arrays.

    Raises:
      UsageError: a name or setting is unknown, out of range, or does not fit the source.

    Examples:
      >>> stream, data = make("split", source="digits", classes_per_task=5)
      >>> stream.spec.input_shape, stream.spec.num_labels, len(stream.task_ends)
      ((64,), 10, 2)
    """
    return configured(name, replace(REGISTRY[name].config, settings), probe_on)


def configured(name: str, config: Any, probe_on: str = "test") -> tuple[Stream, Data]:
    """The stream called `name` whose settings are `config`, and its device arrays.

    Raises:
      UsageError: a setting is out of range or does not fit the source; unknown held-out samples.
    """
    entry = REGISTRY[name]
    check_all(config, entry.config)
    probed = one_of("probe_on", probe_on, PROBES)
    return entry.make(config, source_of(config), probed)
