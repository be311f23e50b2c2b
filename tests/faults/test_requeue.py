"""A scheduler that takes the machine away again and again: the same command goes on, to the records of a quiet run.

Another way to run (a search, several hosts) is another line of `WAYS`.
"""

import signal
import time

import forked
import pytest

from pcl.interrupts import REQUEUE
from pcl.runner.store import CIRCUMSTANCES, Store

COMMAND = ("--experiment=split_digits", "--streams=split_digits_iid_5", "--learners=ncm")
WAYS = {
    "chunks": ("--smoke", "--seeds=60", "--max_width=2"),
    "segments": ("--seeds=2", "--set=batch=2", "--checkpoint_steps=20", "--watch_steps=7"),  # of 750 steps
}
DISTURBED = (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL)


def start(folder, way):
    return forked.Forked("experiments.run", *COMMAND, *WAYS[way], f"--results_dir={folder}")


def written(folder):
    """Parts and checkpoints with the times of their last change."""
    return {
        path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name.startswith(("part-", "checkpoint-"))
    }


def disturb(process, folder, number):
    """Send a signal once the process has written something."""
    before, deadline = written(folder), time.monotonic() + 300
    while written(folder) == before:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)


def facts(folder, way):
    store = Store(folder / "smoke" if "--smoke" in WAYS[way] else folder, "split_digits")
    assert [path for path in store.folder.iterdir() if path not in store.parts()] == []  # no checkpoint is left
    records = sorted(store.records(), key=lambda record: record["run_id"])
    return [{k: v for k, v in record.items() if k not in CIRCUMSTANCES} for record in records]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_command_that_is_requeued_ends_as_if_nothing_had_been(way, tmp_path):
    disturbed, quiet = tmp_path / "disturbed", tmp_path / "quiet"
    disturbed.mkdir()
    for number in (*DISTURBED, None):
        process = start(disturbed, way)
        if number is not None:
            disturb(process, disturbed, number)
        error = process.communicate()[1]
        wanted = {signal.SIGTERM: REQUEUE, signal.SIGKILL: -signal.SIGKILL, None: 0}[number]
        assert process.returncode == wanted, error
    process = start(quiet, way)
    assert (process.communicate(), process.returncode)[1] == 0
    assert len(facts(quiet, way)) == (60 if way == "chunks" else 2)
    assert facts(disturbed, way) == facts(quiet, way)
