"""Checks of a source's arrays: numbers that float32 can square, and one label a sample, of any kind with an order."""

from typing import Any

import numpy as np

from pcl.errors import UsageError

LARGEST = 2.0**62  # float32 holds its square, and int64 every time in nanoseconds until the year 2116
KINDS = {"b": "truth values", "i": "integers", "u": "integers", "f": "numbers", "U": "strings", "S": "bytes"}


def inputs(name: str, x: Any, if_empty: np.ndarray | None = None) -> np.ndarray:
    """`x` as an array of samples of 1 to 3 axes: real numbers, of which some may be missing (NaN or infinite).

    `if_empty` stands for an `x` that holds nothing, as [] does.

    Raises:
      UsageError: it is something else, or holds a finite number that float32 cannot square.
    """
    try:
        array = np.asarray(x)
    except ValueError:
        raise UsageError(f"{name}: rows of different lengths; expected an array [samples, features]") from None
    if if_empty is not None and not len(array.reshape(-1)):
        return if_empty
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{name}: of type {array.dtype}; expected real numbers")
    if not 2 <= array.ndim <= 4 or 0 in array.shape[1:]:
        raise UsageError(f"{name}: of shape {array.shape}; expected [samples, features] or [samples, rows, columns]")
    if array.dtype.itemsize >= 4:
        large = np.isfinite(array) & (abs(array.astype(np.float64)) > LARGEST)
        if large.any():
            row = int(np.flatnonzero(large)[0]) // int(np.prod(array.shape[1:]))
            raise UsageError(
                f"{name}: sample {row} holds {array[large][0]:g}; numbers beyond {LARGEST:.2g} are too large for"
                " float32: divide them, or say NaN where a value is missing"
            )
    return array


def finite(x: np.ndarray) -> np.ndarray:
    """Which samples of `x` [N, ...] are finite."""
    return np.isfinite(x).all(axis=tuple(range(1, x.ndim)))


def all_finite(name: str, x: np.ndarray) -> None:
    """Refuses missing values where they cannot be skipped.

    Raises:
      UsageError: a sample is not finite.
    """
    gaps = ~finite(x)
    if gaps.any():
        raise UsageError(
            f"{name}: sample {gaps.argmax()} holds NaN or an infinite value; only training samples may, which are"
            " skipped: remove it"
        )


def labels(name: str, y: Any) -> np.ndarray:
    """One label per sample [N]: integers, truth values, strings; whole numbers become integers.

    Raises:
      UsageError: it is something else, or of several kinds.
    """
    array = np.asarray(y) if hasattr(y, "__array__") else _of_objects(y)
    if array.ndim == 2 and array.shape[1] > 1 and _one_hot(array):
        raise UsageError(f"{name}: one-hot of shape {array.shape}; expected one label per sample: {name}.argmax(1)")
    if array.ndim != 1:
        raise UsageError(f"{name}: of shape {array.shape}; expected one label per sample, [samples]")
    if array.dtype.kind == "O":
        array = _of_one_kind(name, array)
    if array.dtype.kind not in KINDS:
        raise UsageError(f"{name}: labels of type {array.dtype}; expected integers, truth values or strings")
    if array.dtype.kind == "f":
        wrong = ~(np.isfinite(array) & (array == np.round(array)) & (abs(array) < LARGEST))
        if wrong.any():
            raise UsageError(
                f"{name}: label {array[wrong][0]:g} of sample {wrong.argmax()} is not a whole number;"
                " expected integers, truth values or strings"
            )
        array = array.astype(np.int64)
    return array


def numbered(y_train: np.ndarray, y_test: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[Any, ...]]:
    """Training and test labels as places among the sorted labels of the training samples, and these.

    Raises:
      UsageError: a test sample has a label that no training sample has.
    """
    kinds = [KINDS[y.dtype.kind] for y in (y_train, y_test)]
    if len(y_test) and kinds[0] != kinds[1]:
        raise UsageError(f"y_test: {kinds[1]}, but y_train has {kinds[0]}; expected labels of one kind")
    classes, train = np.unique(y_train, return_inverse=True)
    if not len(y_test):
        return train.astype(np.int32), np.zeros(0, np.int32), tuple(classes.tolist())
    test = np.searchsorted(classes, y_test)
    strange = classes[np.minimum(test, len(classes) - 1)] != y_test
    if strange.any():
        raise UsageError(
            f"y_test: no training sample has the label {y_test[strange][0].item()!r} of sample {strange.argmax()};"
            " a class that is probed must be taught"
        )
    return train.astype(np.int32), test.astype(np.int32), tuple(classes.tolist())


def _of_objects(y: Any) -> np.ndarray:
    """A list as an array of objects, without conversion."""
    try:
        return np.array(y, dtype=object)
    except ValueError:
        return np.empty((0, 0), object)  # lists within lists, of different lengths


def _of_one_kind(name: str, array: np.ndarray) -> np.ndarray:
    """Objects as strings or numbers, if all of them are."""
    values = array.tolist()
    for kinds in ((str, bytes), (bool, np.bool_), (bool, int, float, np.number, np.bool_)):
        if all(isinstance(value, kinds) for value in values) and len({isinstance(v, bytes) for v in values}) < 2:
            return np.array(values)
    first = next((i for i, value in enumerate(values) if type(value) is not type(values[0])), 0)
    if first:
        raise UsageError(f"{name}: labels {values[0]!r:.40} and {values[first]!r:.40} are not of one kind")
    raise UsageError(f"{name}: label {values[0]!r:.40}; expected integers, truth values or strings")


def _one_hot(array: np.ndarray) -> bool:
    """Whether every row is 0 but for one entry of 1."""
    try:
        rows = array.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return bool(((rows == 0) | (rows == 1)).all() and (rows.sum(1) == 1).all())
