"""Tables in plain text: real streams in time order, without a test set.

Samples are features as measured (float32, if that holds them), neither scaled nor shuffled; labels are 0 .. K-1 as
in the files.
"""

from pathlib import Path

import numpy as np

from pcl.errors import UsageError
from pcl.streams.sources import checks
from pcl.streams.sources.arrays import Arrays
from pcl.streams.sources.files import read_unpacked

# Of Electricity and Weather.
PUBLISHER = "https://raw.githubusercontent.com/scikit-multiflow/streaming-datasets/master/"


def one_table(path: Path) -> Arrays:
    """The stream in a comma-separated file with a header row and the label in the last column.

    Raises:
      UsageError: a row is not made of numbers, or not as long as the header.
    """
    lines = _lines(path)
    columns = len(lines[0].split(","))
    rows = _numbers(lines[1:], ",", columns, path, first_line=2)
    return _in_time_order(rows[:, :-1], rows[:, -1], path)


def two_tables(features: Path, labels: Path) -> Arrays:
    """The stream in a space-separated file of features and a file of one label a line.

    Raises:
      UsageError: a row is not made of numbers, or not as long as the first.
    """
    lines = _lines(features)
    x = _numbers(lines, " ", len(lines[0].split(" ")), features, first_line=1)
    y = _numbers(_lines(labels), " ", 1, labels, first_line=1)
    return _in_time_order(x, y[:, 0], labels)


def _lines(path: Path) -> list[str]:
    try:
        lines = read_unpacked(path).decode("ascii").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a table in plain text") from None
    if not lines:
        raise UsageError(f"{path}: empty; expected one line per sample")
    return lines


def _numbers(lines: list[str], separator: str, columns: int, path: Path, first_line: int) -> np.ndarray:
    """Every line as `columns` finite numbers: float64 [lines, columns]."""
    if not lines:
        raise UsageError(f"{path}: holds only a header; expected one line per sample")
    for i, line in enumerate(lines):  # before memory is allocated: a long first line could ask for any amount
        if line.count(separator) != columns - 1:
            raise _not_numbers(path, i + first_line, columns, line)
    table = np.empty((len(lines), columns))
    for i, line in enumerate(lines):
        try:
            table[i] = [float(text) for text in line.split(separator)]
        except ValueError:
            raise _not_numbers(path, i + first_line, columns, line) from None
    bad = ~np.isfinite(table).all(1)
    if bad.any():
        raise UsageError(f"{path}: line {bad.argmax() + first_line} holds a value that is not finite")
    large = (abs(table) > checks.LARGEST).any(1)
    if large.any():
        raise UsageError(f"{path}: line {large.argmax() + first_line} holds a value beyond {checks.LARGEST:.2g}")
    return table


def _not_numbers(path: Path, line: int, columns: int, text: str) -> UsageError:
    return UsageError(f"{path}: line {line} is not {columns} numbers: '{text[:60]}'")


def _in_time_order(x: np.ndarray, y: np.ndarray, path: Path) -> Arrays:
    """Everything for training in the order of the file, nothing for the test."""
    if (y != np.round(y)).any():
        raise UsageError(f"{path}: a label is not a whole number: {y[y != np.round(y)][0]}")
    x = single(x)
    return Arrays(x, y.astype(np.int64), x[:0], y[:0].astype(np.int64))


def single(x: np.ndarray) -> np.ndarray:
    """`x` in single precision, unless a column is so large beside its spread that its differences would be lost."""
    rounded = x.astype(np.float32)
    return x if (abs(rounded - x).max(0) > 1e-3 * x.std(0)).any() else rounded
