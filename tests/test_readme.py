"""The README tells the truth: its code runs, its commands exist, its numbers are in the results."""

import csv
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.slow
def test_the_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    exec(compile(code, "README.md", "exec"), {})
    assert "after the last task: 0." in capsys.readouterr().out


def test_the_tables_are_those_of_the_results():
    tables = re.findall(r"<!-- from (.*?) -->\n(.*?)<!-- end -->", README, re.DOTALL)
    assert tables
    for path, table in tables:
        assert table == (ROOT / path).read_text()


def test_the_commands_links_and_images_exist():
    for path in re.findall(r"^(\./scripts/\w+)", README, re.MULTILINE):
        assert os.access(ROOT / path, os.X_OK)
    for path in re.findall(r"\]\((?!http)(.*?)\)", README):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"--experiment=(\w+)", README):
        assert (ROOT / "experiments" / f"{name}.py").is_file()


def test_figures_in_the_findings_stand_in_the_tables_that_their_section_links_to():
    sections = re.split(r"^## ", (ROOT / "docs" / "findings.md").read_text(), flags=re.MULTILINE)[1:]
    known = {name for section in sections for name in section.partition("\n")[0].split(", ")}
    published = {path.stem for path in (ROOT / "experiments").glob("*.py")} - {"__init__", "run", "pc_conv"}
    assert known == published
    for section in sections:
        shown = set()
        for table in re.findall(r"\.\./(results/tables/\w+)\.md", section):
            shown |= set(re.findall(r"\d+\.\d+", (ROOT / f"{table}.md").read_text()))
            for row in csv.DictReader((ROOT / f"{table}.csv").open()):
                shown |= {f"{float(row[key]):.1f}" for key in ("mean", "low", "high") if row[key]}
        prose = re.sub(r"\(\.\..*?\)|arXiv:\S+|doi:\S+", "", section)
        numbers = re.findall(r"(?<![\d.,])[1-9]\d*\.\d+(?!\d| points| MB)", prose)
        assert [number for number in numbers if number not in shown] == []
