"""The commands as a user runs them: plans, listings, resume after a kill, figures, one-line errors."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import forked
import pyarrow.parquet as pq
import pytest

from pcl.experiment import experiment_names, load_experiment
from pcl.runner.store import CIRCUMSTANCES, Store
from pcl.runner.sweep import published as published_runs
from scripts.published import published

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
RUN, FIGURES = "experiments.run", "scripts.make_figures"
# Small enough for a second a static group, large enough for several parts.
SMOKE = ("--experiment=split_digits", "--smoke", "--learners=pcn,ncm")


def command(*arguments, check=True):
    done = forked.run(*arguments)
    assert not check or done.returncode == 0, done.stderr
    return done


def started(*arguments):
    """What a command prints that is started as users start it."""
    done = subprocess.run((sys.executable, "-m", *arguments), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


# What other libraries and long measurements said is not measured here: the twins' figures take the committed numbers.
OF_PEERS = ("bench_inference.jsonl", "bench_stream.jsonl", "bench_end_to_end.jsonl")
BENCHES = ("bench_accelerator.jsonl", "bench_equilibrium.jsonl", *OF_PEERS)
MEASURED = ("river_electricity.csv", *BENCHES)


# The learners of a twin, where another takes a minute to compile: one that is made of two of these, whose committed
# records are those of the whole experiment. -m long runs the whole twin.
SHORT = {"reopening": ("generative", "reopening", "parallax")}


def claimed(marker):
    """Whether this process is the first to ask."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


@pytest.fixture(scope="module")
def twins(tmp_path_factory, testrun_uid):
    """The folder under which all processes of one test run keep the smoke runs of experiments."""
    folder = tmp_path_factory.getbasetemp().parent / f"twins-{testrun_uid}"
    (folder / "smoke").mkdir(parents=True, exist_ok=True)
    if claimed(folder / "measured.claim"):
        for name in MEASURED:
            shutil.copy(ROOT / "results" / name, folder / "smoke")
        shutil.copytree(ROOT / "results" / "studies", folder / "smoke" / "studies")
    return folder


def twin(folder, name):
    """What an experiment's uninterrupted smoke run printed: it is run by the first that asks, while others wait."""
    printed = folder / f"{name}.json"
    if claimed(folder / f"{name}.claim"):
        some = [f"--learners={','.join(SHORT[name])}"] if name in SHORT else []
        done = command(RUN, f"--experiment={name}", "--smoke", *some, f"--results_dir={folder}", check=False)
        printed.with_suffix(".tmp").write_text(json.dumps([done.returncode, done.stdout, done.stderr]))
        printed.with_suffix(".tmp").rename(printed)
    deadline = time.monotonic() + 300
    while not printed.exists():
        assert time.monotonic() < deadline, f"another process has not finished the twin of {name}"
        time.sleep(0.2)
    code, output, error = json.loads(printed.read_text())
    assert code == 0, error
    return output


@pytest.fixture(scope="module")
def smoke(twins):
    """The results folder of the smoke runs of all experiments, and what was printed."""
    return twins, {name: twin(twins, name) for name in experiment_names()}


# One test each, so that test processes share the work.
@pytest.mark.parametrize("name", experiment_names())
def test_twin_runs_in_seconds(name, twins):
    assert re.search(r"\d+ runs executed, 0 were there already", twin(twins, name))


@pytest.mark.parametrize("name", SHORT)
def test_what_a_twin_leaves_out_is_resolved_and_has_committed_records(name):
    left_out = {run.learner for run in published_runs(load_experiment(name), smoke=True)} - {*SHORT[name]}
    assert left_out
    assert left_out <= {record["learner"] for record in Store(ROOT / "results", name).records()}


@pytest.mark.long
@pytest.mark.parametrize("name", SHORT)
def test_the_whole_of_a_twin_that_is_short_elsewhere(name, tmp_path):
    output = command(RUN, f"--experiment={name}", "--smoke", f"--results_dir={tmp_path}").stdout
    assert all(learner in output for learner in load_experiment(name).learners)


def test_twin_runs_prints_its_table_and_the_second_time_does_nothing(smoke):
    folder, outputs = smoke
    output = outputs["split_digits"]
    assert "10 runs executed, 0 were there already." in output
    assert re.search(r"split_digits_iid_5 +ncm +2 +\d+\.\d \[", output)
    again = command(RUN, "--experiment=split_digits", "--smoke", f"--results_dir={folder}").stdout
    assert "Nothing to execute: all 10 runs were there already." in again


