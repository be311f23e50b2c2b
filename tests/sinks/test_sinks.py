"""Sinks: a run of a batch is a run of its own there, and the libraries themselves read back what was written."""

import csv
import importlib
import json
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pcl.errors import UsageError
from pcl.runner.watch import Report
from pcl.sinks import SINKS, Sink, SinkEntry, sinks

CONFIG = {"learner": {"name": "pcn", "lr": 0.1}, "evaluation": {"sizes": [1, 2]}}


def run(seed):
    identity = CONFIG | {"seed": seed}
    return SimpleNamespace(run_id=f"{seed:016x}", learner="pcn", stream_name="s", seed=seed, identity=identity)


def report(step, seeds=(0, 1)):
    """The accuracy of a run is its seed and a hundredth of the step."""
    values = {"acc": np.array([seed + step / 100 for seed in seeds], np.float32)}
    return Report([run(seed) for seed in seeds], step, 100, values | {"energy": np.full(len(seeds), 2.0, np.float32)})


def written(name, where):
    """A sink after two reports on two runs, which end."""
    sink = sinks([f"{name}:{where}"], "trial")[0]
    sink(report(50))
    sink(report(100))
    sink.close()


def installed(library):
    return pytest.importorskip(library, reason=f"{library} is not installed: pip install '.[{library}]'")


def test_each_run_has_curves_of_its_own_which_are_closed_once():
    opened = {}

    class Curves:
        def __init__(self, where, member):
            opened[member.run_id[-1]] = self
            self.where, self.member, self.said, self.closed = where, member, [], 0

        def write(self, step, values):
            self.said.append((step, values["acc"]))

        def close(self):
            self.closed += 1

    sink = Sink(SinkEntry(Curves, ""), "there", "trial")
    for one in (report(25), report(50, (1, 2)), report(100, (1,))):
        sink(one)
    assert {seed: curves.closed for seed, curves in opened.items()} == {"0": 0, "1": 1, "2": 0}
    sink.close()
    assert {seed: curves.closed for seed, curves in opened.items()} == {"0": 1, "1": 1, "2": 1}
    assert [curves.said for curves in opened.values()] == [
        [(25, 0.25)],
        [(25, 1.25), (50, 1.5), (100, 2.0)],
        [(50, 2.5)],
    ]
    member = opened["1"].member
    assert (opened["1"].where, member.experiment, member.steps) == ("there", "trial", 100)
    assert member.settings == {"learner.name": "pcn", "learner.lr": 0.1, "evaluation.sizes": "[1, 2]", "seed": 1}


def test_a_sink_that_is_not_there_is_refused(monkeypatch):
    with pytest.raises(UsageError, match="unknown sink 'wand'; known: aim, csv, tensorboard, wandb"):
        sinks(["wand"], "trial")
    monkeypatch.setitem(SINKS, "csv", SINKS["csv"]._replace(needs="no_such_library"))
    with pytest.raises(UsageError, match=r"--sink=csv: no_such_library is not installed: pip install 'pcl-jax\[csv\]'"):
        sinks(["csv:x"], "trial")


def test_csv_is_read_as_a_table(tmp_path):
    written("csv", tmp_path / "a.csv")
    written("csv", tmp_path / "a.csv")  # another command: no second head
    rows = list(csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8")))
    assert len(rows) == 16
    assert rows[2] == {
        "run_id": f"{1:016x}", "name": "pcn s 1 0000", "step": "50", "steps": "100", "metric": "acc", "value": "1.5"
    }  # fmt: skip


def test_tensorboard_reads_its_events_and_tensorflow_is_not_imported(tmp_path, monkeypatch):
    installed("tensorboard")
    (tmp_path / "tensorflow.py").write_text("raise AssertionError")  # even where it is installed
    with monkeypatch.context() as patched:
        patched.syspath_prepend(tmp_path)
        written("tensorboard", tmp_path / "runs")
        assert "tensorflow" not in sys.modules
    reader = importlib.import_module("tensorboard.backend.event_processing.event_multiplexer").EventMultiplexer()
    reader.AddRunsFromDirectory(str(tmp_path / "runs")).Reload()
    assert set(reader.Runs()) == {f"{0:016x}", f"{1:016x}"}
    assert [(e.step, e.value) for e in reader.Scalars(f"{1:016x}", "acc")] == [(50, 1.5), (100, 2.0)]
    about = importlib.import_module("tensorboard.plugins.hparams.metadata")
    content = reader.SummaryMetadata(f"{1:016x}", about.SESSION_START_INFO_TAG).plugin_data.content
    assert about.parse_session_start_info_plugin_data(content).hparams["learner.lr"].number_value == 0.1


def records(path):
    """The records of a file of Weights & Biases: a log as LevelDB has it, behind seven bytes."""
    proto = importlib.import_module("wandb.proto.wandb_internal_pb2")
    content, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(content):
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            record, whole = proto.Record(), b""
            record.ParseFromString(content[at - length : at])
            yield record


@pytest.mark.slow
def test_wandb_keeps_two_runs_off_line(tmp_path, monkeypatch):
    wandb = installed("wandb")
    for name, value in (("WANDB_MODE", "offline"), ("WANDB_DIR", str(tmp_path)), ("WANDB_SILENT", "true")):
        monkeypatch.setenv(name, value)
    written("wandb", "trial")
    wandb.teardown()
    files = sorted(tmp_path.rglob("*.wandb"))
    assert [path.name for path in files] == [f"run-{seed:016x}.wandb" for seed in (0, 1)]
    found = list(records(files[1]))
    (begun,) = [record.run for record in found if record.WhichOneof("record_type") == "run"]
    assert (begun.run_id, begun.project, begun.run_group) == (f"{1:016x}", "trial", "trial")
    assert json.loads({item.key: item.value_json for item in begun.config.update}["learner"]) == CONFIG["learner"]
    history = [record.history.item for record in found if record.WhichOneof("record_type") == "history"]
    said = [{(item.key or item.nested_key[0]): item.value_json for item in items} for items in history]
    assert [(int(one["_step"]), float(one["acc"])) for one in said] == [(50, 1.5), (100, 2.0)]


@pytest.mark.slow
def test_aim_keeps_two_runs(tmp_path):
    aim = installed("aim")
    written("aim", tmp_path)
    reindex = (Path(sys.executable).with_name("aim"), "storage", "--repo", tmp_path, "reindex", "--yes")
    subprocess.run(reindex, check=True, capture_output=True)  # as Aim's page does of itself
    runs = {one["run_id"]: one for one in aim.Repo(str(tmp_path)).iter_runs()}
    assert set(runs) == {f"{0:016x}", f"{1:016x}"}
    one = runs[f"{1:016x}"]
    assert (one.experiment, one["config"]["learner"]["lr"]) == ("trial", 0.1)
    (accuracy,) = [metric for metric in one.metrics() if metric.name == "acc"]
    steps, values = accuracy.data.numpy()[0], accuracy.data.numpy()[1][0]
    assert (list(steps), list(values)) == ([50, 100], [1.5, 2.0])
