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
    published = {path.stem for path in (ROOT / "experiments").glob("*.py") if (ROOT / "results" / path.stem).is_dir()}
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


# What README says of results before its first section and in its table of results: text, table, stream, learner,
# settings of the row, metric.
SAID = [
    ("backpropagation (final accuracy 20.2 %)", "split_digits", "split_digits", "backprop", "", "acc"),
    ("predictive coding (20.4 %)", "split_digits", "split_digits", "pcn", "", "acc"),
    ("nearest class mean keeps 90.0 %", "split_digits", "split_digits", "ncm", "", "acc"),
    ("keeps 98.9 %, with fifteen times", "split_digits", "split_digits", "parallax", "", "acc"),
    ("(4.6 MB and 0.3 MB)", "split_digits", "split_digits", "parallax", "", "state_bytes"),
    ("4.6 MB and 0.3 MB", "split_digits", "split_digits", "pcn", "", "state_bytes"),
    ("98.9 | the same shuffled 98.9", "split_digits", "split_digits_iid", "parallax", "", "acc"),
    ("on a code | 99.1 |", "split_images", "split_mnist", "parallax", "atoms=16+24 features=code", "acc"),
    ("| 99 MB |", "split_images", "split_mnist", "parallax", "atoms=16+24 features=code", "state_bytes"),
    ("replay of 1,000 images 91.7", "split_mnist", "split_mnist", "er", "memory=1000", "acc"),
    ("on a code | 84.4 |", "thousand", "omniglot", "parallax", "", "acc_1623"),
    ("`generative` 81.5 | 358 MB", "thousand", "omniglot", "generative", "features=code", "acc_1623"),
    ("| 358 MB |", "thousand", "omniglot", "parallax", "", "state_bytes"),
    ("| 94.2 | replay 80.0", "permuted_mnist", "permuted_mnist", "parallax", "", "acc"),
    ("replay 80.0", "permuted_mnist", "permuted_mnist", "er", "", "acc"),
    ("backpropagation 34.0", "permuted_mnist", "permuted_mnist", "backprop", "", "acc"),
    ("| 93.1 | replay 43.2", "recurring_contexts", "contexts_invisible", "parallax", "", "revisit_acc"),
    ("replay 43.2", "recurring_contexts", "contexts_invisible", "er", "", "revisit_acc"),
    ("| 87.4 | `moving_norm`", "electricity", "electricity", "parallax", "", "prequential_acc"),
    ("`moving_norm` 88.9", "electricity", "electricity", "moving_norm", "", "prequential_acc"),
    (
        "replay of 1,000 images 53.8",
        "online_cifar",
        "split_cifar10_ascending",
        "er",
        "keeps=balanced lr=0.0888 memory=1000 updates=3",
        "acc",
    ),
    ("random forest 85.7", "electricity", "electricity", "adaptive random forest", "", "prequential_acc"),
    ("last label 85.3", "electricity", "electricity", "no change", "", "prequential_acc"),
]


@pytest.mark.parametrize(("text", "table", "stream", "learner", "variant", "metric"), SAID, ids=[s[0] for s in SAID])
def test_numbers_of_the_first_screen_are_those_of_the_records(text, table, stream, learner, variant, metric):
    assert text in " ".join(README.split())
    rows = list(csv.DictReader((ROOT / f"results/tables/tab_{table}.csv").open()))
    found = [r for r in rows if (r["stream"], r["metric"]) == (stream, metric) and r["learner"].startswith(learner)]
    exact = [r for r in found if r["learner"] == learner and r["variant"] == variant] or found
    (value,) = {float(row["mean"]) for row in exact}
    said = f"{value / 1e6:.1f} MB" if value < 1e7 and metric == "state_bytes" else f"{value:.1f}"
    assert (f"{value / 1e6:.0f} MB" if metric == "state_bytes" and value >= 1e7 else said) in text
