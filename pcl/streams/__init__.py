"""The registry of streams: one file a kind of stream, one line here."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pcl.errors import one_of, unknown
from pcl.fields import check_all, replace
from pcl.streams import class_contexts, contexts, drift, load, recorded, regression, sequence, split
from pcl.streams.sources import SOURCES, Source, source
from pcl.types import Data, Stream

PROBES = ("test", "validation")


class Entry(NamedTuple):
    """How a stream is made from its settings, its default settings, and what it is in one line."""

    build: Callable[[Any, Any, str], tuple[Stream, Data]]  # settings, `source_of` them, the held-out samples to probe
    config: Any
    summary: str

    def make(self, config: Any, source: Source | None, probe_on: str = "test") -> tuple[Stream, Data]:
        """The stream with these settings, and its device arrays.

        Raises:
          UsageError: a setting is out of range or does not fit the source; unknown held-out samples.
        """
        check_all(config, self.config)
        return self.build(config, source, one_of("probe_on", probe_on, PROBES))


REGISTRY = {
    "split": Entry(split.make, split.Split(), "a few classes at a time: class-, domain-, task-incremental or iid"),
    "contexts": Entry(
        contexts.make, contexts.Contexts(), "permuted, rotated, inverted or relabelled, once or recurring"
    ),
    "class_contexts": Entry(
        class_contexts.make, class_contexts.ClassContexts(), "contexts that come a few classes at a time, then return"
    ),
    "recorded": Entry(recorded.make, recorded.Recorded(), "a source once in the order of its file"),
    "drift": Entry(drift.make, drift.Drift(), "synthetic concepts that jump, rotate or wander, no source"),
    "regression": Entry(
        regression.make, regression.Regression(), "a real function of bits that changes slowly, no source"
    ),
    "sequence": Entry(
        sequence.make, sequence.Sequence(), "predict the next observation: dynamics that recur, or a file"
    ),
    "load": Entry(load.make, load.Load(), "random labels in groups, to be recalled: what is absorbed"),
}


def entry(name: str) -> Entry:
    """The registry's line for `name`.

    Raises:
      UsageError: there is none.
    """
    if name not in REGISTRY:
        raise unknown("stream", name, REGISTRY)
    return REGISTRY[name]


def source_of(config: Any) -> Source | None:
    """The source that a stream's settings name, None where the stream draws its samples itself."""
    name = getattr(config, "source", None)
    return source(name) if name in SOURCES else None


def make(name: str, probe_on: str = "test", **settings: Any) -> tuple[Stream, Data]:
    """The stream called `name` with `settings`, and its device arrays.

    Raises:
      UsageError: a name or setting is unknown, out of range, or does not fit the source.
    """
    found = entry(name)
    config = replace(found.config, settings)
    return found.make(config, source_of(config), probe_on)
