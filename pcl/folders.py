"""Folders of a user's own, from the environment or below the home. Imports no JAX."""

import os
from pathlib import Path

from pcl.errors import UsageError

CACHE = "PCL_CACHE_DIR"


def user_folder(variable: str, *below_home: str) -> Path:
    """The folder named by an environment variable, or else one below the user's home.

    Raises:
      UsageError: neither is there.
    """
    named = os.environ.get(variable)
    try:
        return Path(named).expanduser() if named else Path.home().joinpath(*below_home)
    except RuntimeError:
        said = f"{variable}={named}: no such user" if named else "this user has no home folder"
        raise UsageError(f"{said}; name a folder with {variable}") from None


def cached(name: str) -> Path:
    """Where what is called `name` is cached: below the environment's PCL_CACHE_DIR, or else ~/.cache/pcl.

    Raises:
      UsageError: no folder is named, and this user has no home.
    """
    return user_folder(CACHE, ".cache", "pcl") / name
