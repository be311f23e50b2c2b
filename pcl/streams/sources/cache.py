"""Arrays read once: .npy files that are mapped into memory, beside a JSON file that vouches for them.

One folder a source below the environment's PCL_CACHE_DIR, or else ~/.cache/pcl. It is written under a temporary
name and renamed when whole, so that a killed process leaves nothing half-written and processes that start
together do not mix their files. Every array's sha256 is stored. Opening checks the format, the sizes, and the
sha256 of every file changed later than its checksums were written; hashing all of them each time would cost
more than it protects.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pcl.errors import UsageError
from pcl.streams.sources.arrays import Arrays, Source

VARIABLE = "PCL_CACHE_DIR"
FORMAT = 1  # raise it when what is made of the same raw files changes
ABOUT = "source.json"

Origin = Mapping[str, int | str]  # what a source was made from: raw files and their sizes, or a prepared data set


class Damaged(Exception):
    """A cached source cannot be used; the message says why."""


def folder(name: str) -> Path:
    """Where the source called `name` is cached."""
    return Path(os.environ.get(VARIABLE) or Path.home() / ".cache" / "pcl").expanduser() / name


def load(where: Path) -> tuple[Source, Origin]:
    """The source cached in a folder, its arrays read-only and mapped into memory, and its origin.

    Raises:
      Damaged: a file is missing, of another format or size, or not the one whose checksum was stored.
    """
    try:
        about = json.loads((where / ABOUT).read_text(encoding="utf-8"))
        written = (where / ABOUT).stat().st_mtime_ns
        if about["format"] != FORMAT:
            raise Damaged(f"{where} has format {about['format']}, this version of pcl reads {FORMAT}")
        arrays = Arrays(*(_open(where / f"{name}.npy", about["files"][name], written) for name in Arrays._fields))
        numbers = {name: about[name] for name in ("num_classes", "scale", "version")}
        return Source(**arrays._asdict(), **numbers), about["origin"]
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise Damaged(f"{where} is damaged ({error})") from None


def store(where: Path, source: Source, origin: Origin) -> None:
    """Write `source` into a folder, replacing at once what is there unless it is the same.

    Raises:
      UsageError: it cannot be written.
    """
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{where.name}.", dir=where.parent))
        try:
            _write(temporary / "new", source, origin)
            if not _holds(where, source.version, origin):
                _replace(where, temporary)
        finally:
            shutil.rmtree(temporary)
    except OSError as error:
        raise UsageError(
            f"{where}: the cache cannot be written ({error.strerror}); name another folder with {VARIABLE}"
        ) from None


def _holds(where: Path, version: str, origin: Origin) -> bool:
    """Whether the folder holds this already: another process may read what it wrote in the meantime."""
    try:
        source, made_from = load(where)
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
    files = {}
    for name in Arrays._fields:
        path = where / f"{name}.npy"
        np.save(path, getattr(source, name), allow_pickle=False)
        files[name] = {"bytes": path.stat().st_size, "sha256": _sha256(path)}
    about = {
        "format": FORMAT,
        "version": source.version,
        "num_classes": source.num_classes,
        "scale": source.scale,
        "origin": dict(origin),
        "files": files,
    }
    (where / ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")


def _open(path: Path, expected: Mapping[str, int | str], written: int) -> np.ndarray:
    status = path.stat()
    if status.st_size != expected["bytes"]:
        raise Damaged(f"{path} has {status.st_size} bytes instead of {expected['bytes']}")
    if status.st_mtime_ns > written and _sha256(path) != expected["sha256"]:
        raise Damaged(f"{path} was changed after it was written")
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
