"""Available memory, and the memory of arrays."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

GROUPS, MOUNT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def available() -> int:
    """Bytes that this process may use: the machine's memory, or the limit of its container."""
    return min(_physical(), *container_limits(GROUPS, MOUNT), sys.maxsize)


def of_arrays(parts: Mapping[str, Any], settings: Mapping[str, Any]) -> tuple[int, str]:
    """Bytes of all arrays (or shapes) in `parts`, and a description of the largest: place, shape and settings.

    The settings of a shape are those whose value is one of its lengths.
    """
    leaves = jax.tree_util.tree_flatten_with_path(dict(parts))[0]
    sizes = [leaf.size * leaf.dtype.itemsize for _, leaf in leaves]
    path, leaf = leaves[sizes.index(max(sizes))]
    named = [f"{name}={value}" for name, value in settings.items() if type(value) is int and value in leaf.shape]
    of = f", {', '.join(named)}" if named else ""
    where = jax.tree_util.keystr(path, simple=True, separator=".")
    return sum(sizes), f"{where} {list(leaf.shape)} of {text(max(sizes))}{of}"


def text(size: int | float) -> str:
    """A number of bytes as text."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if size < 1000 or unit == "PiB":
            break
        size /= 1024
    return f"{size:,.4g} {unit}"


def container_limits(groups: Path, mount: Path) -> list[int]:
    """The limits in bytes of the control groups (version 1 or 2) that the file `groups` names, below `mount`.

    A group is bound by all groups above it. A container sees its own group at the root, whatever its name is outside.
    """
    try:
        lines = [line.split(":", 2) for line in groups.read_text().splitlines()]
    except OSError:
        return []
    found: list[int] = []
    for _, controllers, name in lines:
        if controllers == "":
            found += _upwards(mount, name, "memory.max")
        elif "memory" in controllers.split(","):
            found += _upwards(mount / "memory", name, "memory.limit_in_bytes")
    return found


def _upwards(root: Path, name: str, file: str) -> Iterator[int]:
    folder = root / name.strip().lstrip("/")
    for group in (folder, *folder.parents):
        if group.is_relative_to(root):
            try:
                yield int((group / file).read_text())
            except (OSError, ValueError):  # no such file, or "max"
                continue


def _physical() -> int:
    """Memory of the machine in bytes; a very large number if the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _physical_on_windows()


def _physical_on_windows() -> int:
    import ctypes

    if not hasattr(ctypes, "windll"):
        return sys.maxsize

    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong)
            for name in ("total", "free", "all_pages", "free_pages", "all_virtual", "free_virtual", "free_extended")
        ]

    status = Status(length=ctypes.sizeof(Status))
    return status.total if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else sys.maxsize
