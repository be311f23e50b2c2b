"""What a source is: labelled samples as plain NumPy arrays, split once and for all."""

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np

from pcl.errors import UsageError
from pcl.streams.sources import checks

HELD_OUT = 0.2  # share of the training samples of each class that makes up the validation split


class Source(NamedTuple):
    """Samples and labels 0 .. num_classes-1; no sample is both in the training and in the test arrays.

    x_train, x_test: [N, ...], any real dtype. Images times `scale` lie in [0, 1]; the features of a source
      in time order are as measured (`scale` 1), and its test arrays are empty.
    y_train, y_test: int32 [N].
    version: hash of every array, and of a scale that does not follow from them; part of the identity of each run on it.
    classes: what each label was called before it was numbered.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    num_classes: int
    scale: float
    version: str
    classes: tuple[Any, ...]

    def __repr__(self) -> str:
        """One line: how many samples of which shape, and what the labels stand for."""
        names = [f"{number}={name!r}" if number != name else f"{name}" for number, name in enumerate(self.classes)]
        shown = ", ".join(names if len(names) <= 20 else [*names[:10], "...", names[-1]])
        return (
            f"Source({len(self.y_train):,} training and {len(self.y_test):,} test samples of shape"
            f" {self.x_train.shape[1:]}, scale {self.scale:.4g}, version {self.version},"
            f" {self.num_classes} classes: {shown})"
        )


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
    held = held[checks.finite(source.x_train[held])]  # a learner skips what is not, a probe cannot
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


def make_source(x_train: Any, y_train: Any, x_test: Any, y_test: Any, scale: float) -> Source:
    """A source of these arrays, with its labels numbered and its version.

    Labels are integers, truth values, strings or whole numbers, and are numbered in their order: -1 and 1 become 0
    and 1, and `Source.classes` is (-1, 1). Test arrays are empty for a source in time order. Training samples that
    hold NaN or an infinite value are samples that learners skip.

    Raises:
      UsageError: an array is of another kind or shape, arrays do not belong together, a class is tested and never
        taught, or could be (it has but one training sample), or the scale is not positive.
    """
    if not (isinstance(scale, (int, float, np.number)) and math.isfinite(scale) and scale > 0):
        raise UsageError(f"scale={scale}: expected a positive number, as 1/255 for images of bytes")
    x_train = checks.inputs("x_train", x_train)
    x_test = checks.inputs("x_test", x_test, if_empty=x_train[:0])
    y_train, y_test = checks.labels("y_train", y_train), checks.labels("y_test", y_test)
    if not len(x_train):
        raise UsageError("x_train: empty; expected at least one sample")
    for split, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise UsageError(f"x_{split}, y_{split}: {len(x)} samples but {len(y)} labels; expected one a sample")
    if x_test.shape[1:] != x_train.shape[1:]:
        raise UsageError(f"x_test: samples of shape {x_test.shape[1:]}; expected that of x_train, {x_train.shape[1:]}")
    checks.all_finite("x_test", x_test)
    train, test, classes = checks.numbered(y_train, y_test)
    single = np.flatnonzero(np.bincount(train) == 1)
    if len(test) and len(single):
        raise UsageError(
            f"y_train: one sample has the label {classes[single[0]]!r}, which is never taught where it is held out;"
            " expected two or more of each"
        )
    arrays = Arrays(x_train, train, x_test, test)
    return Source(*arrays, len(classes), float(scale), _version(arrays, float(scale)), classes)


def _version(arrays: Arrays, scale: float) -> str:
    """A hash of all that decides numbers.

    The scale is part of it where it does not follow from the samples: integers reach 1, other numbers are as measured.
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    x = arrays.x_train
    if scale != (1 / max(int(x.max()), 1) if x.dtype.kind in "iu" else 1.0):
        digest.update(repr(scale).encode())
    return digest.hexdigest()[:16]


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
