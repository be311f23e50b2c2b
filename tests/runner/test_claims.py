"""Processes that share runs by claims: none is executed twice, and those of a killed process are executed by others."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pcl.errors import UsageError
from pcl.runner import claims as claiming
from pcl.runner.claims import ClaimedStore, Claims
from pcl.runner.execute import execute, plan
from pcl.runner.store import CIRCUMSTANCES, Store
from tests.runner.claimants import RUNS

ROOT = Path(__file__).parents[2]


def none():
    return set()


def age(claims, seconds):
    """A claim as it looks when its process has touched it so long ago."""
    moment = time.time() - seconds
    os.utime(claims._file, (moment, moment))


def test_a_run_has_one_claimant_until_it_is_complete(tmp_path):
    with Claims(tmp_path) as one, Claims(tmp_path) as other:
        assert one.take("abc", none) == {"a", "b", "c"}
        assert other.take("bcd", none) == {"d"}
        assert one.take("cdef", lambda: {"e"}) == {"c", "f"}  # a and b are free again, d is the other's
        assert other.take("abcf", none) == {"a", "b"}
    assert not list(tmp_path.glob(".claim-*"))


def test_a_claim_that_nobody_touches_is_void_and_its_process_is_told(tmp_path):
    with Claims(tmp_path, 60.0) as one, Claims(tmp_path, 60.0) as other:
        one.take("ab", none)
        age(one, 55)
        assert other.take("ab", none) == set()
        age(one, 65)
        assert other.take("ab", none) == {"a", "b"}
        with one.kept() as ids:
            assert ids == set()
        with other.kept() as ids:
            assert ids == {"a", "b"}
        assert one.take("abc", none) == {"c"}  # it goes on with what is left


def test_a_living_process_touches_its_claim(tmp_path):
    with Claims(tmp_path, 0.6) as one, Claims(tmp_path, 0.6) as other:
        one.take("a", none)
        time.sleep(1.2)
        assert other.take("a", none) == set()


def test_rows_of_runs_that_others_have_taken_meanwhile_are_not_written(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(Store, "write", lambda self, rows: written.append({row["run_id"] for row in rows}) or tmp_path)
    store = Store(tmp_path, "trial")
    store.require_writable()
    with Claims(store.folder, 60.0) as one, Claims(store.folder, 60.0) as other:
        rows = [{"run_id": run_id} for run_id in one.take("ab", none)]
        ClaimedStore(store, one).write(rows)
        age(one, 65)
        other.take("ab", none)
        ClaimedStore(store, one).write(rows)
    assert written == [{"a", "b"}]


def test_a_folder_that_cannot_be_locked_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(claiming, "LOCKED_S", 0.1)
    one, other = Claims(tmp_path), Claims(tmp_path)
    with one.kept(), pytest.raises(UsageError, match=r"^--claim: .*\.claims\.lock cannot be locked .*--num_shards"):
        other.take("a", none)


def start(folder, expires_s):
    command = (sys.executable, "-m", "tests.runner.claimants", str(folder), str(expires_s))
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, cwd=ROOT, text=True, **pipes)


def facts(store):
    return [{name: value for name, value in row.items() if name not in CIRCUMSTANCES} for row in store.records()]


@pytest.mark.slow
def test_processes_come_and_go_and_every_run_is_executed_once(tmp_path):
    """Three start, one is killed with claimed runs, one joins later: the records are those of one process alone."""
    shared = tmp_path / "shared"
    first, second, killed = (start(shared, 6) for _ in range(3))
    held = [set(json.loads(process.stdout.readline())) for process in (first, second, killed)]
    assert sum(map(len, held)) == len(set.union(*held)) == 6  # of nine, in chunks of two
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    joined = start(shared, 6)
    for process in (first, second, joined):
        process.stdin.close()
        process.stdin = None  # nothing is left to be sent
    said = [process.communicate(timeout=120) for process in (first, second, joined)]
    assert [process.returncode for process in (first, second, joined)] == [0, 0, 0], said
    claimed = [run_id for output, _ in said for line in output.splitlines() for run_id in json.loads(line)]
    assert held[2] <= set(claimed)  # others have executed them
    rows, bad = Store(shared, "trial").read()
    ids = [row["run_id"] for _, row in rows]
    assert not bad
    assert sorted(ids) == sorted(run.run_id for run in RUNS)
    alone = Store(tmp_path / "alone", "trial")
    alone.require_writable()
    execute(plan(RUNS, "map", 2), alone, "map", "trial")
    assert facts(Store(shared, "trial")) == facts(alone)
    assert not list((shared / "trial").glob(".claim-*"))
