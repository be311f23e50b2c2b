"""The type `Source`: labelled samples as plain NumPy arrays, with a fixed split."""

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np

from pcl.errors import UsageError
from pcl.streams.sources import checks

HELD_OUT = 0.2  # share of the training samples of each class that makes up the validation split


class Sessions(NamedTuple):
    """The session (recording, place, day) of each sample, numbered in their order.

    train: int32 [N].
    test: int32 [M]; None where some held-out samples are of sessions that no training sample is of.
    names: the name of each session of the training samples.
    """

    train: np.ndarray
    test: np.ndarray | None
    names: tuple[Any, ...]


class Source(NamedTuple):
    """Samples and labels 0 .. num_classes-1; no sample is both in the training and in the test arrays.

    x_train, x_test: [N, ...], any real dtype. Images times `scale` lie in [0, 1]; the features of a source
      in time order are as measured (`scale` 1), and its test arrays are empty.
    y_train, y_test: int32 [N].
    version: hash of every array, and of a scale that does not follow from them; part of the identity of each run on it.
    classes: the name of each label before it was numbered.
    own_units: whether each feature is standardised by itself; else all are pixels, which share one mean.
    sessions: of the samples, where they are known.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    num_classes: int
    scale: float
    version: str
    classes: tuple[Any, ...]
    own_units: bool = False
    sessions: Sessions | None = None

    def __repr__(self) -> str:
        """One line: number and shape of samples, and the names of labels and sessions."""
        sessions = f", {len(self.sessions.names)} sessions: {_shown(self.sessions.names)}" if self.sessions else ""
        return (
            f"Source({len(self.y_train):,} training and {len(self.y_test):,} test samples of shape"
            f" {self.x_train.shape[1:]}, scale {self.scale:.4g}, version {self.version},"
            f" {self.num_classes} classes: {_shown(self.classes)}{sessions})"
        )


def _shown(names: tuple[Any, ...]) -> str:
    texts = [f"{number}={name!r}" if number != name else f"{name}" for number, name in enumerate(names)]
    return ", ".join(texts if len(texts) <= 20 else [*texts[:10], "...", texts[-1]])


class Arrays(NamedTuple):
    """The arrays of a source as they were read, before anything is checked."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


class Samples(NamedTuple):
    """The samples of a stream: those that may arrive, and those of probes alone."""

    x: np.ndarray
    y: np.ndarray
    probe_x: np.ndarray
    probe_y: np.ndarray
    session: np.ndarray | None = None
    probe_session: np.ndarray | None = None


def samples(source: Source, probe_on: str) -> Samples:
    """Training samples and probes for `probe_on`, `test` or `validation`; any first probes mix all classes.

    For validation a stratified fifth of the training samples is held out of the stream and probed; for
    the test they are back in the stream. A fixed seed: the split belongs to the data, not to a run.

    Raises:
      UsageError: the source is one stream in time order, from which nothing can be held out.
    """
    if not len(source.y_test):
        raise UsageError("a source in time order has no held-out samples to probe; choose one with test samples")
    session, of_test = source.sessions[:2] if source.sessions else (None, None)
    if probe_on == "test":
        mixed = _class_mix(strata(source.y_test, of_test))[0]
        probed = Samples(source.x_train, source.y_train, source.x_test[mixed], source.y_test[mixed], session)
        return probed if of_test is None else probed._replace(probe_session=of_test[mixed])
    order, share = _class_mix(strata(source.y_train, session))
    held, kept = order[share < HELD_OUT], np.sort(order[share >= HELD_OUT])
    held = held[checks.finite(source.x_train[held])]  # a learner skips rows that are not finite, a probe cannot
    left = Samples(source.x_train[kept], source.y_train[kept], source.x_train[held], source.y_train[held])
    return left if session is None else left._replace(session=session[kept], probe_session=session[held])


def fewer(of: Samples, n: int) -> Samples:
    """The same samples with only `n` training samples, each class (in each session) by its share; 0: with all.

    The choice is fixed, and samples of a smaller `n` are among those of a larger one.

    Raises:
      UsageError: there are fewer than `n`, or some class would have none.
    """
    if not n:
        return of
    if n > len(of.y):
        raise UsageError(f"train_samples={n}: there are {len(of.y)}; name at most as many, or 0 for all")
    kept = np.sort(_class_mix(strata(of.y, of.session))[0][:n])
    classes = len(np.unique(of.y))
    if len(np.unique(of.y[kept])) < classes:
        raise UsageError(f"train_samples={n}: leaves classes without a sample; there are {classes}, name more")
    session = None if of.session is None else of.session[kept]
    return of._replace(x=of.x[kept], y=of.y[kept], session=session)


def strata(y: np.ndarray, session: np.ndarray | None) -> np.ndarray:
    """A number for each class, or each class in each session; a part of each is held out."""
    number = np.unique(y, return_inverse=True)[1]
    if session is None:
        return number
    of_session = np.unique(session, return_inverse=True)[1]
    return np.unique(number * (of_session.max(initial=0) + 1) + of_session, return_inverse=True)[1]


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


