"""The page that compares learners: its numbers are those of the records, and a browser shows what is chosen."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from browser import BROWSER, visited

from pcl.evaluation.summary import summarise, task_curves
from pcl.figures import comparison
from pcl.runner.store import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def records():
    return [record for record in Store(ROOT / "results", "split_digits").records() if record["seed"] < 2]


@pytest.fixture(scope="module")
def page(records):
    return comparison.document(records, "Learners on <split> digits", "the command")


def held(page):
    return json.loads(re.search(r'<script type="application/json" id="numbers">(.*?)</script>', page, re.S).group(1))


@pytest.mark.slow
def test_the_numbers_of_the_page_are_those_of_the_records(page, records):
    found = {
        (cell["stream"], cell["learner"], name): values
        for cell in held(page)["cells"]
        for name, values in cell["metrics"].items()
    }
    rows = summarise(records)
    assert len(found) == len(rows) > 100
    for row in rows:
        values = [None if np.isnan(v) else "never" if np.isinf(v) else v for v in (row.mean, row.low, row.high)]
        assert found[row.stream, row.learner, row.metric] == [*values, row.seeds]


def test_the_matrix_is_the_mean_of_each_task_after_each_task(page, records):
    (cell,) = (c for c in held(page)["cells"] if (c["stream"], c["learner"]) == ("split_digits", "pcn"))
    runs = [r for r in records if (r["stream"], r["learner"]) == ("split_digits", "pcn")]
    at = [runs[0]["probe_steps"].index(end) for end in runs[0]["task_ends"]]
    expected = 100 * np.mean([task_curves(run)[at] for run in runs], 0)
    assert cell["matrix"]["steps"] == runs[0]["task_ends"]
    assert cell["matrix"]["tasks"] == ["1", "2", "3", "4", "5"]
    np.testing.assert_allclose(cell["matrix"]["values"], expected, atol=0.005001)
    assert cell["curves"]["probes"]["mean"][-1] == pytest.approx(cell["metrics"]["acc"][0], abs=0.006)


def test_many_tasks_and_steps_are_thinned_to_a_bounded_matrix():
    probes, tasks = np.arange(41), 40
    accuracy = np.tril(np.ones((41, tasks)), -1)  # after task i all of the first i are known
    run = {"probe_steps": probes.tolist(), "task_ends": probes[1:].tolist(), "probe_accuracy": accuracy.tolist()}
    run |= {"group_task": list(range(tasks)), "group_count": [3] * tasks, "visit_start": probes[:-1].tolist()}
    found = comparison.matrix([run])
    assert len(found["steps"]) == len(found["tasks"]) == comparison.ENTRIES
    assert (found["steps"][0], found["steps"][-1]) == (1, 40)
    assert (found["tasks"][0], found["tasks"][-1]) == ("1-3", "39-40")
    assert found["values"][0][0] == 33.33
    assert found["values"][-1] == [100] * comparison.ENTRIES
    assert comparison.matrix([run | {"probe_steps": []}]) is None


def test_the_page_carries_everything_and_escapes_what_it_is_given(page, records):
    assert not re.findall(r"(?:src|href)=|@import|url\(|fetch\(", page)
    assert "<h1>Learners on &lt;split&gt; digits</h1>" in page
    assert len(page) < 1.5e6
    odd = [record | {"stream": "</script><b>"} for record in records[:2]]
    assert comparison.document(odd, "t", "c").count("</script>") == 2


def test_what_has_no_probes_diverged_or_is_never_reached_is_still_shown():
    runs = Store(ROOT / "results", "electricity").records()[:4]
    cells = comparison.numbers([run | {"status": "diverged at step 3"} for run in runs])["cells"]
    assert {cell["diverged"] for cell in cells} == {cell["runs"] for cell in cells}
    assert all(cell["matrix"] is None and "probes" not in cell["curves"] for cell in cells)
    assert comparison._plain(float("inf")) == "never"


# What a reader does, one after the other, and what is shown then; `said` is read from the page.
VISIT = """
<script>
const said = { errors: [] };
window.addEventListener("error", (event) => said.errors.push(event.message));
const all = (what) => [...document.querySelectorAll(what)];
const rows = () => all("#table tbody tr").map((tr) => [...tr.cells].map((td) => td.textContent));
const head = (name) => all("#table th button").find((one) => one.textContent === name);
window.addEventListener("load", () => {
  said.rows = rows().length;
  head("acc").click();
  said.best = rows().map((row) => parseFloat(row[3]));
  said.focus = document.activeElement.textContent;
  said.sort = head("acc").parentNode.getAttribute("aria-sort");
  head("acc").click();
  said.worst = rows().map((row) => parseFloat(row[3]));
  head("state_bytes").click();
  said.smallest = rows()[0][1];
  const filter = document.getElementById("filter");
  filter.value = "iid pcn";
  filter.dispatchEvent(new Event("input"));
  said.filtered = rows().map((row) => row.slice(0, 2).join(" "));
  filter.value = "";
  filter.dispatchEvent(new Event("input"));
  said.lines = document.querySelectorAll("#curves polyline").length;
  said.matrices = document.querySelectorAll("#matrices figure").length;
  document.querySelector("#learners input[value=pcn]").click();
  document.querySelector("#streams input[value=split_digits]").click();
  said.linesLeft = document.querySelectorAll("#curves polyline").length;
  said.matricesLeft = document.querySelectorAll("#matrices figure").length;
  said.rowsLeft = rows().length;
  document.querySelector("#learners button[aria-label='none learners']").click();
  said.none = document.getElementById("count").textContent;
  document.querySelector("#learners button[aria-label='all learners']").click();
  document.getElementById("all").click();
  said.columns = document.querySelectorAll("#table th").length;
  said.odd = all("#curves, #costs, #matrices").some((part) => /NaN|undefined/.test(part.outerHTML));
  said.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  document.body.replaceChildren(JSON.stringify(said));
});
</script>
"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_choosing_sorting_and_filtering_change_what_is_shown(page, tmp_path, width):
    said = visited(page, VISIT, tmp_path, width)
    assert said["errors"] == []
    assert (said["rows"], said["lines"], said["matrices"]) == (12, 12, 12)
    assert said["best"] == sorted(said["best"], reverse=True)
    assert said["worst"] == sorted(said["best"])
    assert len(set(said["best"])) > 5
    assert (said["focus"], said["sort"]) == ("acc", "descending")
    assert said["smallest"] == "ncm"
    assert said["filtered"] == ["split_digits_iid pcn", "split_digits_iid_5 pcn"]
    assert (said["rowsLeft"], said["linesLeft"], said["matricesLeft"]) == (6, 6, 6)
    assert said["none"] == "0 of 12 rows"
    assert said["columns"] == 3 + len(held(page)["metrics"])
    assert not said["odd"]
    assert said["wide"] <= 0
