"""What a process says of itself and pins: cores, memory, commit, and what decides numbers beside settings."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pcl
from pcl import learners, streams
from pcl.runner import devices, memory
from pcl.runner.evaluation import Evaluation
from pcl.runner.run import make_run
from pcl.runner.store import CIRCUMSTANCES, Store

ROOT = Path(__file__).parents[2]
OTHERS = {
    "JAX_ENABLE_X64": "1",
    "JAX_THREEFRY_PARTITIONABLE": "0",
    "JAX_DEFAULT_PRNG_IMPL": "rbg",
    "JAX_RANDOM_SEED_OFFSET": "7",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_HIGH_DYNAMIC_RANGE_GUMBEL": "1",
    "JAX_SOFTMAX_CUSTOM_JVP": "1",
}


@pytest.mark.slow
def test_the_environment_changes_no_number_of_a_run(tmp_path):
    """Each variable changes the numbers of JAX; a record under the same id stays the same, to the bit."""
    rows = []
    for name, others in (("plain", {}), ("others", OTHERS)):
        command = (sys.executable, "-m", "experiments.run", "--experiment=split_digits", "--smoke", "--seeds=1")
        command += ("--learners=pcn", "--streams=split_digits_iid_5", f"--results_dir={tmp_path / name}")
        subprocess.run(command, cwd=ROOT, env=os.environ | others, check=True, capture_output=True, timeout=300)
        (row,) = Store(tmp_path / name / "smoke", "split_digits").records()
        rows.append({column: value for column, value in row.items() if column not in CIRCUMSTANCES})
    assert rows[0] == rows[1]


@pytest.mark.slow
def test_a_python_caller_gets_the_numbers_of_the_command():
    stream, data = streams.make("split", batch=100)
    learner, hp = learners.make("ncm", stream.spec)
    key = jax.random.key(0, impl=devices.PRNG)
    plain = jax.jit(make_run(learner, stream, Evaluation(probe_every=10)))(key, hp, data)
    with jax.enable_x64(True), jax.threefry_partitionable(False), jax.default_prng_impl("rbg"):
        other = jax.jit(make_run(learner, stream, Evaluation(probe_every=10)))(key, hp, data)
        assert jnp.ones(1).dtype == jnp.float64  # the caller's own configuration is as it was
    for one, another in zip(jax.tree.leaves(plain), jax.tree.leaves(other), strict=True):
        assert one.dtype == another.dtype
        np.testing.assert_array_equal(one, another)


def test_today_s_generator_is_the_one_that_records_were_made_with():
    draws = jax.random.uniform(jax.random.fold_in(jax.random.key(0, impl=devices.PRNG), 3), (2,))
    assert draws.tolist() == [0.26698946952819824, 0.733950138092041]
    for name, value in devices.PINNED.items():
        assert getattr(jax.config, name) == value


def test_cores_are_counted_where_the_system_knows_of_no_affinity(monkeypatch):
    assert devices.cores() == len(os.sched_getaffinity(0))
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.delattr(os, "sched_getaffinity")
    assert devices.cores() == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert devices.cores() == 1


BARE = """
import os, runpy, signal, sys
del os.sched_getaffinity, signal.SIGHUP
sys.argv = ["run", *sys.argv[1:]]
runpy.run_module("experiments.run", run_name="__main__")
"""


@pytest.mark.slow
def test_the_command_works_without_what_windows_and_macos_lack(tmp_path):
    command = (sys.executable, "-c", BARE, "--experiment=split_digits", "--smoke", "--seeds=1", "--learners=ncm")
    command += ("--streams=split_digits_iid_5", f"--results_dir={tmp_path}")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(Store(tmp_path / "smoke", "split_digits").records()) == 1


def test_a_container_s_limit_is_the_memory_there_is(tmp_path, monkeypatch):
    two, one = tmp_path / "two", tmp_path / "one"
    (two / "a/b").mkdir(parents=True)
    (two / "a/memory.max").write_text("3000000\n")
    (two / "a/b/memory.max").write_text("max\n")
    (one / "memory/c").mkdir(parents=True)
    (one / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    (one / "memory/c/memory.limit_in_bytes").write_text("4000000\n")
    groups = tmp_path / "cgroup"
    groups.write_text("0::/a/b\n")
    assert memory.container_limits(groups, two) == [3_000_000]
    groups.write_text("9:name=systemd:/\n4:cpu,memory:/c\n0::/\n")
    assert memory.container_limits(groups, one) == [4_000_000, 9223372036854771712]
    groups.write_text("4:memory:/docker/0123456789\n")  # the name outside, as the container sees it
    assert memory.container_limits(groups, one) == [9223372036854771712]
    assert memory.container_limits(tmp_path / "nowhere", one) == []
    groups.write_text("0::/a/b\n")
    monkeypatch.setattr(memory, "GROUPS", groups)
    monkeypatch.setattr(memory, "MOUNT", two)
    assert memory.available() == 3_000_000
    assert devices.memory_budget() == 2_700_000 // jax.local_device_count()


def test_memory_is_that_of_the_machine_where_nothing_limits_it(monkeypatch):
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    monkeypatch.setattr(memory, "container_limits", lambda groups, mount: [])
    assert memory.available() == whole
    monkeypatch.delattr(os, "sysconf")
    assert memory.available() == sys.maxsize


def test_the_largest_array_is_named_with_the_settings_that_make_it_large():
    parts = {"state": (jax.ShapeDtypeStruct((5,), jnp.int32), jax.ShapeDtypeStruct((200_000, 64), jnp.float32))}
    total, largest = memory.of_arrays(parts, {"width": 200_000, "batch": 10, "lr": 64.0})
    assert total == 4 * (5 + 200_000 * 64)
    assert largest == "state.1 [200000, 64] of 48.83 MiB, width=200000"
    assert [memory.text(size) for size in (1, 1024, 2**30, 2**60)] == ["1 bytes", "1 KiB", "1 GiB", "1,024 PiB"]


def git(folder, *arguments):
    identity = ("-c", "user.name=n", "-c", "user.email=e", "-c", "init.defaultBranch=main")
    subprocess.run(("git", *identity, "-C", str(folder), *arguments), check=True, capture_output=True)


def test_the_commit_is_that_of_the_repository_that_tracks_this_package(tmp_path, monkeypatch):
    """A copy installed inside another repository, ignored or not, has the version and not that repository's HEAD."""
    package = tmp_path / "venv/pcl"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (tmp_path / "other.txt").write_text("")
    git(tmp_path, "init")
    git(tmp_path, "add", "other.txt")
    git(tmp_path, "commit", "-m", "other")
    monkeypatch.setattr(pcl, "__file__", str(package / "__init__.py"))
    installed = (f"installed {pcl.__version__}", False)
    assert devices._commit() == installed
    git(tmp_path, "add", "venv")
    git(tmp_path, "commit", "-m", "vendored")
    assert devices._commit() == installed
    # A repository of its own, and Git's variables as they are inside a hook of the other one.
    git(package.parent, "init")
    git(package.parent, "commit", "--allow-empty", "-m", "before the package")
    assert devices._commit() == installed
    git(package.parent, "add", "pcl")
    git(package.parent, "commit", "-m", "own")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    head, dirty = devices._commit()
    assert (len(head), dirty) == (40, False)
    monkeypatch.delenv("GIT_DIR")
    own = subprocess.run(("git", "-C", package.parent, "rev-parse", "HEAD"), capture_output=True, text=True).stdout
    assert head == own.strip()
    (package / "__init__.py").write_text("changed")
    assert devices._commit() == (head, True)


