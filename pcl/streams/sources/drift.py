"""Real streams whose world shifts, in time order: there is no test set, and order is the point.

Samples are features as measured (float32, if that holds them), neither scaled nor shuffled; labels are 0 .. K-1 as
in the files.

electricity  45,312 half-hours of the New South Wales market, 7 May 1996 to 5 December 1998. Features: time of day,
  price and demand in New South Wales and in Victoria, and the transfer between them, already scaled to [0, 1]
  (by their extremes over the whole stream, which a learner living through it could not have known). Label 1
  (UP, 42.5 %): the price is above its mean over the last 24 hours. Labels are strongly autocorrelated: repeating
  the last one is right 85.3 % of the time, which many published learners do not reach, so report it beside
  them. Sources: Harries (1999), Splice-2 comparative evaluation: electricity pricing; Zliobaite (2013),
  How good is the Electricity benchmark for evaluating concept drift adaptation, arXiv:1301.3524.

weather  18,159 days at Offutt Air Force Base, Nebraska, 1949 to 1999. Features: temperature, dew point, sea-level
  pressure, visibility, mean and highest sustained wind speed, highest and lowest temperature, each in its own
  unit. Label 1 (31.4 %): it rained; 0: it did not. Repeating the last label is right 68.0 % of the time, a little
  less than always answering 0 (68.6 %). Source: Elwell and Polikar (2011), doi:10.1109/TNN.2011.2160459.

outdoor  4,000 images of 40 objects approached by a mobile robot in a garden, under sun and shade: 21 features of a
  colour histogram. Each approach gives 10 images in a row of one object, so that repeating the last label is
  right about 9 times in 10. Source: Losing, Hammer and Wersing (2015), doi:10.1109/IJCNN.2015.7280610.
"""

from pathlib import Path

import numpy as np

from pcl.errors import UsageError
from pcl.streams.sources import checks
from pcl.streams.sources.arrays import Arrays
from pcl.streams.sources.files import read_unpacked


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
        raise UsageError(f"{path}: empty; expected one line a sample")
    return lines


def _numbers(lines: list[str], separator: str, columns: int, path: Path, first_line: int) -> np.ndarray:
    """Every line as `columns` finite numbers: float64 [lines, columns]."""
    if not lines:
        raise UsageError(f"{path}: holds a header alone; expected one line a sample")
    for i, line in enumerate(lines):  # before there is room for all: a long first line would ask for any amount
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
    x = _single(x)
    return Arrays(x, y.astype(np.int64), x[:0], y[:0].astype(np.int64))


def _single(x: np.ndarray) -> np.ndarray:
    """`x` in single precision, unless a column is so large beside its spread that it would lose it."""
    rounded = x.astype(np.float32)
    return x if (abs(rounded - x).max(0) > 1e-3 * x.std(0)).any() else rounded
