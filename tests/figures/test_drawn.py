"""Figures of records of which some are missing: what is there is drawn, and one line says what is not."""

import csv
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from experiments import plasticity
from pcl.errors import NoResults
from pcl.experiment import Table, each
from pcl.figures import tables
from pcl.figures.style import available, learners, marked
from pcl.runner.store import Store
from scripts import fig_plasticity
from scripts.published import make, published

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


@pytest.fixture(autouse=True)
def _coarse():
    """Nobody looks at them."""
    with plt.rc_context({"savefig.dpi": 10}):
        yield


def draw(name, folder, records):
    """The figure of these records of one experiment, its plotted numbers."""
    Store(folder, records[0]["experiment"]).folder.mkdir()
    Store(folder, records[0]["experiment"]).write(records)
    written = make(*published()[name], folder)
    with open(next(path for path in written if path.suffix == ".csv"), newline="") as file:
        return list(csv.DictReader(file))


def records_of(experiment, wanted, seeds=2):
    found = [r for r in Store(RESULTS, experiment).records() if r["variant"] == "{}" and r["seed"] < seeds]
    return [record for record in found if wanted(record)]


@pytest.mark.slow
def test_the_wall_shows_whatever_learners_there_are(tmp_path, capsys):
    wanted = {("split_digits", "ncm"), ("split_digits_iid", "ncm"), ("split_digits", "pcn")}
    records = records_of("split_digits", lambda r: (r["stream"], r["learner"]) in wanted)
    records = [r | ({"learner": "mystery", "status": "diverged"} if r["learner"] == "pcn" else {}) for r in records]
    rows = draw("fig_wall", tmp_path, records)
    assert {row["learner"] for row in rows} == {"ncm", "mystery"}
    assert {row["learner"] for row in rows if row["series"] == "same samples, shuffled"} == {"ncm"}
    assert capsys.readouterr().err == "fig_wall is drawn without split_digits_iid of mystery: no records\n"


def test_the_wall_without_its_stream_is_refused(tmp_path):
    with pytest.raises(NoResults, match="fig_wall: no stream of split_digits among the records"):
        draw("fig_wall", tmp_path, records_of("split_digits", lambda r: r["stream"] == "split_digits_iid"))


def test_contexts_of_one_stream_are_drawn_alone(tmp_path, capsys):
    records = records_of("recurring_contexts", lambda r: r["stream"] == "contexts_invisible")
    rows = draw("fig_recurring_contexts", tmp_path, records)
    assert {row["stream"] for row in rows} == {"contexts_invisible"}
    assert "without stream contexts_visible" in capsys.readouterr().err


def test_plasticity_of_a_learner_that_nobody_knows(tmp_path):
    records = [r | {"learner": "mystery"} for r in records_of("plasticity", lambda r: r["learner"] == "backprop")]
    bad = [records[0] | {"status": "diverged at step 5"}, *records[1:]]
    rows = draw("fig_plasticity", tmp_path, bad)
    assert {(row["learner"], row["series"]) for row in rows} == {("mystery", "mystery (1 of 2 diverged)")}


@pytest.mark.slow
def test_plasticity_shows_every_learner_and_methods_beside_backpropagation(tmp_path):
    assert set(fig_plasticity.METHODS) == set(plasticity.METHODS)
    records = records_of("plasticity", lambda r: True)
    shown = {(row["panel"], row["learner"]) for row in draw("fig_plasticity", tmp_path, records)}
    first, second = ({name for panel, name in shown if panel == title} for title in fig_plasticity.TITLES)
    assert first | second == {record["learner"] for record in records}
    assert second == {"backprop", *plasticity.METHODS}
    assert first & second == {"backprop"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in published() if name.startswith("fig_")])
