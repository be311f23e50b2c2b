"""The user's folders, from the environment or below the home. Imports no JAX."""

import os
import secrets
import tempfile
from pathlib import Path

from pcl.errors import UsageError

CACHE = "PCL_CACHE_DIR"


def user_folder(variable: str, *below_home: str) -> Path:
    """The folder named by an environment variable, or else one below the user's home.

    Raises:
      UsageError: the variable is not set and the user has no home, or it names no folder.
    """
    named = os.environ.get(variable)
    try:
        return Path(named).expanduser() if named else Path.home().joinpath(*below_home)
    except RuntimeError:
        said = f"{variable}={named}: no such user" if named else "this user has no home folder"
        raise UsageError(f"{said}; name a folder with {variable}") from None


def cached(name: str) -> Path:
    """The folder of the cache called `name`: below the environment's PCL_CACHE_DIR, or else ~/.cache/pcl.

    Raises:
      UsageError: PCL_CACHE_DIR is not set, and this user has no home.
    """
    return user_folder(CACHE, ".cache", "pcl") / name


def require_writable(folder: Path, flag: str) -> None:
    """Make a folder, and fail before the computation if it cannot be written; `flag` is the flag that names it.

    Raises:
      UsageError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"cannot write to {folder} ({reason}): name another folder with --{flag}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name in its folder, then rename it: the file is complete or unchanged.

    Raises:
      UsageError: its folder cannot be made or written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot write {path} ({error.strerror or error}): name a file in a folder that you may write"
        ) from error
