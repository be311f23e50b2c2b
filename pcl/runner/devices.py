"""The devices of this process, and their description in records."""

import contextlib
import functools
import hashlib
import os
import platform
import subprocess
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

import pcl
from pcl.errors import UsageError
from pcl.fields import canonical
from pcl.products import FLOAT32
from pcl.runner import memory
from pcl.streams.sources import cache

MODES = ("vmap", "map")
PRNG = "threefry2x32"
PROGRAMS = 2**30  # bytes of compiled programs that are kept
# Global settings that change a run's numbers and are not part of its identity: each has one value.
PINNED = {
    "jax_enable_x64": False,
    "jax_default_prng_impl": PRNG,
    "jax_threefry_partitionable": True,
    "jax_random_seed_offset": 0,
    "jax_high_dynamic_range_gumbel": False,
    "jax_softmax_custom_jvp": False,
    "jax_numpy_dtype_promotion": "standard",
    "jax_default_matmul_precision": FLOAT32,
}


def configure() -> None:
    """Make every core a JAX device (or as many as `JAX_NUM_CPU_DEVICES` says), and pin settings that change results.

    To be called before the first computation.

    On CPUs runs are mapped one after the other, so that each core executes its own share of them. Products are in
    float32: GPUs would otherwise round their factors to the 11 bits of TF32, too few for sums over a whole run. A run
    asks for others by `Evaluation.products`.
    """
    for name, value in PINNED.items():
        jax.config.update(name, value)
    # Without unrolled loops programs compile in two thirds of the time, and run as fast.
    options = os.environ.get("XLA_FLAGS", "")
    if "xla_backend_extra_options" not in options:
        os.environ["XLA_FLAGS"] = f"{options} --xla_backend_extra_options=xla_cpu_disable_loop_unrolling".strip()
    if jax.config.values["jax_num_cpu_devices"] < 1:
        jax.config.update("jax_num_cpu_devices", cores())
    _free_threads(jax.config.values["jax_num_cpu_devices"])


def _free_threads(cpu_devices: int) -> None:
    """Give XLA's pool twice as many threads as there are CPU devices; its size is the variable `NPROC`.

    Each device's program occupies a thread. Where none was left, products of large matrices were wrong without a
    message: parts of factors were overwritten before they were used (jaxlib 0.10.2; two devices, results of 2^23
    entries and more, sums over more than 256; `tests/runner/test_large_products.py`).
    """
    wanted, given = 2 * cpu_devices, os.environ.get("NPROC", "")
    if not given.isdecimal() or int(given) < wanted:
        os.environ["NPROC"] = str(wanted)


def keep_programs() -> None:
    """Keep compiled programs from one command to the next, beside the cached data, unless JAX has a cache folder
    already.

    There is a folder for each kind of processor, because programs use its instructions; the oldest programs are
    deleted. Without a home folder, the right to write or room, each command compiles its own programs, without a
    message.
    """
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache", UserWarning)
    if jax.config.values["jax_compilation_cache_dir"]:
        return
    with contextlib.suppress(UsageError, OSError):
        folder = cache.folder("programs") / processor()
        folder.mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(folder))
        if jax.config.values["jax_compilation_cache_max_size"] < 0:
            jax.config.update("jax_compilation_cache_max_size", PROGRAMS)


def processor() -> str:
    """A short name of this kind of processor."""
    about = [platform.machine(), platform.processor()]
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        about += sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:8]


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """Pins settings that change a run's numbers, whatever the caller's configuration; also a decorator."""
    with (
        jax.default_matmul_precision(FLOAT32),
        jax.enable_x64(False),
        jax.threefry_partitionable(True),
        jax.default_prng_impl(PRNG),
    ):
        yield


def cores() -> int:
    """Cores that this process may use; all cores of the machine if the system does not tell (macOS, Windows)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_mode() -> str:
    """`map` on CPUs, `vmap` on accelerators."""
    return "map" if jax.default_backend() == "cpu" else "vmap"


def memory_budget() -> int:
    """Bytes that a program may take on one device: nine tenths of its memory."""
    stats = jax.local_devices()[0].memory_stats() if jax.default_backend() != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(0.9 * stats["bytes_limit"])
    return int(0.9 * memory.available()) // jax.local_device_count()


@functools.cache
def provenance() -> dict[str, Any]:
    """Code and machine, as a record stores them."""
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


def digest(*about: Any) -> str:
    """A digest of `about` and of the code, versions and devices of this process."""
    computed = {name: provenance()[name] for name in ("commit", "dirty", "device", "devices", "versions")}
    return hashlib.sha256(canonical([*about, computed]).encode()).hexdigest()[:16]


def _commit() -> tuple[str, bool]:
    """The commit of the code, and whether code that affects a run differs from it.

    A copy that no repository tracks has the installed version instead, even inside the folder of another repository.
    """
    root = Path(pcl.__file__).resolve().parents[1]
    # Inside a hook, say, Git's own variables name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*arguments: str) -> str:
        command = ("git", "-C", str(root), *arguments)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    try:
        git("ls-files", "--error-unmatch", "pcl/__init__.py")
        if Path(git("rev-parse", "--show-toplevel").strip()).resolve() != root:
            raise FileNotFoundError(f"{root} is a folder of another repository")
        return git("rev-parse", "HEAD").strip(), bool(git("status", "--porcelain", "--", "pcl", "experiments").strip())
    except (OSError, subprocess.CalledProcessError):
        return f"installed {pcl.__version__}", False
