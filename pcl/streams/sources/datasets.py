"""The data sets that are read from files: what each is, and from where it comes to its arrays."""

import functools
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pcl.errors import UsageError
from pcl.streams.sources import cache, cifar10, drift, files, idx, omniglot, prepared
from pcl.streams.sources.arrays import Arrays, Source, canonical_order, make_source


class DataSet(NamedTuple):
    """A data set in two forms, of which either may be missing: raw files, and one prepared beforehand.

    shape: of one sample.   scale: see `Source`.
    files: paths below the data folder, in the order that `parse` takes them; `publisher` gives them unpacked,
      below its address, where tensorflow-datasets does not have them.
    tfds_name: its name in tensorflow-datasets; `collect` makes arrays of its training and test examples.
    in_time_order: the order of the files is kept; otherwise samples take the canonical order.
    """

    summary: str
    shape: tuple[int, ...]
    num_classes: int
    scale: float = 1 / 255
    files: tuple[str, ...] = ()
    parse: Callable[..., Arrays] | None = None
    publisher: str | None = None
    tfds_name: str | None = None
    collect: Callable[..., Arrays] = prepared.images
    in_time_order: bool = False


def _idx_files(folder: str, train: str = "train", test: str = "t10k") -> tuple[str, ...]:
    kinds = ("images-idx3-ubyte.gz", "labels-idx1-ubyte.gz")
    return tuple(f"{folder}/{split}-{kind}" for split in (train, test) for kind in kinds)


DATA_SETS: dict[str, DataSet] = {
    "mnist": DataSet(
        "70,000 handwritten digits, 28x28, 10 classes",
        (28, 28), 10, files=_idx_files("mnist"), parse=idx.mnist_like, tfds_name="mnist",
    ),
    "fashion_mnist": DataSet(
        "70,000 articles of clothing, 28x28, 10 classes",
        (28, 28), 10, files=_idx_files("fashion_mnist"), parse=idx.mnist_like, tfds_name="fashion_mnist",
    ),
    "kmnist": DataSet(
        "70,000 cursive Japanese characters, 28x28, 10 classes",
        (28, 28), 10, files=_idx_files("kmnist"), parse=idx.mnist_like, tfds_name="kmnist",
    ),
    "emnist": DataSet(
        "131,600 handwritten digits and letters (EMNIST balanced), 28x28, 47 classes",
        (28, 28), 47, files=_idx_files("emnist", "emnist-balanced-train", "emnist-balanced-test"),
        parse=idx.emnist, tfds_name="emnist/balanced", collect=prepared.emnist,
    ),
    "cifar10": DataSet(
        "60,000 small photographs in colour, 32x32x3, 10 classes",
        (32, 32, 3), 10, files=("cifar10/train_images.zip", "cifar10/test_images.zip", "cifar10/labels.npz"),
        parse=cifar10.sheets, tfds_name="cifar10",
    ),
    "cifar100": DataSet(
        "60,000 small photographs in colour, 32x32x3, 100 classes",
        (32, 32, 3), 100, tfds_name="cifar100",
    ),
    "omniglot": DataSet(
        "32,460 handwritten characters of 50 alphabets, 32x32, 1,623 classes of 15 and 5 drawings",
        (32, 32), 1623, files=("omniglot/images_background.zip", "omniglot/images_evaluation.zip"),
        parse=omniglot.zips, tfds_name="omniglot", collect=prepared.omniglot,
    ),
    "electricity": DataSet(
        "45,312 half-hours of an electricity market in time order, 6 features, 2 classes, no test samples",
        (6,), 2, scale=1.0, files=("streams/elec.csv.gz",), parse=drift.one_table,
        publisher="https://raw.githubusercontent.com/scikit-multiflow/streaming-datasets/master/", in_time_order=True,
    ),
    "weather": DataSet(
        "18,159 days of weather in time order, 8 features, 2 classes, no test samples",
        (8,), 2, scale=1.0, files=("streams/weather.csv.gz",), parse=drift.one_table,
        publisher="https://raw.githubusercontent.com/scikit-multiflow/streaming-datasets/master/", in_time_order=True,
    ),
    "outdoor": DataSet(
        "4,000 views of garden objects in time order, 21 features, 40 classes, no test samples",
        (21,), 40, scale=1.0, files=("streams/outdoorStream.data.gz", "streams/outdoorStream.labels.gz"),
        parse=drift.two_tables, publisher="https://raw.githubusercontent.com/vlosing/driftDatasets/master/realWorld/outdoor/",
        in_time_order=True,
    ),
}  # fmt: skip


