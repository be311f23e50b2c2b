"""Sources: named collections of labelled samples as plain NumPy arrays, split once and for all.

One function, `source(name)`. Digits are embedded; everything else is read from raw files below `--data_dir` or
PCL_DATA_DIR, or else from what `scripts.prepare_data` prepared, and cached (see `cache`).
"""

import functools
from collections.abc import Callable

from pcl.errors import unknown
from pcl.streams.sources.arrays import HELD_OUT, Samples, Source, make_source, samples
from pcl.streams.sources.datasets import DATA_SETS, load
from pcl.streams.sources.digits import digits
from pcl.streams.sources.files import use_data_dir

__all__ = ["HELD_OUT", "SOURCES", "Samples", "Source", "make_source", "samples", "source", "use_data_dir"]

SOURCES: dict[str, tuple[Callable[[], Source], str]] = {
    "digits": (digits, "1,797 real 8x8 digits embedded in scikit-learn, 10 classes"),
    **{name: (functools.partial(load, name), data_set.summary) for name, data_set in DATA_SETS.items()},
}


@functools.cache
def source(name: str) -> Source:
    """The source called `name`, loaded when it is first asked for.

    Raises:
      UsageError: there is none, its data are missing, or they are damaged.
    """
    if name not in SOURCES:
        raise unknown("source", name, SOURCES)
    return SOURCES[name][0]()
