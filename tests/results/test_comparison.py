"""The best by validation, differences by seed, and results of two machines joined."""

from pathlib import Path

import forked
import numpy as np
import pytest

from pcl.errors import NoResults, UsageError
from pcl.evaluation.statistics import mean_interval
from pcl.results.comparison import best, differ, differences
from pcl.runner.merge import merge, plan
from pcl.runner.store import Store

ROOT = Path(__file__).parents[2]


def row(seed, variant="{}", probe_on="validation", learner="l", status="ok", **metrics):
    return {
        **{"run_id": f"{learner}{variant}{seed}", "experiment": "e", "stream": "s", "learner": learner},
        **{"variant": variant, "seed": seed, "status": status, "metrics": metrics},
        "config": {"evaluation": {"probe_on": probe_on}},
    }


LOW, HIGH = '{"lr":0.1}', '{"lr":0.2}'
GRID = [row(seed, LOW, acc=50.0 + seed, forgetting=3.0) for seed in range(3)]
GRID += [row(seed, HIGH, acc=60.0 + seed, forgetting=9.0) for seed in range(3)]


def test_the_best_is_that_of_the_mean_and_of_what_is_better():
    (acc,), (forgetting,) = best(GRID, "acc"), best(GRID, "forgetting")
    assert (acc.variant, acc.mean, acc.seeds, acc.variants) == ("lr=0.2", 61.0, 3, 2)
    assert (acc.low, acc.high) == mean_interval([60, 61, 62])[1:]
    assert (forgetting.variant, forgetting.mean) == ("lr=0.1", 3.0)


def test_nothing_is_chosen_on_test_samples(capsys):
    tested = [one | {"config": {"evaluation": {}}} for one in GRID]
    with pytest.raises(UsageError, match="all 6 runs were probed on test samples, on which nothing may be chosen"):
        best(tested, "acc")
    (one,) = best([*GRID[:3], *tested[3:]], "acc")
    assert one.variant == "lr=0.1"
    assert "left out: 3 runs that were probed on test samples" in capsys.readouterr().err


def test_a_difference_is_between_runs_of_one_seed():
    a = [row(seed, acc=value) for seed, value in enumerate((50.0, 70.0, 90.0, np.nan))]
    b = [row(seed, acc=value) for seed, value in reversed(list(enumerate((49.0, 68.0, 87.0, 1.0, 2.0))))]
    found = differ("a, b", a, b, "acc")
    assert (found.pairs, found.a, found.b) == (3, 70.0, 68.0)
    assert (found.difference, found.low, found.high) == pytest.approx(mean_interval([1, 2, 3]))
    assert not found.apart  # 2 less 4.30 times 0.58 is below 0
    assert differ("a, b", a[:3], [row(seed, acc=0.0) for seed in range(3)], "acc").apart
    with pytest.raises(NoResults, match="1 seeds have acc on both sides"):
        differ("a, b", a[:1], b, "acc")


def test_folders_differ_cell_by_cell(capsys):
    other = [one | {"metrics": {"acc": one["metrics"]["acc"] - 5}} for one in GRID]
    found = differences(GRID, [*other, row(0, learner="only_b", acc=1.0)], "acc")
    assert [(one.of, one.difference) for one in found] == [("e:s:l:lr=0.1", 5.0), ("e:s:l:lr=0.2", 5.0)]
    with pytest.raises(UsageError, match=r"unknown metric of these runs 'acx'; known: acc, forgetting"):
        differences(GRID, other, "acx")


@pytest.fixture
def machines(tmp_path):
    """Results of two machines: seeds 0 to 2 of a cell on the one, 2 to 4 on the other."""
    records = Store(ROOT / "results", "split_digits").records()
    ncm = {r["seed"]: r for r in records if (r["learner"], r["stream"]) == ("ncm", "split_digits")}
    for name, seeds in {"here": (0, 1, 2), "there": (2, 3, 4)}.items():
        store = Store(tmp_path / name, "split_digits")
        store.require_writable()
        store.write([ncm[seed] for seed in seeds])
    return tmp_path / "there", tmp_path / "here", ncm


def test_merging_adds_what_is_missing_once(machines):
    there, here, ncm = machines
    ((name, rows, doubles),) = merge(there, here)
    assert (name, [r["seed"] for r in rows], doubles) == ("split_digits", [3, 4], 1)
    assert Store(here, "split_digits").records() == [ncm[seed] for seed in range(5)]
    parts = Store(here, "split_digits").parts()
    assert merge(there, here)[0][1:] == ([], 3)  # again, nothing is there to add
    assert Store(here, "split_digits").parts() == parts


def test_a_run_with_other_numbers_or_settings_is_refused_and_nothing_written(machines):
    there, here, ncm = machines
    parts = Store(here, "split_digits").parts()
    odd = Store(there, "split_digits").write([ncm[1] | {"state_bytes": 7}])
    with pytest.raises(UsageError, match=f"run {ncm[1]['run_id']} with different numbers: nothing is merged"):
        merge(there, here)
    odd.unlink()
    odd = Store(there, "split_digits").write(
        [ncm[9] | {"config": ncm[9]["config"].replace('"batch":10', '"batch":11')}]
    )
    with pytest.raises(UsageError, match=r"two versions of ncm on split_digits, which differ in stream\.batch"):
        plan(there, here)
    odd.write_bytes(odd.read_bytes()[:-1])
    with pytest.raises(UsageError, match="its bytes are not those that were written"):
        merge(there, here)
    assert Store(here, "split_digits").parts() == parts


def command(*arguments):
    done = forked.run("pcl.runs", *arguments)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_the_commands_print_tables_or_one_line(machines):
    there, here, _ = machines
    code, out, _ = command("list", "split_digits", f"--results_dir={here}")
    assert code == 0
    assert out.splitlines()[2].split()[:7] == ["split_digits", "split_digits", "ncm", "3", "3", "0", "0"]
    cell = "split_digits:split_digits:"
    code, out, _ = command("difference", f"{cell}pcn", f"{cell}backprop", "--metric=acc")
    assert code == 0
    assert out.splitlines()[-1].split()[:5] == ["a,", "b", "10", "20.4", "20.2"]
    refused = "all 120 runs were probed on test samples, on which nothing may be chosen"
    assert command("best", "split_digits")[2] == f"error: {refused}: run them again with --set probe_on=validation\n"
    code, out, _ = command("best", "digits_rates")
    assert code == 0
    assert [line.split()[2:5] for line in out.splitlines()[2:]] == [
        ["backprop", "lr=0.003", "optimiser=adam"],
        ["pcn", "lr=0.003", "optimiser=adam"],
    ]
    assert command("merge", str(there), f"--results_dir={here}")[1].split()[-3:] == ["split_digits", "2", "1"]
    assert command("check", f"--results_dir={here}")[:2] == (0, "split_digits: runs 5, parts that can be read 2\n")
    assert "diverged at step" in command("failed", "digits_rates")[1]
    assert command("lost")[::2] == (
        2,
        "error: unknown command of runs 'lost'; known: best, check, difference, failed, list, merge, missing\n",
    )


@pytest.mark.slow
def test_missing_names_what_is_published_and_not_there(machines):
    _, here, _ = machines
    code, out, error = command("missing", "split_digits", f"--results_dir={here}")
    assert code == 2
    assert "split_digits: 12 without a record" in out
    assert "  no record: split_digits ncm: seeds 3, 4, 5, 6, 7, 8, 9" in out
    assert error == "error: 12 cells are only published or only recorded; see above\n"
