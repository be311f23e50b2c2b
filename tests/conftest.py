"""Shapes and types in annotations are checked at run time in every test; there are two JAX devices on any machine.

Most of a test's time is tracing and compilation. Programs are compiled without LLVM's optimisation, by XLA's older
emitters, which take six tenths of the time of the newer ones then, and each as one module of LLVM, which takes a tenth
less than the 32 that several cores would share. They are kept in a cache: what one test compiles is not compiled again
by another, by the other test processes, or by the next test run. Commands that a test starts keep only those that take
long: one that is killed leaves no half of a program that way, or hardly ever.
"""

import gc
import os
import shutil
from pathlib import Path

import jaxtyping
import pytest

os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")  # commands that a test starts have as many
PROGRAMS = Path(__file__).parents[1] / ".pytest_cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(PROGRAMS))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
QUICK = "backend_optimization_level=0", "cpu_use_fusion_emitters=false", "cpu_parallel_codegen_split_count=1"
os.environ.setdefault("XLA_FLAGS", " ".join(f"--xla_{flag}" for flag in QUICK))
jaxtyping.install_import_hook("pcl", "beartype.beartype")

import jax  # noqa: E402

from pcl.runner import devices  # noqa: E402

devices.configure()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # here, not in the commands that a test starts


def pytest_configure(config):
    """Begin anew where programs of many changes have gathered; JAX's own limit reads every entry for each new one."""
    if hasattr(config, "workerinput") or not PROGRAMS.is_dir():
        return
    if sum(file.stat().st_size for file in PROGRAMS.iterdir()) > 2**30:
        shutil.rmtree(PROGRAMS)


def pytest_collection_finish():
    """Look for garbage less often, and not among modules and tests, which stay."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled_programs():
    """Compiled programs are kept for ever otherwise: gigabytes by the end of the suite."""
    yield
    jax.clear_caches()


def pytest_terminal_summary(terminalreporter):
    """Print what tests of faults measured, as they said it by `record_property("figure", text)`."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    figures = {text for r in reports for name, text in getattr(r, "user_properties", ()) if name == "figure"}
    if figures:
        terminalreporter.section("figures of faults")
        for text in sorted(figures):
            terminalreporter.write_line(text)
