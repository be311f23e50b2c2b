"""The command for a day with an accelerator: what is measured, what is left out, and how it goes on."""

import csv
import json
import re

import forked
import jax
import pytest

from pcl.errors import NoResults, UsageError
from scripts import fig_accelerator
from scripts.bench import accelerator
from scripts.bench.journal import Journal, read
from scripts.bench.throughput import SCALES, split_digits, timed

ABOUT = {"commit": "c", "dirty": False, "device": "d", "devices": 1, "machine": "m", "scale": "full"}
SCALE = SCALES["full"]._replace(learners=("pcn", "er"))


def never():
    raise AssertionError("it was measured")


def test_a_case_is_measured_once_for_a_commit_and_device(tmp_path):
    path = tmp_path / "below" / "bench.jsonl"
    Journal(path, ABOUT, 60).measure("core", {"learner": "pcn"}, 0, lambda: {"seconds": 1.0})
    again = Journal(path, ABOUT, 60)
    assert again.measure("core", {"learner": "pcn"}, 0, never)["seconds"] == 1.0
    for other in ({"commit": "e"}, {"device": "e"}, {"scale": "small"}, {"dirty": True}):
        Journal(path, ABOUT | other, 60).measure("core", {"learner": "pcn"}, 0, lambda: {"seconds": 2.0})
    # Code that is not committed may have changed since.
    Journal(path, ABOUT | {"dirty": True}, 60).measure("core", {"learner": "pcn"}, 0, lambda: {"seconds": 3.0})
    Journal(path, ABOUT, 60, again=True).measure("core", {"learner": "pcn"}, 0, lambda: {"seconds": 4.0})
    assert [line["seconds"] for line in read(path)] == [1, 2, 2, 2, 2, 3, 4]
    assert again.measure("vgg5", {"learner": "pcn"}, 0, lambda: {"seconds": 5.0})["seconds"] == 5


def test_a_case_that_may_take_longer_than_there_is_time_is_left_out(tmp_path, capsys):
    journal = Journal(tmp_path / "bench.jsonl", ABOUT, 100)
    assert journal.measure("core", {"learner": "pcn"}, 101, never) is None
    assert "core pcn is left out: 100 s are left, it may take 101 s" in capsys.readouterr().out
    assert journal.measure("core", {"learner": "pcn"}, 98, lambda: {}) is not None
    assert not Journal(tmp_path / "none.jsonl", ABOUT, 0).measure("core", {}, 0.1, never)


def test_missing_data_are_said_and_a_refusal_of_the_device_is_recorded(tmp_path, capsys):
    journal = Journal(tmp_path / "bench.jsonl", ABOUT, 60)

    def missing():
        raise UsageError("no cifar10 here")

    def full():
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of\nmemory")

    assert journal.measure("vgg5", {}, 0, missing) is None
    assert "vgg5 is left out: no cifar10 here" in capsys.readouterr().out
    assert journal.measure("vgg5", {}, 0, full)["failed"] == "RESOURCE_EXHAUSTED: Out of memory"
    assert len(read(journal.path)) == 1


def test_a_line_that_was_cut_off_is_named(tmp_path):
    path = tmp_path / "bench.jsonl"
    path.write_text('{"part": "core"}\n{"part": "co')
    with pytest.raises(UsageError, match=r"bench\.jsonl, line 2: no JSON object"):
        Journal(path, ABOUT, 60)