PROGRAM = ("--experiment=split_digits", "--smoke", "--seeds=1", "--learners=pcn", "--streams=split_digits_iid_5")


@pytest.mark.slow
def test_a_traced_change_is_compiled_by_one_command_and_kept_for_the_next(tmp_path):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION_CACHE")}
    found = []
    for rate in ("0.01", "0.02"):
        command = (sys.executable, "-m", "experiments.run", *PROGRAM, f"--set=lr={rate}", f"--results_dir={tmp_path}")
        environment = plain | {"PCL_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert "1 runs executed" in done.stdout, done.stderr
        found.append({path.name for path in (tmp_path / "cache" / "programs").glob("*/*-cache")})
    assert found[0]
    assert found[0] == found[1]


def test_loops_are_not_unrolled_unless_the_user_says_how_to_compile(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
    devices.configure()
    ours = "--xla_backend_optimization_level=0 --xla_backend_extra_options=xla_cpu_disable_loop_unrolling"
    assert os.environ["XLA_FLAGS"] == ours
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_extra_options=theirs")
    devices.configure()
    assert os.environ["XLA_FLAGS"] == "--xla_backend_extra_options=theirs"


@pytest.mark.slow
def test_a_folder_where_no_program_can_be_kept_is_no_matter(tmp_path):
    (tmp_path / "file").touch()
    plain = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION_CACHE")}
    environment = plain | {"PCL_CACHE_DIR": str(tmp_path / "file")}
    command = (sys.executable, "-m", "experiments.run", *PROGRAM, f"--results_dir={tmp_path}")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert "1 runs executed" in done.stdout
    assert not done.stderr