def test_records_describe_themselves(smoke):
    records = Store(smoke[0] / "smoke", "split_digits").records()
    record = next(r for r in records if r["learner"] == "pcn")
    config = json.loads(record["config"])
    assert config["learner"]["width"] == 8
    assert {"name", "lr", "inference_lr", "optimiser"} <= set(config["learner"])
    assert {"source", "order", "batch", "passes"} <= set(config["stream"])
    assert re.fullmatch("[0-9a-f]{16}", config["data"])
    assert {"jax", "numpy"} <= set(json.loads(record["provenance"]["versions"]))
    assert record["provenance"]["device"]
    assert record["state_bytes"] > 0
    assert record["timing"]["ms_per_step"] > 0


def test_figures_and_tables_are_drawn_from_records(smoke):
    folder = smoke[0] / "smoke"
    printed = started(FIGURES, f"--results_dir={folder}").split()
    names = {name for name in published() if name.startswith("fig_")}
    assert printed
    assert all(Path(path).stat().st_size > 100 for path in printed)
    for name in names:
        assert {f"{name}.pdf", f"{name}.png", f"{name}.csv"} <= {Path(path).name for path in printed}
    header, first, *_ = (folder / "tables/tab_split_digits.csv").read_text().splitlines()
    assert (
        header
        == "experiment,stream,learner,variant,metric,mean,low,high,seeds,runs,diverged,commits,jax,command,interval"
    )
    assert "python -m experiments.run --experiment=split_digits --streams=split_digits --learners=backprop" in first


def test_what_has_no_records_is_left_out_and_said(twins, tmp_path):
    twin(twins, "split_digits")
    shutil.copytree(twins / "smoke" / "split_digits", tmp_path / "split_digits")
    done = command(FIGURES, f"--results_dir={tmp_path}")
    assert "fig_wall.png" in done.stdout
    assert "fig_ladder is left out: " in done.stderr
    assert "fig_equilibrium is left out: " in done.stderr


def test_killed_and_resumed_records_equal_uninterrupted_ones_bit_for_bit(smoke, tmp_path):
    killed = Store(tmp_path / "smoke", "split_digits")
    arguments = (RUN, *SMOKE, f"--results_dir={tmp_path}")
    process = forked.Forked(*arguments)
    deadline = time.monotonic() + 120
    while not killed.parts():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < len(killed.ids()) < 8
    assert "8 runs executed" not in command(*arguments).stdout
    learners = ("pcn", "ncm")
    whole = [r for r in Store(smoke[0] / "smoke", "split_digits").records() if r["learner"] in learners]
    assert len(whole) == 8
    for one, other in zip(killed.records(), whole, strict=True):
        for column in set(one) - set(CIRCUMSTANCES):
            assert one[column] == other[column], column


def test_dry_run_shows_static_groups_and_executes_nothing(tmp_path):
    output = command(RUN, *SMOKE, "--dry_run", "--set", "lr=0.01,0.1", f"--results_dir={tmp_path}").stdout
    assert "18 runs in 6 static groups, one compile each" in output  # 3 streams x (2 rates + ncm) x 2 seeds
    assert not os.listdir(tmp_path)


def test_list_names_everything_on_one_line_each():
    output = started(RUN, "--list")
    for name in ("split_digits", "pcn", "backprop", "ncm", "split", "digits"):
        assert len(re.findall(rf"^  {name} ", output, re.MULTILINE)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((RUN, "--nope"), "Unknown command line flag 'nope'"),
        ((RUN,), "--experiment is missing; known: ablations,"),
        ((RUN, "--experiment=split_digits", "--set", "width=0.5"), "width is a static int"),
        ((RUN, "--experiment=split_digits", "--shard_index=2"), "must be below --num_shards=1"),
        ((RUN, "--experiment=split_digits", "stray"), "unexpected argument 'stray'"),
        ((RUN, "--experiment=split_digits", "--results_dir=setup.py"), "cannot write to setup.py"),
        (
            (RUN, "--experiment=split_digits", "--smoke", "--save_state=setup.py"),
            "name another folder with --save_state",
        ),
        ((FIGURES, "--only=fig_nope"), "unknown figure or table 'fig_nope'; known: fig_"),
        ((FIGURES, "--results_dir=tests"), "no results in tests/"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_the_user_got_wrong_is_one_line_and_exit_code_2(arguments, message):
    done = command(*arguments, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_corrupt_part_is_named_and_its_runs_are_executed_again(tmp_path):
    folder = tmp_path / "smoke" / "split_digits"
    folder.mkdir(parents=True)
    (folder / "part-00.parquet").write_bytes(b"PAR1")
    one = ("--experiment=split_digits", "--smoke", "--learners=ncm", "--streams=split_digits")
    done = command(RUN, *one, f"--results_dir={tmp_path}")
    assert "2 runs executed, 0 were there already" in done.stdout
    assert done.stderr.count("part-00.parquet cannot be read") == 1
    assert "check_results" in done.stderr
    assert (folder / "part-00.parquet").read_bytes() == b"PAR1"


def test_committed_records_can_be_read():
    for part in (ROOT / "results").rglob("part-*.parquet"):
        assert pq.read_metadata(part).num_rows > 0
