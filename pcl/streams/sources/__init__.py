"""Sources: named collections of labelled samples as plain NumPy arrays, split once and for all.

One function, `source(name)`, and one file a source, under its name, which ends in `ENTRY`. Digits are embedded;
everything else is read from raw files below `--data_dir` or PCL_DATA_DIR, or else from what `scripts.prepare_data`
prepared, and cached (see `cache`).
"""

import functools

from pcl.registry import Registry
from pcl.streams.sources import datasets
from pcl.streams.sources.arrays import HELD_OUT, Samples, Source, make_source, samples
from pcl.streams.sources.files import KNOWN, use_data_dir

__all__ = [
    "HELD_OUT",
    "SOURCES",
    "Samples",
    "Source",
    "load",
    "make_source",
    "register",
    "samples",
    "source",
    "use_data_dir",
]


class Sources(Registry[datasets.SourceEntry]):
    """Sources by name; the published digests of their files are known from when they are listed."""

    def __setitem__(self, name: str, entry: datasets.SourceEntry) -> None:
        super().__setitem__(name, entry)
        KNOWN.update(entry.files)


SOURCES = Sources("source", datasets.SourceEntry, __name__)
register = SOURCES.register


def load(name: str) -> Source:
    """The source called `name`, loaded anew.

    Raises:
      UsageError: there is none, its data are missing, or they are damaged.
    """
    return datasets.load(name, SOURCES[name], SOURCES.code.get(name))


source = functools.cache(load)  # loaded when it is first asked for