def test_every_figure_draws_what_is_there(name, tmp_path):
    """Of every experiment two runs a cell, on the first stream that the figure names or by its last learner."""
    figure, experiment = published()[name]
    if not experiment:
        for path in RESULTS.glob("bench_*.jsonl"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    if getattr(figure, "study", ""):
        shutil.copytree(RESULTS / "studies" / figure.study, tmp_path / "studies" / figure.study)
    script = ROOT / f"scripts/{name}.py"
    text = script.read_text() if script.exists() else str(figure).replace("'", '"')
    for folder in (experiment, *figure.beside) if experiment else ():
        records = Store(RESULTS, folder).records()
        seeds = sorted({r["seed"] for r in records})[:2]
        records = [r for r in records if r["seed"] in seeds]
        streams, last = sorted({r["stream"] for r in records}), records[-1]["learner"]
        first = next((stream for stream in streams if f'"{stream}"' in text), streams[0])
        Store(tmp_path, folder).folder.mkdir()
        Store(tmp_path, folder).write([r for r in records if r["stream"] == first or r["learner"] == last])
    written = make(figure, experiment, tmp_path)
    assert [path.suffix for path in written] == [".csv", ".pdf", ".png"]


def test_a_table_is_a_row_of_data(tmp_path):
    """A metric of the table's own stands beside those of every table: here of seeds 0 and 1, four and six."""
    records = records_of("split_digits", lambda r: (r["stream"], r["learner"]) == ("split_digits", "ncm"))
    toy = Table("tab_toy", "A toy.", "acc,toy", measures=(each(lambda record: {"toy": 4 + 2 * record["seed"]}),))
    written = tables.write(toy, records, tmp_path)
    assert [path.name for path in written] == ["tab_toy.csv", "tab_toy.md"]
    head, _, row = written[1].read_text().splitlines()[:3]
    assert [cell.strip() for cell in head.split("|")][1:-1] == ["stream", "learner", "seeds", "acc", "toy"]
    assert [cell.strip() for cell in row.split("|")][1:4] == ["split_digits", "ncm", "2"]
    assert row.split("|")[5].strip().startswith("5 [")


def test_beside_a_stream_stands_what_the_same_samples_reach_when_shuffled(tmp_path):
    records = records_of("split_digits", lambda r: r["learner"] == "ncm" and not r["stream"].endswith("_5"))
    toy = Table("tab_toy", "A toy.", "acc,offline_acc", offline=True, more=lambda folder: [])
    shown = tables.rows(toy, records, tmp_path)
    assert {row.stream for row in shown} == {"split_digits"}
    shuffled = [100 * np.mean(r["probe_accuracy"][-1]) for r in records if r["stream"] == "split_digits_iid"]
    (offline,) = [row.mean for row in shown if row.metric == "offline_acc"]
    assert offline == pytest.approx(np.mean(shuffled), abs=1)  # classes differ a little in number


def test_learners_come_in_the_order_of_readers_and_unknown_ones_behind_them():
    found = learners({"learner": name} for name in ("zeta", "parallax", "bpc", "er", "pcn", "alpha", "backprop"))
    assert list(found) == ["backprop", "pcn", "er", "parallax", "alpha", "bpc", "zeta"]
    assert (found["er"], found["bpc"], found["zeta"]) == ("replay, backpropagation", "bpc", "zeta")


def test_what_is_missing_is_said_in_one_line(capsys):
    assert available("fig", "stream", "abc", {"c", "a", "d"}) == ["a", "c"]
    assert capsys.readouterr().err == "fig is drawn without stream b: no records\n"
    assert available("fig", "stream", "ac", "abc") == ["a", "c"]
    assert capsys.readouterr().err == ""
    with pytest.raises(NoResults, match="no stream of a, b among the records"):
        available("fig", "stream", "ab", "c")


def test_a_legend_says_how_many_diverged():
    runs = [{"status": "ok"}] * 9 + [{"status": "diverged at step 3"}]
    assert marked("pcn", runs) == "pcn (1 of 10 diverged)"
    assert marked("pcn", runs[:9]) == "pcn"
