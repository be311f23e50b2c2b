"""The command that makes everything again: it goes on where it was killed, and says what came back and what did not."""

import csv
import os
from pathlib import Path

import forked
import pytest

from pcl.evaluation.reproduced import EQUAL, NOT_RUN, OUTSIDE
from pcl.experiment import load_experiment
from pcl.runner.store import Store
from scripts import made_again

ROOT = Path(__file__).parents[1]
COMMITTED = ROOT / "results"
NAME = "split_digits"

# An experiment of two programs, with a twin. It is killed before its second part is written where DIE is set.
TOY = """
import os
from pcl.experiment import Arm, Experiment, StreamSpec, Table
from pcl.runner.store import Store

EXPERIMENT = Experiment(
    "toy", "Nothing.", {name: StreamSpec("split", {"source": "digits", "order": order, "batch": 50})
    for name, order in (("a", "random"), ("b", "iid"))}, {"ncm": {}}, (Arm(seeds=3),),
    tables=(Table("tab_toy", "A table.", "acc"),),
)
if "DIE" in os.environ:
    write = Store.write
    Store.write = lambda self, rows: os._exit(137) if self.parts() else write(self, rows)
"""


def command(*arguments, **environment):
    done = forked.run("scripts.reproduce", *arguments, env=os.environ | environment)
    return done.returncode, done.stdout, done.stderr


def report(folder):
    with open(folder / "made_again/report.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_killed_it_goes_on_and_again_it_gives_the_same_bits(tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    flags = f"--import={tmp_path / 'toy.py'}", "--experiment=toy", "--smoke"
    first, second = tmp_path / "first", tmp_path / "second"
    where = f"--results_dir={first}", f"--against={tmp_path}"
    assert command(*flags, *where, DIE="1")[0] == 137
    (part,) = Store(first, "toy").parts()
    assert not (first / "made_again").exists()

    code, out, error = command(*flags, *where)
    assert code == 0, error
    assert "1 of 1 programs" in error  # the other one was there
    assert part in Store(first, "toy").parts()
    assert len(Store(first, "toy").records()) == 4
    assert (first / "tables/tab_toy.md").exists()
    assert "0 published numbers: none. 4 runs made again" in out

    (tmp_path / "published").mkdir()
    (first / "toy").rename(tmp_path / "published" / "toy")
    published = tmp_path / "with" / "smoke"
    published.parent.mkdir()
    (tmp_path / "published").rename(published)
    code, out, error = command(*flags, f"--results_dir={second}", f"--against={published.parent}")
    assert code == 0, error
    assert {row["verdict"] for row in report(second)} == {EQUAL}
    assert "4 runs made again, as their records: 4 to the bit." in out


@pytest.mark.slow
def test_what_is_wrong_is_one_line():
    code, out, error = command("--experiment=split_digts")
    assert (code, out) == (2, "")
    assert error.startswith("error: unknown experiment 'split_digts'; known: ")
    assert error.count("\n") == 1
    code, _, error = command("--experiment=load", "--results_dir=results", "--dry_run")
    said = "error: --results_dir=results: the published records are there; name another folder\n"
    assert (code, error) == (2, said)


@pytest.fixture
def again(tmp_path):
    """Two seeds of one learner as if they had been made again, the second one with another accuracy at the end."""
    records = [r for r in Store(COMMITTED, NAME).records() if r["learner"] == "ncm" and r["seed"] < 2]
    for record in records:
        if record["stream"] == NAME and record["seed"] == 1:
            record["probe_accuracy"][-1] = [0.0 for _ in record["probe_accuracy"][-1]]
    store = Store(tmp_path, NAME)
    store.require_writable()
    store.write(records)
    return tmp_path


@pytest.mark.slow
def test_a_changed_number_is_outside_and_the_others_are_equal_to_the_bit(again):
    _, line = made_again.write([NAME], COMMITTED, again, "laptop", {"Left out": ["something"]})
    rows = {(row["stream"], row["learner"], row["metric"]): row for row in report(again)}
    assert len({(row["stream"], row["learner"]) for row in rows.values()}) == 12
    changed = rows[NAME, "ncm", "acc"]
    assert (changed["verdict"], changed["n"], changed["seeds"]) == (OUTSIDE, "2", "10")
    assert float(changed["new_mean"]) == pytest.approx(float(changed["same_mean"]) / 2, abs=1)
    assert rows[NAME, "ncm", "prequential_acc"]["verdict"] == EQUAL
    assert rows["split_digits_iid", "ncm", "acc"]["verdict"] == EQUAL
    assert {row["verdict"] for row in rows.values() if row["learner"] == "pcn"} == {NOT_RUN}
    assert not [name for _, _, name in rows if name.startswith("ms_")]
    assert "6 runs made again, as their records: 5 to the bit, 1 up to rounding." in line
    text = (again / "made_again/report.md").read_text()
    assert line in text
    outside = text.partition("## Numbers outside their intervals")[2].partition("##")[0]
    assert "| split_digits | split_digits | ncm       |           | acc" in outside
    assert "## Left out\n\n- something\n" in text


@pytest.mark.slow
def test_every_published_number_of_a_table_is_in_the_report(again):
    with open(COMMITTED / "tables/tab_split_digits.csv", newline="") as file:
        table = {
            tuple(row[name] for name in ("stream", "learner", "variant", "metric")): row for row in csv.DictReader(file)
        }
    found = {row[1:5]: row for row in made_again.numbers([NAME], COMMITTED, again)}
    assert set(found) == {key for key in table if not key[3].startswith("ms_")}
    for key, row in found.items():
        assert [f"{value:.6g}" for value in (row.mean, row.low, row.high)] == [
            table[key][n] for n in ("mean", "low", "high")
        ]


@pytest.mark.slow
def test_experiments_with_rows_from_elsewhere_compare_them_too(tmp_path):
    """Of Electricity nothing was run again but River's models."""
    (tmp_path / "river_electricity.csv").write_bytes((COMMITTED / "river_electricity.csv").read_bytes())
    assert load_experiment("electricity").tables[0].more
    rows = made_again.numbers(["electricity"], COMMITTED, tmp_path)
    verdicts = {row.verdict for row in rows if "River" in row.learner}
    assert verdicts == {EQUAL}
    assert {row.verdict for row in rows if "River" not in row.learner} == {NOT_RUN}


def test_numbers_behind_a_table_that_a_script_writes_are_compared():
    rows = made_again.numbers(["reproduction"], COMMITTED, COMMITTED)
    assert {row.metric for row in rows} >= {"acc", "prequential_acc"}
    assert {row.verdict for row in rows} == {"equal to the bit"}
