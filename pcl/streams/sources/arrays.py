"""What a source is: labelled samples as plain NumPy arrays, split once and for all."""

import hashlib
from typing import NamedTuple

import numpy as np

from pcl.errors import UsageError

HELD_OUT = 0.2  # share of the training samples of each class that makes up the validation split


class Source(NamedTuple):
    """Samples and labels 0 .. num_classes-1; no sample is both in the training and in the test arrays.

    x_train, x_test: [N, ...], any real dtype. Images times `scale` lie in [0, 1]; the features of a source
      in time order are as measured (`scale` 1), and its test arrays are empty.
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


class Arrays(NamedTuple):
    """The arrays of a source as they were read, before anything is checked."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


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

    Raises:
      UsageError: the source is one stream in time order, from which nothing can be held out.
    """
    if not len(source.y_test):
        raise UsageError("a source in time order has no held-out samples to probe; choose one with test samples")
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


def canonical_order(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The order of the samples by a hash of their values and label: int [N].

    Files and tensorflow-datasets hold the same images in different orders. A data set without an order of
    its own takes this one, so that its version does not depend on where it was read.
    """
    digests = [
        hashlib.blake2b(row.tobytes(), key=int(label).to_bytes(4, "big"), digest_size=8).digest()
        for row, label in zip(x, y, strict=True)
    ]
    return np.argsort(np.frombuffer(b"".join(digests), ">u8"), kind="stable")
