"""A cache of arrays: .npy files that are mapped into memory, beside a JSON file that names their origin.

One folder a source below the environment's PCL_CACHE_DIR, or else ~/.cache/pcl. It is written under a temporary
name and renamed when whole, so that a killed process leaves nothing half-written and processes that start
together do not mix their files; files of a killed process are cleared a day later.

A cache is not trusted: the arrays are checked again, and their version, which is part of the identity of every run,
is computed again from them. Raw files are compared with the cache by their contents. Together that takes 0.06 s for
MNIST and 0.24 s for CIFAR-10.
"""

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from pcl import folders
from pcl.errors import UsageError
from pcl.streams.sources import files
from pcl.streams.sources.arrays import Arrays, Source

FORMAT = 1  # raise it when the same raw files give other arrays
ABOUT = "source.json"

OLD = 86_400  # seconds after which nobody still writes a temporary folder

Origin = Mapping[str, str]  # the origin of a source: the sha256 of each raw file, or a prepared data set
Checked = Callable[[Arrays], Source]  # the source of some arrays, or a UsageError


class Damaged(Exception):
    """A cached source cannot be used; the message says why."""


def folder(name: str) -> Path:
    """Where the source called `name` is cached.

    Raises:
      UsageError: no folder is named, and this user has no home.
    """
    return folders.cached(name)


def load(where: Path, checked: Checked) -> tuple[Source, Origin]:
    """The source cached in a folder, its arrays read-only and mapped into memory, and its origin.

    Raises:
      Damaged: a file is missing, cannot be read, or has changed since it was written.
    """
    try:
        about = json.loads((where / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise Damaged(f"{where} has format {about['format']}, this version of pcl reads {FORMAT}")
        arrays = (np.lib.format.open_memmap(where / f"{name}.npy", mode="r") for name in Arrays._fields)
        source = checked(Arrays(*map(np.asarray, arrays)))
        if source.version != about["version"]:
            raise Damaged(f"{where} holds other samples or labels than were written")
        return source, dict(about["origin"])
    except files.UNREADABLE as error:
        raise Damaged(f"{where} is damaged ({error})") from None


def store(where: Path, source: Source, origin: Origin, checked: Checked) -> None:
    """Write `source` into a folder, replacing another one there in one step.

    Raises:
      UsageError: it cannot be written.
    """
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(where)
        temporary = Path(tempfile.mkdtemp(prefix=f".{where.name}.", dir=where.parent))
        try:
            _write(temporary / "new", source, origin)
            if not _holds(where, source.version, origin, checked):
                _replace(where, temporary)
        finally:
            shutil.rmtree(temporary)
    except OSError as error:
        raise UsageError(
            f"{where}: the cache cannot be written ({error.strerror}); name another folder with {folders.CACHE}"
        ) from None


def _clear_leftovers(where: Path) -> None:
    for left in where.parent.glob(f".{where.name}.*"):
        if time.time() - left.stat().st_mtime > OLD:
            shutil.rmtree(left, ignore_errors=True)


def _holds(where: Path, version: str, origin: Origin, checked: Checked) -> bool:
    """Whether the folder holds this source already, as written by another process in the meantime."""
    try:
        source, made_from = load(where, checked)
    except Damaged:
        return False
    return source.version == version and made_from == origin


def _replace(where: Path, temporary: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        where.rename(temporary / "old")
    try:
        (temporary / "new").rename(where)
    except OSError:
        if not (where / ABOUT).is_file():  # otherwise another process was faster, which is as good
            raise


def _write(where: Path, source: Source, origin: Origin) -> None:
    where.mkdir()
    for name in Arrays._fields:
        np.save(where / f"{name}.npy", getattr(source, name), allow_pickle=False)
    about = {"format": FORMAT, "version": source.version, "origin": dict(origin)}
    (where / ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")
