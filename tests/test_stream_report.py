"""The report over committed records: what it holds, that it needs no network, and what it refuses."""

import csv
import html
import json
import re
from pathlib import Path

import forked
import numpy as np
import pytest

from pcl.errors import UsageError
from pcl.evaluation.summary import measure
from pcl.figures import page, report
from pcl.figures.panels import PANELS
from pcl.figures.report import measured
from pcl.runner.cells import select

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
EVERYWHERE = {"Online accuracy"}
CELLS = {
    "split_digits:split_digits:pcn": {"Accuracy of each task", "Retention by age", "Samples to learn", "Surprise"},
    "recurring_contexts:contexts_invisible:er": {"Savings", "Back in a known context", "Reaction to a shift"},
    "electricity:electricity:pcn": {"Surprise"},
}


@pytest.fixture(scope="module", params=CELLS)
def written(request, tmp_path_factory):
    runs = select(RESULTS, [request.param])
    return request.param, runs, report.write(runs, tmp_path_factory.mktemp("out"), "the command")


@pytest.mark.slow
def test_the_page_holds_what_the_records_have(written):
    cell, runs, files = written
    assert [file.suffix for file in files] == [".html", ".pdf", ".png", ".csv"]
    text = files[0].read_text()
    shown = set(re.findall(r'<img alt="([^"]+)"', text))
    assert CELLS[cell] | EVERYWHERE <= shown <= {panel.name for panel in PANELS}
    if cell.startswith("electricity"):
        assert "Accuracy of each task" not in shown
    for run in runs:
        assert run["run_id"] in text
    assert runs[0]["provenance"]["commit"] in text
    assert f"--streams={runs[0]['stream']} --learners={runs[0]['learner']} --seeds={len(runs)}" in text


@pytest.mark.slow
def test_numbers_are_those_of_the_metrics(written):
    _, runs, files = written
    text, values = files[0].read_text(), [measure(run) for run in runs]
    for name in ("acc", "forgetting", "prequential_acc", "revisit_acc"):
        wanted = np.mean([value.get(name, np.nan) for value in values])
        cell = re.search(rf'<td>{name}</td><td class="number">(-?[\d.]+)', text)
        assert bool(cell) == bool(np.isfinite(wanted)), name
        assert not cell or float(cell[1]) == pytest.approx(wanted, abs=0.05), name  # one decimal is shown
    assert f">{runs[0]['state_bytes']:,}<" in text


@pytest.mark.slow
def test_drawn_numbers_lie_beside_the_page(written):
    _, runs, files = written
    with open(files[-1], newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"panel", "series", "x", "mean", "low", "high"}
    last = [row for row in rows if row["series"] == "prequential"][-1]
    assert float(last["x"]) == runs[0]["steps"]
    if len(runs[0]["probe_steps"]):
        final = [row for row in rows if row["series"] == "mean of all tasks"]
        final = [row for row in final if row["panel"] == "Accuracy of each task"][-1]
        # Tasks end together or hold equally many groups, so that their mean is ACC; CSV has six digits.
        assert float(final["mean"]) == pytest.approx(np.mean([measure(run)["acc"] for run in runs]), rel=1e-5)


@pytest.mark.slow
def test_the_page_needs_no_network_and_no_script(written):
    text = written[2][0].read_text()
    assert not re.search(r"https?://|//\w|<script|<link|@import|url\(", re.sub(r"base64,[\w+/=]+", "", text))
    assert set(re.findall(r'src="([^",]+)', text)) == {"data:image/svg+xml;base64"}


@pytest.mark.slow
def test_a_report_is_the_same_bytes_again(tmp_path):
    runs = select(RESULTS, ["electricity:electricity:ncm"])
    first, second = (report.write(runs, tmp_path / name, "the command") for name in "ab")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_random_labels_have_their_bits_and_retention():
    numbers = measured(select(RESULTS, ["load:load_noise:ncm"]))
    runs = select(RESULTS, ["load:load_noise:ncm"])
    assert numbers["bits_held"][0] == pytest.approx(np.mean([measure(run)["bits_held"] for run in runs]))
    assert "false_alarms" not in numbers  # class means have no surprise


def test_everything_is_escaped():
    text = page.document("<b>&", "a < b", [page.table(("<i>",), [('"<script>"',)]), page.preformatted("x > y")])
    assert "<script>" not in text
    assert "<i>" not in text
    assert html.escape('"<script>"') in text
    assert "x &gt; y" in text


def test_runs_are_chosen_by_cell_by_variant_and_by_id():
    cell = select(RESULTS, ["split_digits:split_digits:pcn"])
    assert [run["seed"] for run in cell] == list(range(10))
    assert {(run["stream"], run["learner"]) for run in cell} == {("split_digits", "pcn")}
    ids = [run["run_id"] for run in cell]
    assert [run["run_id"] for run in select(RESULTS, [ids[3], ids[1], ids[1]])] == [ids[1], ids[3]]
    assert len(select(RESULTS, [ids[0], "split_digits:split_digits:pcn"])) == 10
    assert [run["run_id"] for run in select(RESULTS, [ids[2][:14]])] == [ids[2]]
    memory = select(RESULTS, ["split_mnist:split_mnist:er:memory=200"])
    assert {json.loads(run["variant"])["memory"] for run in memory} == {200}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nope:a:b"], "unknown experiment 'nope'; known: ablations, charged"),
        (["load:nope:ncm"], "unknown stream of load 'nope'; known: load_noise"),
        (["load:load_noise:nope"], "unknown learner on load_noise 'nope'; known: backprop, er"),
        (["load:load_noise"], "write experiment:stream:learner"),
        (["split_mnist:split_mnist:er"], "unknown variant of er on split_mnist ''; known: memory=1000, memory=200"),
        (["zzzz"], "no run's id begins with 'zzzz'; write experiment:stream:learner"),
        (["split_digits:split_digits:pcn", "split_digits:split_digits:ncm"], "name runs of one learner"),
    ],
)
def test_names_that_fit_nothing_or_too_much_are_refused(names, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        select(RESULTS, names)


def test_an_empty_prefix_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(UsageError, match="begins the ids of"):
        select(RESULTS, ["a"])
    with pytest.raises(UsageError, match="no results in"):
        select(tmp_path, ["a:b:c"])


@pytest.mark.slow
def test_the_command_says_what_was_wrong_in_one_line():
    done = forked.run("scripts.stream_report", "load:load_noise:ncm", "--out=setup.py/reports")
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write to setup.py/reports")
    assert done.stderr.count("\n") == 1
