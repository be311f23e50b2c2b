"""Sources: named collections of labelled samples as plain NumPy arrays, split once and for all."""

import functools
import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pcl.errors import unknown

HELD_OUT = 0.2  # share of the training samples of each class that makes up the validation split


class Source(NamedTuple):
    """Samples and labels 0 .. num_classes-1; no sample is both in the training and in the test arrays.

    x_train, x_test: [N, ...], any real dtype; times `scale` they lie in [0, 1].
    y_train, y_test: int32 [N].
    version: hash of every array, part of the identity of each run on it.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    num_classes: int
    scale: float
    version: str


class Samples(NamedTuple):
    """What a stream is made of: samples that may arrive, and samples that only probes look at."""

    x: np.ndarray
    y: np.ndarray
    probe_x: np.ndarray
    probe_y: np.ndarray


def samples(source: Source, probe_on: str) -> Samples:
    """Training samples and probes for `probe_on`, `test` or `validation`; any first probes mix all classes.

    For validation a stratified fifth of the training samples is held out of the stream and probed; for
    the test they are back in the stream. A fixed seed: the split belongs to the data, not to a run.
    """
    if probe_on == "test":
        mixed = _class_mix(source.y_test)[0]
        return Samples(source.x_train, source.y_train, source.x_test[mixed], source.y_test[mixed])
    order, share = _class_mix(source.y_train)
    held, kept = order[share < HELD_OUT], np.sort(order[share >= HELD_OUT])
    return Samples(source.x_train[kept], source.y_train[kept], source.x_train[held], source.y_train[held])


def _class_mix(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An order of the samples in which every prefix is a mix of all classes, and how far through its own
    class each of them is (0 .. 1). Random within a class, yet always the same."""
    shuffled = np.random.default_rng(0).permutation(len(y))
    by_class = shuffled[np.argsort(y[shuffled], kind="stable")]
    count = np.bincount(y)
    rank = np.arange(len(y)) - np.repeat(np.cumsum(count) - count, count)
    share = rank / np.repeat(count, count)
    mixed = np.argsort(share, kind="stable")
    return by_class[mixed], share[mixed]


def make_source(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, scale: float
) -> Source:
    """A source of these arrays, with its number of classes and version."""
    arrays = (x_train, y_train.astype(np.int32), x_test, y_test.astype(np.int32))
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return Source(*arrays, num_classes=int(y_train.max()) + 1, scale=scale, version=digest.hexdigest()[:16])


def digits() -> Source:
    """1,797 handwritten digits of 8x8 pixels, a stratified fifth of them for the test.

    Embedded in scikit-learn; source: Alpaydin and Kaynak (1998), doi:10.24432/C50P49.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x.astype(np.uint8), y, test_size=0.2, stratify=y, random_state=0
    )
    return make_source(x_train, y_train, x_test, y_test, scale=1 / 16)


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
