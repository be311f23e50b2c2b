"""CIFAR-10 from sheets of tiles: lossless WebP, a thousand images each.

`train_images.zip` and `test_images.zip` hold `sheet_NN.webp` of 1280x800 pixels: 25 rows of 40 tiles of 32x32
(CIFAR-100: another grid), row by row; `labels.npz` holds `y_train` and `y_test`. 98 of the 60,000 images (77 training,
21 test; 93 ships and 5 horses, listed there as `lossy_train_idx` and `lossy_test_idx`) are copies that went through
JPEG. They are kept, so that every class is whole; the version of this source therefore differs from that of the exact
images read through tensorflow-datasets.

Source: Krizhevsky (2009), Learning multiple layers of features from tiny images.
"""

import io
from pathlib import Path

import numpy as np

from pcl.errors import UsageError
from pcl.streams.sources.arrays import Arrays
from pcl.streams.sources.datasets import SourceEntry
from pcl.streams.sources.files import UNREADABLE, image, read, unzip

TILE = 32
GRID = 25, 40  # rows and columns of a sheet


def sheets(train_images: Path, test_images: Path, labels: Path, grid: tuple[int, int] = GRID) -> Arrays:
    """Images uint8 [N, 32, 32, 3] and their labels, from sheets of `grid` tiles.

    Raises:
      UsageError: a file is damaged, a sheet has another size, or the labels are missing.
    """
    members = dict(unzip(read(labels), labels))
    y_train, y_test = (_labels(members.get(f"{name}.npy", b""), name, labels) for name in ("y_train", "y_test"))
    return Arrays(read_sheets(train_images, grid), y_train, read_sheets(test_images, grid), y_test)


def _labels(content: bytes, name: str, path: Path) -> np.ndarray:
    """The array in an .npy file, none of it set aside before its bytes are there."""
    file = io.BytesIO(content)
    try:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        return np.frombuffer(content, dtype, offset=file.tell()).reshape(shape)
    except UNREADABLE as error:
        raise UsageError(f"{path}: not an npz file with y_train and y_test ({name}: {error})") from None


def read_sheets(path: Path, grid: tuple[int, int] = GRID) -> np.ndarray:
    """The tiles of all sheets in a zip file: uint8 [rows columns sheets, 32, 32, 3].

    Raises:
      UsageError: it is damaged, empty, or holds anything but sheets.
    """
    tiles = [_tiles(content, f"{path}: {name}", *grid) for name, content in unzip(read(path), path)]
    if not tiles:
        raise UsageError(f"{path}: holds no sheet; expected sheet_00.webp and on")
    return np.concatenate(tiles)


def _tiles(content: bytes, where: str, rows: int, columns: int) -> np.ndarray:
    width, height = columns * TILE, rows * TILE
    sheet = image(content, where, "WebP", "RGB", (width, height), f"a sheet has {width}x{height}")
    return sheet.reshape(rows, TILE, columns, TILE, 3).swapaxes(1, 2).reshape(-1, TILE, TILE, 3)


ENTRY = SourceEntry(
    summary="60,000 small photographs in colour, 32x32x3, 10 classes",
    shape=(32, 32, 3),
    num_classes=10,
    files={
        "cifar10/train_images.zip": ("9b6e9473873f943169c0d4383f0d1837e4bb9ce6a1c7c8e0e269b072f0948ec6",),
        "cifar10/test_images.zip": ("4feb6f805bf2130f06651aa58a9d3d6d3cafa27fd7d261b025425fc0596413d0",),
        "cifar10/labels.npz": ("a9c403e48b91c36089a5de5b1a05b73ea179a0c9cd3e935a8f00644ea239e4dc",),
    },
    parse=sheets,
    tfds_name="cifar10",
)