def held_out(y: np.ndarray, session: np.ndarray | None, share: float) -> np.ndarray:
    """Which samples make up the test: of every class (in every session) this share, at least one; bool [N].

    Random, yet always the same for the same labels in the same order.
    """
    order, through = _class_mix(strata(y, session))
    mask = np.zeros(len(y), bool)
    mask[order[through < share]] = True
    return mask


def from_arrays(
    x_train: Any,
    y_train: Any,
    x_test: Any = (),
    y_test: Any = (),
    scale: float = 1.0,
    *,
    own_units: bool = False,
    session: Any = None,
    session_test: Any = None,
    test_share: float = 0.0,
) -> Source:
    """A source of these arrays, with its labels numbered and its version.

    Labels are integers, truth values, strings or whole numbers, and are numbered in their order: -1 and 1 become 0
    and 1, and `Source.classes` is (-1, 1). Without test arrays it is a source in time order. Training samples that
    hold NaN or an infinite value are samples that learners skip.

    Args:
      x_train: real numbers, [N, features], [N, rows, columns] or [N, rows, columns, channels].
      y_train: one label per sample.
      x_test: as `x_train`, none for a source in time order.
      y_test: as `y_train`.
      scale: factor of the inputs, 1/255 for images of bytes.
      own_units: whether each feature is standardised by itself, as those of a table; else all inputs share one mean.
      session: the session of each training sample, if any; numbers are sorted, strings keep the order in which
        they first appear.
      session_test: the same of test samples.
      test_share: instead of test arrays, the share of the samples to hold out (`held_out`).

    Raises:
      UsageError: an array is of another kind or shape, arrays do not belong together, a class is tested and never
        taught, or could be (it has but one training sample), or the scale is not positive.
    """
    if not (isinstance(scale, (int, float, np.number)) and math.isfinite(scale) and scale > 0):
        raise UsageError(f"scale={scale}: expected a positive number, as 1/255 for images of bytes")
    x_train = checks.inputs("x_train", x_train)
    x_test = checks.inputs("x_test", x_test, if_empty=x_train[:0])
    y_train, y_test = checks.labels("y_train", y_train), checks.labels("y_test", y_test)
    if test_share:
        x_train, x_test, y_train, y_test, session, session_test = _parted(x_train, y_train, session, test_share)
    if not len(x_train):
        raise UsageError("x_train: empty; expected at least one sample")
    for split, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise UsageError(f"x_{split}, y_{split}: {len(x)} samples but {len(y)} labels; expected one per sample")
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
    sessions = None if session is None else _sessions(session, session_test, len(train), len(test))
    version = _version(arrays, float(scale), own_units, sessions)
    return Source(*arrays, len(classes), float(scale), version, classes, own_units, sessions)


def _parted(x: np.ndarray, y: np.ndarray, session: Any, share: float) -> tuple[Any, ...]:
    """Samples, labels and sessions, of each the training and the test part."""
    if len(x) != len(y):
        raise UsageError(f"x_train, y_train: {len(x)} samples but {len(y)} labels; expected one per sample")
    test = held_out(y, None if session is None else np.asarray(session), share)
    parts = (x[~test], x[test], y[~test], y[test])
    return (*parts, None, None) if session is None else (*parts, np.asarray(session)[~test], np.asarray(session)[test])


def _sessions(train: Any, test: Any, n_train: int, n_test: int) -> Sessions:
    """The sessions of all samples, numbered.

    Raises:
      UsageError: they are not one per sample, or are neither numbers nor strings.
    """
    of_train = checks.labels("session", train)
    of_test = None if test is None else checks.labels("session_test", test)
    for name, values, n in (("session", of_train, n_train), ("session_test", of_test, n_test)):
        if values is not None and len(values) != n:
            raise UsageError(f"{name}: of {len(values)} samples; there are {n}")
    names, first, number = np.unique(of_train, return_index=True, return_inverse=True)
    order = np.argsort(first) if names.dtype.kind in "US" else np.arange(len(names))
    place = np.argsort(order).astype(np.int32)
    tested = None
    if of_test is not None and len(of_test) and np.isin(of_test, names).all():
        tested = place[np.searchsorted(names, of_test)]
    return Sessions(place[number], tested, tuple(names[order].tolist()))


def _version(arrays: Arrays, scale: float, own_units: bool, sessions: Sessions | None) -> str:
    """A hash of everything that results depend on.

    The scale is part of it where it does not follow from the samples: integers reach 1, other numbers are as measured.
    """
    digest = hashlib.sha256()
    for array in (*arrays, *(part for part in (sessions or ())[:2] if part is not None)):
        digest.update(str((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    x = arrays.x_train
    if scale != (1 / max(int(x.max()), 1) if x.dtype.kind in "iu" else 1.0):
        digest.update(repr(scale).encode())
    if own_units:
        digest.update(b"own units")
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
