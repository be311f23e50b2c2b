"""Reports from inside the program: they change no bit, say what records say, and stop no run."""

import json
import os
import threading

import forked
import numpy as np
import pytest

from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.learners import REGISTRY
from pcl.runner import watch
from pcl.runner.execute import execute, plan
from pcl.runner.store import Store
from pcl.runner.sweep import resolve
from pcl.runner.watch import Pace, Watching

EXPERIMENT = Experiment(
    name="trial",
    claim="",
    streams={"s": StreamSpec("split", {"batch": 100})},  # 15 steps
    learners={"er": {"width": 4, "depth": 1, "memory": 20}},
    arms=(Arm(seeds=3),),
    evaluation={"probe_every": 10, "end_every": 0},
)


def lived(folder, mode, watching, checkpoint_steps=0):
    """All records, by run id."""
    store = Store(folder, "trial")
    store.require_writable()
    groups = plan(resolve(EXPERIMENT), mode)
    execute(groups, store, mode, "trial", checkpoint_steps=checkpoint_steps, watching=watching)
    return {record["run_id"]: record for record in store.records()}


def compared(modes, names, limit):
    """What reports changed in the records of learners, in a process of its own with two devices."""
    environment = os.environ | {"XLA_FLAGS": ""}
    done = forked.run("tests.runner.watched", modes, ",".join(names), env=environment, timeout=limit)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_reports_change_no_bit_of_a_record():
    """30 steps of 4 runs, with a report each 7 steps and at the end."""
    assert compared("map", ["pcn"], 300) == [{"name": "pcn", "mode": "map", "reports": 20, "differ": []}]


@pytest.mark.slow
@pytest.mark.long
def test_reports_change_no_bit_of_any_learner_s_record():
    said = compared("map", REGISTRY, 3000) + compared("vmap", [n for n in REGISTRY if "parallax" not in n], 3000)
    assert {one["name"] for one in said} == set(REGISTRY)
    assert [one for one in said if one["differ"] or one["reports"] < 20] == []


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "checkpoint_steps"), [("map", 7), ("vmap", 0)])
def test_reports_say_what_stands_in_the_records(mode, checkpoint_steps, tmp_path):
    """Three runs on two devices: the fourth is padding, and no watcher hears of it."""
    heard = {}

    def watcher(report):
        assert report.steps == 15
        for i, run in enumerate(report.runs):
            values = {name: values[i] for name, values in report.values.items()}
            heard.setdefault(run.run_id, {})[report.step] = values

    def twice(state, hp):
        return {"twice": 2 * hp.rule.lr}

    records = lived(tmp_path, mode, Watching(4, (watcher,), (twice,)), checkpoint_steps)
    assert len(heard) == len(records) == 3
    steps = [4, 7, 11, 14, 15] if checkpoint_steps else [4, 8, 12, 15]
    for run_id, record in records.items():
        assert record["log_every"] == 1
        assert list(heard[run_id]) == steps
        for start, end in zip([0, *steps], steps, strict=False):
            said = heard[run_id][end]
            sums = {name: np.sum(record[name][start:end]) for name in ("seen", "taught", "hits", "surprise", "skipped")}
            np.testing.assert_allclose(said["prequential_acc"], sums["hits"] / sums["seen"], rtol=1e-6)
            np.testing.assert_allclose(said["surprise"], sums["surprise"] / sums["taught"], rtol=1e-4)
            assert said["skipped"] == sums["skipped"] == 0
            np.testing.assert_allclose(said["twice"], 2 * json.loads(record["config"])["learner"]["lr"], rtol=1e-6)
    assert "watch" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.slow
@pytest.mark.parametrize(("pause_s", "reports"), [(1e-9, 15), (1e9, 1)])
def test_a_run_that_is_shorter_than_a_pause_reports_at_its_end_alone(pause_s, reports, tmp_path, monkeypatch):
    """Two runs on each of two devices, one of them padding: the first tells the pace of the second."""
    heard = {}

    def watcher(report):
        for run in report.runs:
            heard.setdefault(run.seed, []).append(report.step)

    monkeypatch.setattr(watch, "PAUSE_S", pause_s)
    lived(tmp_path, "map", Watching(0, (watcher,)))
    assert sorted(heard) == [0, 1, 2]
    assert all(steps[-1] == 15 for steps in heard.values())
    # The first on a device: at first, with a rate (if the other device has not told it before), and at the end.
    assert {len(heard[seed]) for seed in (0, 2)} <= ({reports} if reports > 3 else {2, 3})
    assert len(heard[1]) == reports


@pytest.mark.slow
def test_a_watcher_that_raises_is_left_out_and_all_runs_end(tmp_path, capsys):
    calls, good = [], []

    def bad(report):
        calls.append(report)
        raise OSError("disk\nfull")

    assert len(lived(tmp_path, "vmap", Watching(4, (bad, good.append)))) == 3
    assert len(calls) == 1
    assert sum(len(report.runs) for report in good) == 12
    assert capsys.readouterr().err == "watcher left out: OSError: disk full\n"


def test_a_pause_takes_a_second():
    pace = Pace(0, 10**6)
    assert pace.first == 5000
    assert pace.next(0, 5000, 0.0) == 5000  # nothing is known yet
    assert pace.next(0, 10000, 0.25) == 20000
    assert pace.next(1, 5000, 0.25) == 20000  # other runs are as fast
    assert pace.next(0, 30000, 2.25) == 10000  # it has become slower
    assert pace.next(1, 10**6, 10.0) > 10**5
    assert pace.next(2, 10**5, 20.0) == 10**4  # it began when the one before it ended
    assert Pace(0, 50).first == 1
    slow = Pace(0, 50)
    assert [slow.next(0, 1, 0.0), slow.next(0, 2, 9.0)] == [1, 1]
    fixed = Pace(7, 100)
    assert (fixed.first, fixed.next(0, 7, 0.0), fixed.next(0, 14, 100.0)) == (7, 7, 7)