def load(name: str) -> Source:
    """The data set called `name`: cached, or from raw files, or else prepared by tensorflow-datasets.

    Raw files of other content than those it was cached from are read again. Where there are none, the cache is
    enough.

    Raises:
      UsageError: it is nowhere to be found, or what was found is damaged or is not that data set.
    """
    data_set = DATA_SETS[name]
    paths, missing = files.find(data_set.files)
    raw = {file: files.sha256(path) for file, path in zip(data_set.files, paths, strict=False)}
    where = cache.folder(name)
    checked = functools.partial(_source, data_set=data_set, where="its arrays")
    tried = [f"no {missing}"] if missing else []
    if os.path.lexists(where):
        try:
            source, origin = cache.load(where, checked)
            if not raw or origin == raw:
                return source
        except cache.Damaged as error:
            tried.append(str(error))
    if raw and data_set.parse:
        arrays, found, origin = data_set.parse(*paths), str(paths[0].parent), raw
    else:
        arrays, found = _prepared(name, data_set, tried)
        origin = {"prepared": found}
    _check(arrays, data_set, found)
    cache.store(where, make_source(*_ordered(arrays, data_set), scale=data_set.scale), origin, checked)
    return cache.load(where, checked)[0]


def _prepared(name: str, data_set: DataSet, tried: list[str]) -> tuple[Arrays, str]:
    """The arrays of a data set prepared beforehand and its folder; `tried` says where else it is not."""
    if files.data_dir() is None and data_set.files:
        tried = [*tried, f"neither --data_dir nor {files.VARIABLE} is set"]
    if data_set.tfds_name:
        found = prepared.find(data_set.tfds_name)
        if found:
            return data_set.collect(found), str(found)
        tried = [*tried, f"nothing prepared in {prepared.root() / data_set.tfds_name}"]
    command = f"python -m scripts.prepare_data {name}" + ("" if data_set.tfds_name else " --data_dir=FOLDER")
    raise UsageError(f"source '{name}' is not on this machine: {'; '.join(tried)}; get it with: {command}")


def _source(arrays: Arrays, data_set: DataSet, where: str) -> Source:
    """The source of these arrays if they are what the data set promises.

    Raises:
      UsageError: counts, shapes or labels are wrong.
    """
    _check(arrays, data_set, where)
    return make_source(*arrays, scale=data_set.scale)


def _check(arrays: Arrays, data_set: DataSet, where: str) -> None:
    """Refuses arrays that are not what the data set promises.

    Raises:
      UsageError: counts, shapes or labels are wrong.
    """
    splits = {"training": (arrays.x_train, arrays.y_train), "test": (arrays.x_test, arrays.y_test)}
    for split, (x, y) in splits.items():
        if len(x) != len(y):
            raise UsageError(f"{where}: {len(x)} {split} samples but {len(y)} labels; the files do not belong together")
        if x.shape[1:] != data_set.shape:
            raise UsageError(f"{where}: {split} samples of shape {x.shape[1:]}; expected {data_set.shape}")
        if len(y) and not 0 <= y.min() <= y.max() < data_set.num_classes:
            raise UsageError(
                f"{where}: {split} labels {y.min()} to {y.max()}; expected 0 to {data_set.num_classes - 1}"
            )
    absent = np.setdiff1d(np.arange(data_set.num_classes), arrays.y_train)
    if len(absent):
        raise UsageError(f"{where}: no training sample of class {absent[0]}, {len(absent)} classes are missing")


def _ordered(arrays: Arrays, data_set: DataSet) -> Arrays:
    """The arrays in the order of their source."""
    if data_set.in_time_order:
        return arrays
    train, test = canonical_order(arrays.x_train, arrays.y_train), canonical_order(arrays.x_test, arrays.y_test)
    return Arrays(arrays.x_train[train], arrays.y_train[train], arrays.x_test[test], arrays.y_test[test])
