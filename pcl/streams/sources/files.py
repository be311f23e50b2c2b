"""Raw files: the folder that holds them, and reading them whole with their checksums verified."""

import gzip
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from pcl.errors import UsageError
from pcl.streams.sources.checksums import KNOWN

VARIABLE = "PCL_DATA_DIR"

_given: Path | None = None


def use_data_dir(folder: str | Path | None) -> None:
    """Read raw files below `folder` from now on; None: below the environment's PCL_DATA_DIR, if any.

    To be called before the first source is loaded: `source` keeps what it has.

    Raises:
      UsageError: there is no such folder.
    """
    global _given
    _given = _existing("--data_dir", str(folder)) if folder is not None else None


def data_dir() -> Path | None:
    """The folder of raw files, if one was named.

    Raises:
      UsageError: PCL_DATA_DIR names none.
    """
    named = os.environ.get(VARIABLE)
    return _given if _given is not None or not named else _existing(VARIABLE, named)


def _existing(setting: str, named: str) -> Path:
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise UsageError(f"{setting}={named}: no such folder; name the one with raw files, as mnist/*-ubyte.gz")
    return folder


def find(names: Sequence[str]) -> tuple[list[Path], str | None]:
    """The files called `names` below the data folder, or an empty list and the first that is missing."""
    folder = data_dir()
    if folder is None or not names:
        return [], None
    paths = [folder / name for name in names]
    missing = [path for path in paths if not path.is_file()]
    return ([], str(missing[0])) if missing else (paths, None)


def read(path: Path) -> bytes:
    """The content of a raw file.

    Raises:
      UsageError: it cannot be read, or is a published file with another checksum.
    """
    return verified(_content(path), path)


def read_unpacked(path: Path) -> bytes:
    """The plain content of a gzip file that its publisher gives plain.

    Raises:
      UsageError: it cannot be read, or is a published file with another checksum.
    """
    return verified(gunzip(_content(path), path), path)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def verified(content: bytes, path: Path) -> bytes:
    """`content`, if it is what was published for the file at `path` or nothing is known of it.

    Raises:
      UsageError: it has another checksum.
    """
    known = KNOWN.get(f"{path.parent.name}/{path.name}")
    found = hashlib.sha256(content).hexdigest()
    if known and found not in known:
        raise UsageError(
            f"{path}: its sha256 is {found[:12]}…, that of the published file {known[0][:12]}…;"
            " it is damaged or another file: get it again"
        )
    return content


def gunzip(content: bytes, path: Path) -> bytes:
    """`content` of the gzip file at `path`, unpacked.

    Raises:
      UsageError: it is no gzip file, or not all of one.
    """
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path}: not a whole gzip file ({error})") from None


def unzip(content: bytes, path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in the zip file at `path`, sorted by name.

    Raises:
      UsageError: it is no zip file, or not all of one.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in sorted(archive.namelist()):
                if not name.endswith("/"):
                    yield name, archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UsageError(f"{path}: not a whole zip file ({error})") from None
