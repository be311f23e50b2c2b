"""Sources: named collections of labelled samples as plain NumPy arrays, split once and for all.

One function, `source(name)`, and one file per source, with its name, which ends in `ENTRY`. Digits are embedded;
everything else is read from raw files below `--data_dir` or PCL_DATA_DIR, or else from what `scripts.prepare_data`
prepared, and cached (see `cache`).

Your own data become a `Source` by `from_file`, `from_dataframe`, `from_huggingface` or `from_arrays`, and get a
name by `register`: `register(from_file("mine.csv"), name="mine")`, then `streams.make("split", source="mine")`.
"""

import functools
from types import ModuleType

from pcl.errors import UsageError
from pcl.registry import Registry
from pcl.streams.sources import datasets
from pcl.streams.sources.arrays import HELD_OUT, Samples, Source, fewer, from_arrays, samples
from pcl.streams.sources.files import KNOWN, use_data_dir
from pcl.streams.sources.own import from_dataframe, from_file, from_huggingface, summary

__all__ = [
    "HELD_OUT",
    "SOURCES",
    "Samples",
    "Source",
    "fewer",
    "from_arrays",
    "from_dataframe",
    "from_file",
    "from_huggingface",
    "load",
    "register",
    "samples",
    "source",
    "use_data_dir",
]


class Sources(Registry[datasets.SourceEntry]):
    """Sources by name; adding one also makes the published digests of its files known."""

    def __setitem__(self, name: str, entry: datasets.SourceEntry) -> None:
        super().__setitem__(name, entry)
        KNOWN.update(entry.files)

    def register(self, given: ModuleType | datasets.SourceEntry | Source, name: str = "") -> None:
        """Register an entry from outside the package, or a `Source` that exists already, under a name for runs.

        A registered source may replace another registered source.

        Raises:
          UsageError: it is neither, or the name is missing, taken or no Python identifier.
        """
        if not isinstance(given, Source):
            super().register(given, name)
            return
        if not name:
            raise UsageError("a source without a name: write register(source, name='…')")
        if name in self and self[name].made:
            del self[name]
            source.cache_clear()
        self._list(
            name, datasets.SourceEntry(summary(given), given.x_train.shape[1:], given.num_classes, made=given), name
        )


SOURCES = Sources("source", datasets.SourceEntry, __name__)
register = SOURCES.register


def load(name: str) -> Source:
    """The source called `name`, loaded anew.

    Raises:
      UsageError: there is none, its data are missing, or they are damaged.

    Examples:
      >>> digits = load("digits")
      >>> digits.x_train.shape, digits.num_classes
      ((1437, 64), 10)
    """
    return datasets.load(name, SOURCES[name], SOURCES.code.get(name))


source = functools.cache(load)  # loaded when it is first asked for
