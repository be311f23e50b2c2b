"""The examples of docs/extending.md, as they are typed there: no file of the package is edited."""

import re
import shlex
import shutil
from pathlib import Path

import forked
import pytest

from pcl.evaluation.summary import setting_text
from pcl.runner.store import Store

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
TUTORIAL = (ROOT / "docs/tutorials/own_learner.md").read_text(encoding="utf-8")  # test_executed.py runs it
NAMES = sorted(path.name for path in EXAMPLES.glob("own_*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_each_example_as_it_is(name):
    blocks = dict(re.findall(r"<!-- from examples/(\S+) -->\n```python\n(.*?)```\n", PAGE, re.DOTALL))
    blocks |= dict(re.findall(r'```python title="(own_learner.py)"\n(.*?)```\n', TUTORIAL, re.DOTALL))
    assert blocks[name] == (EXAMPLES / name).read_text(encoding="utf-8")


def test_a_learner_takes_sixty_lines_at_most():
    assert len((EXAMPLES / "own_learner.py").read_text().splitlines()) <= 60


@pytest.fixture
def typed(tmp_path):
    """Types the commands of a section beside the examples, the last one's errors into `said`; returns the folder."""
    for name in NAMES:
        shutil.copy(EXAMPLES / name, tmp_path)

    def of(section):
        blocks = re.findall(r"```console\n(.*?)```", PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0], re.DOTALL)
        for command in "".join(blocks).splitlines():
            arguments = shlex.split(command.removeprefix("$ pcl "))
            seeds = ["--seeds=1"] if any(name.startswith("--experiment") for name in arguments) else []
            done = forked.run("pcl", *arguments, *seeds, cwd=tmp_path)
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            (tmp_path / "said").write_text(done.stderr, encoding="utf-8")
        return tmp_path

    return of


def lived(folder, experiment):
    """Learner and settings of every run that ended well."""
    records = Store(folder / "results", experiment).records()
    return sorted((r["learner"], setting_text(r["variant"])) for r in records if r["status"] == "ok")


@pytest.mark.slow
def test_own_source(typed):
    assert lived(typed("A source"), "split_digits") == [("ncm", "classes_per_task=1 source=own_source")]


@pytest.mark.slow
def test_own_rule(typed):
    ran = lived(typed("An inference rule"), "smoke/split_digits")
    assert ran == [("pcn", "inference=gd"), ("pcn", "inference=own_rule")]


@pytest.mark.slow
def test_own_sink(typed):
    said = (typed("A sink") / "said").read_text(encoding="utf-8")
    lines = re.findall(r"^pcn split_digits_iid (\d) \w{4} at step (\d+): size (\S+)$", said, re.MULTILINE)
    assert {seed for seed, _, _ in lines} == {"0"}
    assert int(lines[0][1]) == 5
    assert len({size for _, _, size in lines}) == len(lines) > 2  # weights change


@pytest.mark.slow
def test_own_experiment_with_an_own_stream(typed):
    folder = typed("An experiment")
    assert lived(folder, "own_experiment") == [("ncm", "")] * 2 + [("own_learner", "")] * 2
    table = (folder / "results/tables/tab_own.md").read_text(encoding="utf-8")
    assert re.search(r"\| noisy +\| own_learner +\| 1 ", table)
    assert "fading means" in (folder / "results/figures/fig_own.csv").read_text(encoding="utf-8")
