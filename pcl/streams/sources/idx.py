"""IDX files: the format of MNIST and of the data sets made to replace it.

A gzip file of a big-endian header (two zero bytes, the type, the number of axes, their lengths) and the
values, row by row. Source: LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist.
"""

import math
import struct
from pathlib import Path

import numpy as np

from pcl.errors import UsageError
from pcl.streams.sources.arrays import Arrays
from pcl.streams.sources.files import gunzip, read

UNSIGNED_BYTE = 8


def files_of(folder: str, *sha256: str, train: str = "train", test: str = "t10k") -> dict[str, tuple[str, ...]]:
    """The four files of a data set like MNIST, as `mnist_like` takes them, with their checksums, if these are known."""
    kinds = ("images-idx3-ubyte.gz", "labels-idx1-ubyte.gz")
    names = [f"{folder}/{split}-{kind}" for split in (train, test) for kind in kinds]
    return {name: sha256[i : i + 1] for i, name in enumerate(names)}


def mnist_like(train_x: Path, train_y: Path, test_x: Path, test_y: Path) -> Arrays:
    """Images uint8 [N, rows, columns] and labels uint8 [N] of four IDX files.

    Raises:
      UsageError: a file is damaged, or is not what its name says.
    """
    return Arrays(read_idx(train_x, 3), read_idx(train_y, 1), read_idx(test_x, 3), read_idx(test_y, 1))


def read_idx(path: Path, axes: int) -> np.ndarray:
    """The uint8 array with so many `axes` in a gzipped IDX file.

    Raises:
      UsageError: it is truncated, or its header announces something else.
    """
    content = gunzip(read(path), path)
    expected = bytes((0, 0, UNSIGNED_BYTE, axes))
    if content[:4] != expected:
        kind = {1: "labels", 3: "images"}[axes]
        raise UsageError(f"{path}: begins with 0x{content[:4].hex()}, an IDX file of {kind} with 0x{expected.hex()}")
    start = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", content[4:start]) if len(content) >= start else ()
    size = math.prod(shape) if shape else 0
    if len(content) != start + size:
        raise UsageError(
            f"{path}: holds {max(0, len(content) - start)} values, its header announces {size}; it is damaged"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
