"""The site over results: its numbers are those of the files, it needs no network, and a browser sorts and filters."""

import csv
import itertools
import os
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from browser import BROWSER, visited
from html_pages import VOID, HtmlPage

from pcl import experiment
from pcl.errors import NoResults
from pcl.evaluation.catalogue import described, number
from pcl.experiment import Experiment, Figure, StreamSpec, Table
from pcl.figures import site as pages_of
from scripts import published, report_site

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


class Tables(HTMLParser):
    """The cells of the tables of a page, row by row, as texts and attributes; tags that were not closed in order."""

    def __init__(self, path):
        super().__init__()
        self.rows, self.stack, self.faults = [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.faults += self.stack

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append(["", dict(attributes)])
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID and (not self.stack or self.stack.pop() != tag):
            self.faults.append(f"/{tag}")

    def handle_data(self, data):
        if {"th", "td"} & set(self.stack):
            self.rows[-1][-1][0] += data


def lines(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    results = folder / "results"
    shutil.copytree(RESULTS, results, ignore=shutil.ignore_patterns("*.parquet"))
    (results / "made_again").mkdir(exist_ok=True)
    text = "experiment,metric,mean,verdict\ne,acc,12.345678,outside\ne,aaa,nan,equal to the bit\n"
    (results / "made_again/report.csv").write_text(text)
    return report_site.build(results, folder / "out").parent


def made(site):
    """The pages that the site itself makes: comparison pages are copied."""
    return {str(path.relative_to(site)): path for path in site.rglob("*.html") if path.parent != site / "figures"}


@pytest.mark.slow
def test_every_number_of_a_table_is_that_of_its_file(site):
    counted = 0
    for path in sorted((site / "tables").glob("*.html")):
        rows, found = Tables(path).rows, lines(path.with_suffix(".csv"))
        assert found == lines(RESULTS / "tables" / path.with_suffix(".csv").name)
        head = [text for text, _ in rows[0]]
        if "metric" not in found[0]:
            assert [[text for text, _ in row] for row in rows[1:]] == [[one[name] for name in head] for one in found]
            continue
        shown = {}
        for row in rows[1:]:
            cells = {name: cell for name, cell in zip(head, row, strict=True)}
            names = tuple(cells[name][0] if name in cells else "" for name in pages_of.NAMES)
            shown |= {
                (*names, name): cell
                for name, cell in cells.items()
                if described(name).meaning or "data-value" in cell[1]
            }
        for one in found:
            key = tuple(one[name] if name in (*head, "metric") else "" for name in (*pages_of.NAMES, "metric"))
            text, said = shown.pop(key)
            assert said["data-value"] == one["mean"], (path, key)
            mean, low, high = (number(one["metric"], float(one[name])) for name in ("mean", "low", "high"))
            interval = f" [{low}, {high}]" if low not in ("nan", "inf") and described(one["metric"]).varies else ""
            assert text == mean + interval, (path, key)
            counted += 1
        assert {text for text, _ in shown.values()} <= {"-"}, path  # and no number is there besides
    assert counted > 5000


@pytest.mark.slow
def test_every_registered_figure_and_table_that_was_made_is_there_with_its_caption(site):
    text, page = (site / "index.html").read_text(), HtmlPage(site / "index.html")
    for name, (declared, _) in published.published().items():
        kind = "figures" if isinstance(declared, Figure) else "tables"
        if not (RESULTS / kind / f"{name}.csv").exists():
            continue
        assert pages_of.page.text(declared.caption) in text, name
        assert f"{kind}/{name}.csv" in page.links, name
        assert (name in page.ids) if kind == "figures" else (f"tables/{name}.html" in page.links), name
    for path in RESULTS.glob("figures/*.html"):
        assert f"figures/{path.name}" in page.links
    assert {f"studies/{path.parent.name}/trials.html" for path in RESULTS.glob("studies/*/study.json")} <= set(
        page.links
    )
    assert {path.name for path in RESULTS.glob("*.jsonl")} <= set(page.links)
    assert "made_again/report.html" in page.links
    assert "1 equal to the bit, 1 outside" in text


@pytest.mark.slow
def test_pages_are_whole_need_no_network_and_lead_nowhere_dead(site):
    pages = {name: HtmlPage(path) for name, path in made(site).items()}
    assert len(pages) > 25
    for name, page in pages.items():
        assert Tables(site / name).faults == [], name
        for address in (*page.links, *page.loaded):
            assert not re.match(r"\w+:|//", address), (name, address)
            path, anchor = urldefrag(address)
            target = os.path.normpath(os.path.join(os.path.dirname(name), unquote(path))) if path else name
            assert (site / target).is_file(), (name, address)
            assert not anchor or anchor in pages[target].ids, (name, address)
        assert not re.findall(r"@import|url\(|fetch\(|https?://", page.path.read_text()), name
        assert (page.faults, page.language) == ([], "en"), name
        levels = [level for level, _ in page.headings]
        assert levels.count(1) == 1, name
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), name
        assert max(Counter(page.ids).values()) == 1, name
    assert max(Counter(page.title for page in pages.values()).values()) == 1


def test_what_is_registered_later_is_taken_up_and_escaped(tmp_path, monkeypatch):
    mine = Experiment(
        "mine", "", {"s": StreamSpec("split", {})}, {"ncm": {}}, (),
        tables=(Table("tab_mine", "A <new> table.", "acc"),), figures=(Figure("fig_mine", "A <new> figure."),),
    )  # fmt: skip
    monkeypatch.setitem(experiment.OUTSIDE, "mine", mine)
    results = tmp_path / "results"
    for kind in ("tables", "figures"):
        (results / kind).mkdir(parents=True)
    row = "mine,s,l <b>,,acc,50.1234,40,60,3,3,0,,,python\n"
    head = "experiment,stream,learner,variant,metric,mean,low,high,seeds,runs,diverged,commits,jax,command\n"
    (results / "tables/tab_mine.csv").write_text(head + row)
    for suffix in ("png", "csv"):
        (results / f"figures/fig_mine.{suffix}").touch()
    out = report_site.build(results, tmp_path / "out").parent
    index = (out / "index.html").read_text()
    assert "A &lt;new&gt; table." in index
    assert '<figure id="fig_mine">' in index
    text = (out / "tables/tab_mine.html").read_text()
    assert "l &lt;b&gt;" in text
    assert 'data-value="50.1234">50.1 <small>[40.0, 60.0]</small>' in text
    with pytest.raises(NoResults, match="no figures or tables in"):
        report_site.build(tmp_path / "out" / "tables", tmp_path / "other")


def test_no_figure_or_table_is_named_by_the_site():
    parts = [ROOT / "scripts/report_site.py", *(ROOT / "pcl/figures").glob("site.*")]
    assert len(parts) == 4
    assert not [path for path in parts if re.search(r"\b(fig|tab)_[a-z]", path.read_text())]


VISIT = """
<script>
const said = { errors: [] };
window.addEventListener("error", (event) => said.errors.push(event.message));
const table = () => document.querySelector("table.sortable");
const rows = () => [...table().tBodies[0].rows].filter((row) => !row.hidden);
const head = () => [...table().tHead.rows[0].cells];
const column = (name) => head().findIndex((th) => th.textContent === name);
const shown = (name) => rows().map((row) => row.cells[column(name)].textContent);
window.addEventListener("load", () => {
  said.rows = rows().length;
  said.buttons = head().every((th) => th.querySelector("button"));
  said.hidden = head().filter((th) => getComputedStyle(th).display === "none").length;
  for (const name of ["acc", "forgetting", "learner"]) {
    const button = head()[column(name)].querySelector("button");
    button.click();
    said[name] = [head()[column(name)].getAttribute("aria-sort"), shown(name)];
    button.click();
    said[`${name} again`] = [head()[column(name)].getAttribute("aria-sort"), shown(name)];
  }
  const filter = document.querySelector("input[type=search]");
  filter.value = "iid_5 Parallax";
  filter.dispatchEvent(new Event("input"));
  said.filtered = shown("learner");
  said.count = document.querySelector("[role=status]").textContent;
  filter.value = "";
  filter.dispatchEvent(new Event("input"));
  document.querySelector("input[type=checkbox]").click();
  said.left = head().filter((th) => getComputedStyle(th).display === "none").length;
  const ground = () => getComputedStyle(document.body).backgroundColor;
  const button = document.querySelector("header > button");
  said.grounds = [ground(), button.textContent];
  button.click();
  said.grounds.push(ground(), button.textContent);
  said.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  document.body.replaceChildren(JSON.stringify(said));
});
</script>
"""


def leading(texts):
    """The numbers that texts begin with, and how many have none, which are the last ones."""
    known = [text for text in texts if text != "-"]
    assert texts[: len(known)] == known
    return [float(text.split()[0]) for text in known]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_in_a_browser_rows_are_sorted_and_filtered_and_colours_switched(site, tmp_path, width, dark):
    said = visited((site / "tables/tab_split_digits.html").read_text(), VISIT, tmp_path, width, dark)
    assert said["errors"] == []
    assert (said["rows"], said["buttons"]) == (12, True)
    for name, best in (("acc", "descending"), ("forgetting", "ascending")):
        for key, direction in ((name, best), (f"{name} again", {"descending": "ascending"}.get(best, "descending"))):
            assert said[key][0] == direction
            numbers = leading(said[key][1])
            assert numbers == sorted(numbers, reverse=direction == "descending")
            assert len(set(numbers)) > 3
    assert len(leading(said["forgetting"][1])) == 4  # others have none
    assert said["learner again"] == ["descending", sorted(said["learner"][1], reverse=True)]
    assert said["filtered"] == ["parallax"]
    assert said["count"] == "1 of 12 rows"
    assert said["hidden"] > 3
    assert said["left"] == 0
    light, night = ("rgb(255, 255, 255)", "Dark colours"), ("rgb(22, 24, 27)", "Light colours")
    assert said["grounds"] == ([*night, *light] if dark else [*light, *night])
    assert said["wide"] <= 0


FIRST = VISIT[: VISIT.index("  said.buttons")] + VISIT[VISIT.index("  said.wide") :]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_the_first_page_fits_a_phone(site, tmp_path):
    shutil.copytree(site, tmp_path / "site")
    said = visited((site / "index.html").read_text(), FIRST, tmp_path / "site", 390)
    assert said["errors"] == []
    assert said["rows"] == len(list((site / "tables").glob("*.html")))
    assert said["wide"] <= 0
