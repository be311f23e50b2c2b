"""Data sets that tensorflow-datasets has prepared as array records, read without TensorFlow.

`scripts.prepare_data` prepares them. tensorflow-datasets is imported when one is read, not before.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from pcl.errors import UsageError
from pcl.folders import user_folder
from pcl.streams.sources.arrays import Arrays
from pcl.streams.sources.files import UNREADABLE

VARIABLE = "TFDS_DATA_DIR"  # of tensorflow-datasets
FILE_FORMAT = "array_record"


def root() -> Path:
    """The folder of prepared data sets.

    Raises:
      UsageError: no folder is named, and this user has no home.
    """
    return user_folder(VARIABLE, "tensorflow_datasets")


def find(name: str) -> Path | None:
    """The folder of the latest version of the data set called `name`, if it was prepared."""
    there = (about.parent for about in (root() / name).glob("*/dataset_info.json"))
    found = [folder for folder in there if re.fullmatch(r"\d+\.\d+\.\d+", folder.name)]
    return max(found, key=lambda path: [int(number) for number in path.name.split(".")], default=None)


def images(folder: Path) -> Arrays:
    """Images uint8 [N, rows, columns] or, in colour, [N, rows, columns, 3], and labels.

    Raises:
      UsageError: the folder cannot be read.
    """
    train, test = _arrays(folder, "train"), _arrays(folder, "test")
    return Arrays(*train, *test)


def _arrays(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    found = list(examples(folder, split))
    try:
        x = np.stack([example["image"] for example in found])
    except ValueError as error:
        raise UsageError(f"{folder}: images of several shapes ({error}); remove it and prepare it again") from None
    y = np.asarray([example["label"] for example in found])
    return (x[..., 0] if x.shape[-1] == 1 else x), y


def opened(folder: Path) -> Any:
    """The builder of tensorflow-datasets for a prepared data set.

    Raises:
      UsageError: it was prepared in another format, or is damaged.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(folder)
        written = builder.info.file_format.value
    except Exception as error:  # whatever its parsers raise on a damaged description
        raise UsageError(f"{folder}: cannot be read ({error}); remove it and prepare it again") from None
    if written != FILE_FORMAT:
        raise UsageError(
            f"{folder}: prepared as {written}, which only TensorFlow reads; remove it and prepare it again"
        )
    return builder


def examples(folder: Path, split: str) -> Iterator[dict[str, Any]]:
    """The examples of a split, decoded, with progress.

    Raises:
      UsageError: the folder cannot be read.
    """
    builder = opened(folder)
    try:
        records = builder.as_data_source(split=split)
        for i in tqdm(range(len(records)), desc=f"{folder.parent.name} {split}", unit="sample"):
            yield records[i]
    except UNREADABLE as error:
        raise UsageError(f"{folder}: cannot be read ({error}); remove it and prepare it again") from None
