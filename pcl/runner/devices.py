"""The devices of this process, and what is recorded about them."""

import functools
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

MODES = ("vmap", "map")


def configure() -> None:
    """Make every core a JAX device of its own, or as many as `JAX_NUM_CPU_DEVICES` says; comes before any computation.

    On CPUs runs are mapped one after the other, so that each core lives its own share of them. Products are those of
    float32: GPUs would else round their factors to the 11 bits of TF32, of which sums over a whole life are no use.
    """
    jax.config.update("jax_default_matmul_precision", "float32")
    if jax.config.values["jax_num_cpu_devices"] < 1:
        jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)))


def default_mode() -> str:
    """`map` on CPUs, `vmap` on accelerators."""
    return "map" if jax.default_backend() == "cpu" else "vmap"


def memory_budget() -> int:
    """Bytes that one device's share of a program may take: nine tenths of what the device has."""
    stats = jax.local_devices()[0].memory_stats() if jax.default_backend() != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(0.9 * stats["bytes_limit"])
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(0.9 * whole) // jax.local_device_count()


@functools.cache
def provenance() -> dict[str, Any]:
    """What a record says of the code and machine that made it."""
    packages = ("jax", "jaxlib", "flax", "optax", "numpy", "scikit-learn")
    commit, dirty = _commit()
    return {
        "commit": commit,
        "dirty": dirty,
        "device": jax.local_devices()[0].device_kind,
        "devices": jax.local_device_count(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
    }


def _commit() -> tuple[str, bool]:
    """The commit of the code, and whether code that decides a run differs from it."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        return subprocess.run(("git", "-C", root, *arguments), capture_output=True, text=True, check=True).stdout

    try:
        return git("rev-parse", "HEAD").strip(), bool(git("status", "--porcelain", "--", "pcl", "experiments").strip())
    except (OSError, subprocess.CalledProcessError):
        return "unknown", False
