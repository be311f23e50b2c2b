"""Raw files: the folder that holds them, and reading them whole with their checksums verified.

What a file unpacks to is bounded before it is unpacked, or while it is: a small file can announce terabytes.
"""

import gzip
import hashlib
import io
import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tokenize import TokenError

import numpy as np

from pcl.errors import UsageError

VARIABLE = "PCL_DATA_DIR"
KNOWN: dict[str, tuple[str, ...]] = {}  # sha256 that were published, of all entries' files
PACKED = 2**30  # bytes of the largest raw file that is read; the largest that is known has 83 million
UNPACKED = 2**28  # bytes of the largest file within one; the largest that is known has 88 million
# What readers of zip files, images and arrays raise on bytes that are damaged.
UNREADABLE = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
PIECE = 2**20  # bytes unpacked at a time
# Only for these methods does Python unpack no more bytes than asked for, whatever the file holds.
METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}

_given: Path | None = None


def use_data_dir(folder: str | Path | None) -> None:
    """Read raw files below `folder` from now on; None: below the environment's PCL_DATA_DIR, if any.

    To be called before the first source is loaded: `source` keeps what it has.

    Raises:
      UsageError: there is no such folder, or it cannot be read.
    """
    global _given
    _given = _existing("--data_dir", str(folder)) if folder is not None else None


def data_dir() -> Path | None:
    """The folder of raw files, if one was named; an empty PCL_DATA_DIR names none.

    Raises:
      UsageError: PCL_DATA_DIR names none that can be read.
    """
    named = os.environ.get(VARIABLE)
    return _given if _given is not None or not named else _existing(VARIABLE, named)


def _existing(setting: str, named: str) -> Path:
    right = "name the one with raw files, as mnist/*-ubyte.gz"
    if not named.strip():
        raise UsageError(f"{setting}: is empty; {right}")
    try:
        folder = Path(named).expanduser()
        os.listdir(folder)
    except RuntimeError:
        raise UsageError(f"{setting}={named}: no such user; {right}") from None
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{setting}={named}: no such folder; {right}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{setting}={named}: cannot be read ({_reason(error)}); {right}") from None
    return folder


def find(names: Sequence[str]) -> tuple[list[Path], str | None]:
    """The files called `names` below the data folder, or an empty list and the first that is missing.

    Raises:
      UsageError: a folder cannot be read.
    """
    folder = data_dir()
    if folder is None or not names:
        return [], None
    paths = [folder / name for name in names]
    try:
        missing = [path for path in paths if not path.is_file()]
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read ({_reason(error)})") from None
    return ([], str(missing[0])) if missing else (paths, None)


def sha256(path: Path) -> str:
    """The checksum of a raw file.

    Raises:
      UsageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({_reason(error)})") from None


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
        size = path.stat().st_size
        if size > PACKED:
            raise UsageError(f"{path}: has {size:,} bytes; files of at most {PACKED:,} are read")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def verified(content: bytes, path: Path) -> bytes:
    """`content`, if it has the published checksum of the file at `path`, or none is known.

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
      UsageError: it is no gzip file, not all of one, or unpacks to more than `UNPACKED` bytes.
    """
    unpacked = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            while len(unpacked) <= UNPACKED and (piece := file.read(PIECE)):
                unpacked += piece
    except UNREADABLE as error:
        raise UsageError(f"{path}: not a whole gzip file ({error})") from None
    if len(unpacked) > UNPACKED:
        raise UsageError(f"{path}: unpacks to more than {UNPACKED:,} bytes, which no file of a source does")
    return bytes(unpacked)


def unzip(content: bytes, path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in the zip file at `path`, sorted by name.

    Raises:
      UsageError: it is no zip file or not all of one, a file in it is encrypted or packed by an unknown method, or
        files are announced with more than `UNPACKED` bytes each or `PACKED` together.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = sorted((info for info in archive.infolist() if not info.is_dir()), key=lambda i: i.filename)
            for info in members:
                _check_member(info, path)
            total = sum(info.file_size for info in members)
            if total > PACKED:
                raise UsageError(f"{path}: unpacks to {total:,} bytes; at most {PACKED:,} are read")
            for info in members:
                with archive.open(info) as file:
                    yield info.filename, file.read(info.file_size + 1)
    except UsageError:
        raise
    except UNREADABLE as error:
        raise UsageError(f"{path}: not a whole zip file ({error})") from None


def _check_member(info: zipfile.ZipInfo, path: Path) -> None:
    if info.flag_bits & 1:
        raise UsageError(f"{path}: {info.filename} is encrypted; give the file without a password")
    if info.compress_type not in METHODS:
        known = ", ".join(METHODS.values())
        raise UsageError(f"{path}: {info.filename} is packed by method {info.compress_type}; known: {known}")
    if info.file_size > UNPACKED:
        raise UsageError(f"{path}: {info.filename} unpacks to {info.file_size:,} bytes; at most {UNPACKED:,} are read")


def image(content: bytes, where: str, kind: str, mode: str, size: tuple[int, int], is_right: str) -> np.ndarray:
    """The pixels of an image of that `kind` (PNG, WebP) in the `mode` of PIL: uint8 [rows, columns, ...].

    Its size (columns, rows) is looked at before anything is decoded.

    Raises:
      UsageError: it is damaged, another kind, or of another size; the message ends in what `is_right`.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=[kind]) as picture:
                if picture.size != size:
                    raise UsageError(f"{where} has {picture.width}x{picture.height} pixels; {is_right}")
                return np.asarray(picture.convert(mode))
    except UsageError:
        raise
    except Image.DecompressionBombError as error:
        raise UsageError(f"{where} has too many pixels ({error}); {is_right}") from None
    except UNREADABLE as error:
        raise UsageError(f"{where} is not a whole {kind} image ({error})") from None
