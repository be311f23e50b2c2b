"""The README tells the truth: its code runs, its commands exist, its numbers are in the results."""

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
