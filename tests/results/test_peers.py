"""The table of other libraries: it comes back from its data, every cell has a source, every speed is a record's."""

import csv
import json
import re
from pathlib import Path, PurePosixPath

import pytest

from scripts.peers import NOT_CHECKED, NOT_FOUND, Cell, Feature, Library, features, libraries
from scripts.peers.check import fault
from scripts.peers.speed import speeds
from scripts.published import make, published
from scripts.site.links import with_tables

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
SAYS = {"yes", "partly", "no", NOT_FOUND, NOT_CHECKED}
PCL, *PEERS = libraries()
MEASURED = ("bench_inference.jsonl", "bench_stream.jsonl", "bench_end_to_end.jsonl")


@pytest.fixture(scope="module")
def rows():
    with open(RESULTS / "tables/tab_peers.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_committed_table_comes_back_byte_for_byte(tmp_path):
    for name in MEASURED:
        (tmp_path / name).write_bytes((RESULTS / name).read_bytes())
    written = make(*published()["tab_peers"], tmp_path)
    assert [path.suffix for path in written] == [".csv", ".md"]
    for path in written:
        assert path.read_bytes() == (RESULTS / "tables" / path.name).read_bytes()


def test_every_cell_of_a_peer_has_a_place_and_a_commit_or_a_date(rows):
    assert len(rows) > len(features()) * len(libraries())
    for row in rows:
        if row["group"] != "Speed" and row["library"] != "pcl" and row["says"] != NOT_CHECKED:
            assert re.search(r"@[0-9a-f]{7} of \d{4}-\d\d-\d\d|\d of \d{4}-\d\d-\d\d", row["source"]), row
    for one in PEERS:
        assert re.fullmatch("[0-9a-f]{40}", one.commit) or one.release["version"] == one.version
        for feature in features():
            cell = one.cell(feature)
            if cell.path or cell.history:
                assert one.url(cell).startswith(("https://github.com/", "https://pypi.org/")), cell
                assert one.commit in one.url(cell) or cell.release
            else:
                assert cell.says in (NOT_FOUND, NOT_CHECKED)
                assert cell.searched or cell.note


def test_cells_are_of_features_that_there_are_and_say_one_of_five_things():
    known = {feature.feature for feature in features()}
    worded = {"tests", "authors", "framework", "licence"}
    for one in (PCL, *PEERS):
        assert set(one.cells) <= known
        assert {cell.says for cell in one.cells.values() if cell.feature not in worded} <= SAYS
        assert all(cell.note for cell in one.cells.values() if cell.says in ("partly", NOT_CHECKED)), one.name


def test_what_pcl_says_of_itself_stands_in_its_files():
    """It answers for every feature, and a "no" alone has no file."""
    assert set(PCL.cells) == {feature.feature for feature in features()}
    for cell in PCL.cells.values():
        if cell.counts:
            texts = [path.read_text(encoding="utf-8") for path in (ROOT / cell.path).rglob("*.py")]
            counted = sum(len(re.findall(cell.counts, text, re.MULTILINE)) for text in texts)
            assert counted > int(cell.says.removeprefix("over ").replace(",", ""))
        elif cell.says not in ("no", NOT_CHECKED):
            assert re.search(cell.has, (ROOT / cell.path).read_text(encoding="utf-8"), re.IGNORECASE), cell


def test_pcl_reports_no_gpu_as_long_as_its_records_have_none():
    devices = {
        json.loads(line)["device"] for p in RESULTS.glob("bench_*.jsonl") for line in p.open() if '"device"' in line
    }
    assert (PCL.cells["gpu"].says == "no") == (devices == {"cpu"})


def test_every_speed_is_that_of_its_record_and_its_command(rows):
    lines = {name: (RESULTS / name).read_text(encoding="utf-8").splitlines() for name in MEASURED}
    shown = [row for row in rows if row["group"] == "Speed"]
    found = speeds(RESULTS)
    assert len(found) == len(shown)
    for one, row in zip(found, shown, strict=True):
        record = json.loads(lines[one.file][one.line - 1])
        assert one.value == record[one.field]
        assert float(row["says"].replace(",", "")) == pytest.approx(record[one.field], rel=5e-3)
        assert (row["library"], row["command"]) == (one.name, one.command)
        assert one.name in (record.get("library"), record.get("peer", "pcl").split()[0], "PyTorch loop")
        assert record["commit"].startswith(one.measured.split()[1].rstrip(","))
        module = one.command.split()[2]
        assert module.removeprefix("scripts.bench.") == one.file.removeprefix("bench_").removesuffix(".jsonl")
        for script in re.findall(r"scripts/bench/peers/\w+\.py", one.command):
            assert (ROOT / script).is_file()


def test_of_each_library_the_fastest_case_is_shown():
    records = [json.loads(line) for line in (RESULTS / "bench_inference.jsonl").open()]
    for one in speeds(RESULTS):
        if one.quantity.endswith("fresh weights: fastest rule"):
            same = [r for r in records if (r["library"], r["work"], r["problem"]) == (one.name, "settle", "init")]
            assert one.value == min(r["median_ms"] for r in same if not r["case"].startswith("floor"))


def test_without_a_line_a_feature_was_searched_and_a_group_may_have_one_search():
    feature = Feature("epc", "Networks", "ePC", "epc")
    one = Library("toy", "1", "a/b", "f" * 40, "2026-01-01")
    assert one.cell(feature) == Cell("epc", NOT_FOUND, searched="epc")
    assert one.source(one.cell(feature)) == "/epc/ in a/b@fffffff of 2026-01-01"
    without = Library("toy", "1", "a/b", "f" * 40, "2026-01-01", without={"Networks": "coding"})
    assert without.cell(feature).searched == "coding"


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (Cell("a", "yes", path="x.py", has="class Net"), ""),
        (Cell("a", "yes", path="x.py", has="class Other"), "/class Other/ does not stand in x.py"),
        (Cell("a", "no", path="y.py", has="net"), "there is no y.py"),
        (Cell("a", NOT_FOUND, searched="spiking"), ""),
        (Cell("a", NOT_FOUND, searched="CLASS"), "/CLASS/ is found in x.py"),
        (Cell("a", "1", path=".", counts="^class "), ""),
        (Cell("a", "2", path=".", counts="^class "), "counted 1"),
        (Cell("a", NOT_CHECKED, note="too large"), ""),
    ],
)
def test_a_cell_holds_if_its_place_shows_it(cell, why, tmp_path):
    (tmp_path / "x.py").write_text("class Net:\n    pass\n")
    assert fault(cell, {False: tmp_path}, {"x.py": "class Net:\n    pass\n"}) == why


def test_the_page_shows_the_table_and_links_lead_from_there():
    page = (ROOT / "docs/peers.md").read_text(encoding="utf-8")
    shown = with_tables(page, PurePosixPath("docs/peers.md"))
    assert "](../pcl/network/rules/ipc.py)" in shown
    assert "](../results/bench_stream.jsonl)" in shown
    assert "<!-- table" not in shown
    assert with_tables("<!-- nothing -->", PurePosixPath("docs/peers.md")) == "<!-- nothing -->"


def test_whoever_the_page_praises_has_what_pcl_has_not():
    page = (ROOT / "docs/peers.md").read_text(encoding="utf-8")
    better = page.partition("## Where others are better")[2].partition("## The table")[0]
    praised = [one for one in PEERS if one.name in better]
    assert len(praised) > len(PEERS) / 2
    for one in praised:
        ahead = [name for name, cell in one.cells.items() if cell.says == "yes" and PCL.cells[name].says != "yes"]
        assert ahead, one.name
