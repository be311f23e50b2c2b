"""Omniglot: 1,623 characters of 50 alphabets, each drawn once by 20 people.

Background and evaluation alphabets are one source: class c is the character numbered c+1 in the names of the
files (`0001_01.png` … `1623_20.png`), the label of tensorflow-datasets. Of the 20 drawings of a class, in the
canonical order of `pcl.streams.sources.arrays`, the first 15 are for training and the last 5 for the test: a
fixed draw that needs no drawer's number, which tensorflow-datasets does not keep.

Source: Lake, Salakhutdinov and Tenenbaum (2015), doi:10.1126/science.aab3050.
"""

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np

from pcl.errors import UsageError
from pcl.streams.sources import prepared
from pcl.streams.sources.arrays import Arrays, canonical_order
from pcl.streams.sources.datasets import SourceEntry
from pcl.streams.sources.files import image, read, unzip

DRAWN, SIDE, TRAINING = 105, 32, 15
AT_ONCE = 1000  # drawings resized together: all at full size would take 360 MB


def zips(background: Path, evaluation: Path) -> Arrays:
    """Images uint8 [N, 32, 32], ink 255 on 0, and labels, from the two zips of PNG files.

    Raises:
      UsageError: a file is damaged, or holds anything but drawings.
    """
    return gather(drawing for path in (background, evaluation) for drawing in _drawings(path))


def collect(folder: Path) -> Arrays:
    """As `zips`, from the prepared data set, whose split is another.

    Raises:
      UsageError: the folder cannot be read.
    """
    both = (example for split in ("train", "test") for example in prepared.examples(folder, split))
    # paper is 1 or 255, depending on the library that decodes; ink is 0
    return gather((example["image"][..., 0] == 0, int(example["label"])) for example in both)


def gather(drawings: Iterable[tuple[np.ndarray, int]]) -> Arrays:
    """The source of all drawings (bool [105, 105], true on ink) and their labels."""
    images, labels, rest = [], [], iter(drawings)
    while some := list(islice(rest, AT_ONCE)):
        images.append(shrink(np.stack([ink for ink, _ in some])))
        labels += [label for _, label in some]
    x, y = np.concatenate(images), np.asarray(labels)
    order = canonical_order(x, y)
    order = order[np.argsort(y[order], kind="stable")]
    count = np.bincount(y)
    place = np.arange(len(y)) - np.repeat(np.cumsum(count) - count, count)
    train, test = order[place < TRAINING], order[place >= TRAINING]
    return Arrays(x[train], y[train], x[test], y[test])


def shrink(ink: np.ndarray) -> np.ndarray:
    """The share of ink in each of 32x32 equal areas, times 255 and rounded: bool [N, 105, 105] -> uint8 [N, 32, 32].

    In units of 1/32 of a pixel drawn and 1/105 of a pixel made both sides have 3360 units, so that overlaps are
    whole numbers, sums are exact in float32 in any order, and the result is the same on every machine.
    """
    made = np.arange(SIDE)[:, None] * DRAWN
    drawn = np.arange(DRAWN)[None] * SIDE
    overlap = np.minimum(made + DRAWN, drawn + SIDE) - np.maximum(made, drawn)
    weight = np.maximum(overlap, 0).astype(np.float32)
    covered = (weight @ ink.astype(np.float32) @ weight.T).astype(np.int64)
    return ((covered * 255 + DRAWN**2 // 2) // DRAWN**2).astype(np.uint8)


def _drawings(path: Path) -> Iterable[tuple[np.ndarray, int]]:
    for name, content in unzip(read(path), path):
        number = re.fullmatch(r".*/(\d{4})_\d\d\.png", name)
        if not number:
            raise UsageError(f"{path}: holds {name}; expected only drawings, as Alphabet/character01/0001_01.png")
        paper = image(content, f"{path}: {name}", "PNG", "L", (DRAWN, DRAWN), f"a drawing has {DRAWN}x{DRAWN}")
        yield paper == 0, int(number[1]) - 1


ENTRY = SourceEntry(
    summary="32,460 handwritten characters of 50 alphabets, 32x32, 1,623 classes of 15 and 5 drawings",
    shape=(32, 32),
    num_classes=1623,
    files={
        # the zips of its authors, and the same drawings packed again
        "omniglot/images_background.zip": (
            "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640",
            "8d3b0087d462ff4fd7fcfdcec8b96ef87758cc2a0a09f8eb6cf90e4a909049e9",
        ),
        "omniglot/images_evaluation.zip": (
            "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee",
            "077e703a0f6c17a203123bad6dbd83461e7bdd4c89d4d1c0f10b0bd43c271916",
        ),
    },
    parse=zips,
    tfds_name="omniglot",
    collect=collect,
)