def test_a_width_without_room_ends_its_curve_alone_and_time_is_estimated_from_the_last(tmp_path, monkeypatch, capsys):
    """Each run takes a second; of pcn 64 runs find no room, and for 512 of er there is no time."""
    tried = []

    def fake(runs, repeats):
        tried.append((runs[0].learner, len(runs)))
        if tried[-1] == ("pcn", 64):
            return {"failed": "memory"}
        return {"compile_s": 10.0, "seconds": float(len(runs))}

    monkeypatch.setattr(accelerator, "timed", fake)
    journal = Journal(tmp_path / "bench.jsonl", ABOUT, 10 + 4 * 512)
    accelerator.throughput(journal, SCALE)
    assert tried == [("pcn", 1), ("pcn", 8), ("pcn", 64), ("er", 1), ("er", 8), ("er", 64)]
    assert re.search(r"throughput er 512 is left out: 20\d\d s are left, it may take 2058 s", capsys.readouterr().out)
    lines = read(journal.path)
    assert [line["width"] for line in lines if "failed" in line] == [64]
    accelerator.throughput(Journal(journal.path, ABOUT, 2 * (10 + 4 * 512)), SCALE)
    assert tried[6:] == [("er", 512)], "the curve of pcn stays ended, that of er goes on"


def line(part, learner, **more):
    return ABOUT | {"part": part, "learner": learner} | more


def curve(learner, seconds, **more):
    about = {"samples_per_s": 5.0, "memory": 2e6, "compile_s": 9.0, "mode": "vmap"} | more
    return [line("throughput", learner, width=width, seconds=s, **about) for width, s in seconds.items()]


def draw(folder, lines):
    (folder / "bench_accelerator.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    with open(fig_accelerator.main(folder)[0], newline="") as file:
        return list(csv.DictReader(file))


def test_the_speed_up_is_over_run_by_run_at_the_last_commit_of_a_device(tmp_path):
    lines = curve("er", {1: 0.5, 64: 9.0}, commit="older") + curve("pcn", {1: 9.0, 64: 0.8})
    lines += [line("core", "pcn", samples_per_s=3.0), line("throughput", "pcn", width=512, failed="memory")]
    lines += curve("pcn", {1: 0.4})  # measured again
    rows = draw(tmp_path, lines)
    assert [(r["learner"], r["width"], r["speedup"]) for r in rows] == [("pcn", "1", "1"), ("pcn", "64", "32")]
    assert {(r["core_samples_per_s"], r["memory_mb"], r["on"]) for r in rows} == {("3", "2", "d (full)")}


def test_a_figure_without_throughput_is_refused(tmp_path):
    with pytest.raises(NoResults, match="no throughput"):
        draw(tmp_path, [line("core", "pcn", samples_per_s=3.0)])


@pytest.mark.slow
def test_a_program_is_timed_apart_from_its_compilation():
    """Two runs on all samples of digits; a narrower program than the runs, or a refusal, is a failure."""
    found = timed(split_digits("ncm", jax.local_device_count(), SCALES["small"]), 2)
    assert found["samples"] == 1437 * jax.local_device_count()
    assert found["repeats"] >= 2
    assert 0 < found["seconds"] < found["compile_s"]
    assert found["samples_per_s"] == found["samples"] / found["seconds"]


@pytest.mark.slow
def test_what_finds_no_memory_has_failed(monkeypatch):
    runs = split_digits("ncm", 2 * jax.local_device_count(), SCALES["small"])
    monkeypatch.setattr("pcl.runner.devices.memory_budget", lambda: 1)
    assert "one run takes" in timed(runs, 2)["failed"]


@pytest.mark.slow
def test_the_command_on_a_cpu(tmp_path):
    """Its small scale; what was measured at a clean commit is not measured again."""
    out = tmp_path / "bench_accelerator.jsonl"
    done = forked.run("scripts.bench.accelerator", "--parts=throughput,core,conformance", f"--out={out}", timeout=600)
    assert done.returncode == 0, done.stderr
    lines = read(out)
    parts = [(line["part"], line["learner"], line.get("width")) for line in lines]
    curves = [("throughput", name, width) for name in ("pcn", "er") for width in (1, 16)]
    assert parts == [*curves, ("core", "pcn", None), ("core", "er", None), ("conformance", "ncm", None)]
    assert all(line["scale"] == "small" and line["device"] == "cpu" and "failed" not in line for line in lines)
    assert not lines[-1]["failures"]
    assert lines[-1]["hold"] + lines[-1]["no_case"] >= 10
    assert [row["width"] for row in draw(tmp_path, lines)] == ["1", "16"] * 2
