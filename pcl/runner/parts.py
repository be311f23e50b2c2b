"""A part as a file: named by the digest of its bytes, complete or absent, verified whenever it is read."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shlex
import stat
from pathlib import Path

from pcl.commands import called
from pcl.errors import UsageError

DIGITS = 32  # of SHA-256, in a name; older parts have 16, a digest of their run ids, which says nothing of their bytes
VERIFIED = re.compile(rf"part-[0-9a-f]{{{DIGITS}}}\.parquet")
DAY = 24 * 60 * 60  # seconds


class BadPart(UsageError):
    """A part that cannot be read or verified: `part` is its path, `reason` says why."""

    def __init__(self, part: Path, reason: str):
        self.part, self.reason = part, reason
        super().__init__(f"{part} cannot be read ({reason}): {remedy(part.parent)} sets it aside")


def remedy(folder: Path) -> str:
    """The command that sets aside parts of an experiment's `folder`."""
    return f"`{called('check')} --results_dir={shlex.quote(str(folder.parent))} --set_aside`"


def is_verified(part: Path) -> bool:
    """Whether the name holds a digest of the bytes, so that reading verifies every bit."""
    return VERIFIED.fullmatch(part.name) is not None


def names(folder: Path) -> list[str]:
    """Sorted names of everything in `folder`; none where there is no folder.

    Raises:
      UsageError: it cannot be listed.
    """
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be listed ({error.strerror}): it must be a folder that you may read"
        ) from error


def listed(folder: Path) -> list[Path]:
    """The finished parts in `folder`, sorted; raises as `names` does."""
    return [folder / name for name in names(folder) if name.startswith("part-") and name.endswith(".parquet")]


def read(part: Path) -> bytes:
    """All bytes of a part, equal to those that were written if its name holds their digest.

    Raises:
      FileNotFoundError: it was deleted meanwhile, as when parts are joined.
      UsageError: you may not read it.
      BadPart: it is no file (opening a pipe would wait forever), cannot be read, or its bytes have changed.
    """
    try:
        if not stat.S_ISREG(os.stat(part).st_mode):
            raise BadPart(part, "not a file")
        content = part.read_bytes()
    except PermissionError as error:
        raise UsageError(f"{part} may not be read ({error.strerror}): its owner can allow it, as by chmod") from error
    except OSError as error:
        if part.is_symlink() and not part.exists():
            raise BadPart(part, "a link to nothing") from error
        if error.errno in (errno.ENOENT, errno.ESTALE):
            raise FileNotFoundError(error.errno, error.strerror, str(part)) from error
        raise BadPart(part, error.strerror or str(error)) from error
    except MemoryError as error:
        raise BadPart(part, "larger than the memory") from error
    if is_verified(part) and part.name != _name(content):
        raise BadPart(part, "its bytes are not those that were written")
    return content


def write(folder: Path, content: bytes) -> Path:
    """Write `content` under a temporary name that no other process has, then rename it: a part is whole or absent.

    Raises:
      OSError: it could not be written; nothing is left of it.
    """
    final, temporary = folder / _name(content), folder / f".part-{secrets.token_hex(16)}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # some systems cannot open a folder; the part itself is safe
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return final


def set_aside(part: Path, suffix: str) -> Path:
    """Rename `part` to an unused name that is not that of a part; returns the new path."""
    aside, number = part.with_name(f"{part.name}.{suffix}"), 1
    while os.path.lexists(aside):
        number += 1
        aside = part.with_name(f"{part.name}.{suffix}{number}")
    part.rename(aside)
    return aside


def clear_leftovers(folder: Path, now: float) -> None:
    """Delete temporary files of killed writers that are older than a day at `now`, the file system's time.

    A running writer needs its temporary file only while it is written.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".part-") and entry.name.endswith(".tmp"):
                with contextlib.suppress(OSError):  # another process was first, or the file is another user's
                    if entry.is_file(follow_symlinks=False) and now - entry.stat().st_mtime > DAY:
                        os.unlink(entry.path)


def _name(content: bytes) -> str:
    return f"part-{hashlib.sha256(content).hexdigest()[:DIGITS]}.parquet"
