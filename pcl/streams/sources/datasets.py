"""The description of a source (`SourceEntry`), and the loading of its arrays."""

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pcl.commands import called
from pcl.errors import UsageError
from pcl.streams.sources import cache, files, prepared
from pcl.streams.sources.arrays import Arrays, Source, canonical_order, from_arrays


class SourceEntry(NamedTuple):
    """The last statement of a source's file, `ENTRY`: the origin of its arrays, and their description.

    They come with a library (`embedded`), or in two forms, of which either may be missing: raw files, and a data set
    prepared beforehand.

    shape: of one sample.   scale: see `Source`.
    files: paths below the data folder, in the order that `parse` takes them, each with the sha256 of the published file
      (of a table unpacked: every compressor packs it differently); `publisher` gives them unpacked, below its address,
      where tensorflow-datasets does not have them.
    tfds_name: its name in tensorflow-datasets; `collect` makes arrays of its training and test examples.
    in_time_order: the order of the files is kept; otherwise samples take the canonical order.
    made: the source itself, if it was made by the user; all else is ignored then.
    """

    summary: str
    shape: tuple[int, ...]
    num_classes: int
    scale: float = 1 / 255
    embedded: Callable[[], Arrays] | None = None
    files: Mapping[str, tuple[str, ...]] = {}
    parse: Callable[..., Arrays] | None = None
    publisher: str | None = None
    tfds_name: str | None = None
    collect: Callable[[Path], Arrays] = prepared.images
    in_time_order: bool = False
    made: Source | None = None


def load(name: str, entry: SourceEntry, code: str | None = None) -> Source:
    """The source called `name`: from a library, or cached, or from raw files, or prepared by tensorflow-datasets.

    Raw files of other content than those it was cached from are read again. Where there are none, the cache is
    enough. What was cached by other `code` of a source from outside, its digest, is made again.

    Raises:
      UsageError: it is not found, is damaged, or is not that data set.
    """
    if entry.made:
        return entry.made
    if entry.embedded:
        return _source(entry.embedded(), entry, name)
    paths, missing = files.find(tuple(entry.files))
    raw = {file: files.sha256(path) for file, path in zip(entry.files, paths, strict=False)}
    of_code = {"code": code} if code else {}
    where = cache.folder(name)
    checked = functools.partial(_source, entry=entry, where="its arrays")
    tried = [f"no {missing}"] if missing else []
    if os.path.lexists(where):
        try:
            source, origin = cache.load(where, checked)
            if origin == raw | of_code or (not raw and origin.get("code") == code):
                return source
        except cache.Damaged as error:
            tried.append(str(error))
    if raw and entry.parse:
        arrays, found, origin = entry.parse(*paths), str(paths[0].parent), raw | of_code
    else:
        arrays, found = _prepared(name, entry, tried)
        origin = {"prepared": found} | of_code
    _check(arrays, entry, found)
    cache.store(where, from_arrays(*_ordered(arrays, entry), scale=entry.scale), origin, checked)
    return cache.load(where, checked)[0]


def _prepared(name: str, entry: SourceEntry, tried: list[str]) -> tuple[Arrays, str]:
    """The arrays of a data set prepared beforehand and its folder; `tried` says where else it is not."""
    if files.data_dir() is None and entry.files:
        tried = [*tried, f"neither --data_dir nor {files.VARIABLE} is set"]
    if entry.tfds_name:
        found = prepared.find(entry.tfds_name)
        if found:
            return entry.collect(found), str(found)
        tried = [*tried, f"nothing prepared in {prepared.root() / entry.tfds_name}"]
    command = f"{called('prepare')} {name}" + ("" if entry.tfds_name else " --data_dir=FOLDER")
    raise UsageError(f"source '{name}' is not on this machine: {'; '.join(tried)}; get it with: {command}")


def _source(arrays: Arrays, entry: SourceEntry, where: str) -> Source:
    """The source of these arrays, if they agree with the entry.

    Raises:
      UsageError: counts, shapes or labels are wrong.
    """
    _check(arrays, entry, where)
    return from_arrays(*arrays, scale=entry.scale)


def _check(arrays: Arrays, entry: SourceEntry, where: str) -> None:
    """Refuses arrays that do not agree with the entry.

    Raises:
      UsageError: counts, shapes or labels are wrong.
    """
    splits = {"training": (arrays.x_train, arrays.y_train), "test": (arrays.x_test, arrays.y_test)}
    for split, (x, y) in splits.items():
        if len(x) != len(y):
            raise UsageError(f"{where}: {len(x)} {split} samples but {len(y)} labels; the files do not belong together")
        if x.shape[1:] != entry.shape:
            raise UsageError(f"{where}: {split} samples of shape {x.shape[1:]}; expected {entry.shape}")
        if len(y) and not 0 <= y.min() <= y.max() < entry.num_classes:
            raise UsageError(f"{where}: {split} labels {y.min()} to {y.max()}; expected 0 to {entry.num_classes - 1}")
    absent = np.setdiff1d(np.arange(entry.num_classes), arrays.y_train)
    if len(absent):
        raise UsageError(f"{where}: no training sample of class {absent[0]}, {len(absent)} classes are missing")


def _ordered(arrays: Arrays, entry: SourceEntry) -> Arrays:
    """The arrays in the order of their source."""
    if entry.in_time_order:
        return arrays
    train, test = canonical_order(arrays.x_train, arrays.y_train), canonical_order(arrays.x_test, arrays.y_test)
    return Arrays(arrays.x_train[train], arrays.y_train[train], arrays.x_test[test], arrays.y_test[test])
