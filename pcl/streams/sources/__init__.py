"""Sources: named collections of labelled samples as plain NumPy arrays, split once and for all.

One function, `source(name)`, and one file a source, under its name, which ends in `ENTRY`. Digits are embedded;
everything else is read from raw files below `--data_dir` or PCL_DATA_DIR, or else from what `scripts.prepare_data`
prepared, and cached (see `cache`).

Data of one's own become a `Source` by `from_file`, `from_dataframe`, `from_huggingface` or `from_arrays`, and get a
name by `add`: `add("mine", from_file("mine.csv", label="kind"))`, then `streams.make("split", source="mine")`.
"""

import functools

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
    "add",
    "fewer",
    "from_arrays",
    "from_dataframe",
    "from_file",
    "from_huggingface",
    "load",
    "samples",
    "source",
    "use_data_dir",
]

SOURCES = Registry("source", datasets.SourceEntry, __name__)
for _entry in SOURCES.values():
    KNOWN.update(_entry.files)


def load(name: str) -> Source:
    """The source called `name`, loaded anew.

    Raises:
      UsageError: there is none, its data are missing, or they are damaged.
    """
    return datasets.load(name, SOURCES[name])


source = functools.cache(load)  # loaded when it is first asked for


def add(name: str, made: Source) -> None:
    """Give a source of one's own a name, by which streams find it.

    Raises:
      UsageError: another source has the name already.
    """
    if name in SOURCES and SOURCES[name].made is None:
        raise UsageError(f"there is a source '{name}' already; give yours another name")
    SOURCES[name] = datasets.SourceEntry(summary(made), made.x_train.shape[1:], made.num_classes, made=made)
    source.cache_clear()
