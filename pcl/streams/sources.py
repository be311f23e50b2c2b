"""Sources: named collections of labelled images as plain NumPy arrays, split once and for all."""

import functools
import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pcl.errors import unknown

SPLITS = ("train", "validation", "test")


class Source(NamedTuple):
    """Inputs in [0, 1] and labels of each split; no sample is in two splits.

    x: split -> float32 [N, ...], y: split -> int32 [N] with labels 0 .. num_classes-1,
    version: hash of every array, part of the identity of each run on it.
    """

    x: dict[str, np.ndarray]
    y: dict[str, np.ndarray]
    num_classes: int
    version: str


def digits() -> Source:
    """1,797 handwritten digits of 8x8 pixels: 64 % train, 16 % validation, 20 % test, stratified.

    Embedded in scikit-learn; source: Alpaydin and Kaynak (1998), doi:10.24432/C50P49.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images, labels = (images / 16).astype(np.float32), labels.astype(np.int32)
    # A fixed seed: the split belongs to the data, runs of every seed share it.
    rest_x, test_x, rest_y, test_y = train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=0)
    train_x, valid_x, train_y, valid_y = train_test_split(
        rest_x, rest_y, test_size=0.2, stratify=rest_y, random_state=0
    )
    return _source((train_x, valid_x, test_x), (train_y, valid_y, test_y))


SOURCES: dict[str, tuple[Callable[[], Source], str]] = {
    "digits": (digits, "1,797 real 8x8 digits embedded in scikit-learn, 10 classes"),
}


@functools.cache
def source(name: str) -> Source:
    """The source called `name`.

    Raises:
      UsageError: there is none.
    """
    if name not in SOURCES:
        raise unknown("source", name, SOURCES)
    return SOURCES[name][0]()


def _source(xs: tuple[np.ndarray, ...], ys: tuple[np.ndarray, ...]) -> Source:
    digest = hashlib.sha256()
    for array in (*xs, *ys):
        digest.update(str((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    num_classes = int(max(y.max() for y in ys)) + 1
    return Source(
        dict(zip(SPLITS, xs, strict=True)), dict(zip(SPLITS, ys, strict=True)), num_classes, digest.hexdigest()[:16]
    )
