"""What the pages say is so: their code runs, their commands are accepted, their numbers stand in the tables."""

import csv
import functools
import importlib
import importlib.util
import itertools
import os
import re
import shlex
import shutil
from pathlib import Path

import forked
import pytest

from pcl import __version__, learners, outside, streams
from pcl.commands import COMMANDS
from pcl.experiment import experiment_names, load_experiment
from pcl.fields import fields
from pcl.network.rules import RULES
from pcl.runner.store import Store
from pcl.streams.sources import SOURCES
from scripts.site import pages, records

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Pages whose Python other tests execute, or compare with files that they execute.
ELSEWHERE = {
    "live.md": "tests/life/test_page.py",
    "own_data.md": "tests/streams/test_own_data.py",
    "network.md": "tests/test_network_examples.py",
    "extending.md": "tests/test_examples.py",
}
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^(?:\$ )?((?:pcl |python -m |\./scripts/).*)$", re.MULTILINE)


def commands():
    """Each line that a page shows to be typed, with its page."""
    found = []
    for name, text in {**PAGES, "README.md": README}.items():
        for kind, block in FENCED.findall(text):
            found += [(name, line) for line in COMMAND.findall(block) if kind in ("", "console")]
    return found


def test_the_quickstart_names_the_versions_that_are_installed():
    python, newest, before = re.search(
        r"Python ([\d.]+) or newer.*?JAX ([\d.]+) or newer \(below ([\d.]+)\)", PAGES["quickstart.md"], re.DOTALL
    ).groups()
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert f'"jax>={newest},<{before}"' in setup
    assert f'python_requires=">={python}"' in setup


def test_python_of_other_pages_is_executed_elsewhere():
    for name, test in ELSEWHERE.items():
        assert name in (ROOT / test).read_text(encoding="utf-8")
    assert {name for name, text in PAGES.items() if PYTHON.findall(text)} - set(ELSEWHERE) == {
        "quickstart.md",
        "mathematics.md",
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quickstart.md", "mathematics.md"])
def test_python_runs_as_it_is_printed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = PYTHON.findall(PAGES[name])
    assert blocks
    exec(compile("".join(blocks), name, "exec"), {})


def test_a_learner_of_ones_own_is_registered_as_the_page_says(tmp_path, monkeypatch):
    (block,) = (block for block in PYTHON.findall(PAGES["extending.md"]) if "my_package" in block)
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(DOCS / "examples/own_learner.py", package / "my_learner.py")
    monkeypatch.syspath_prepend(tmp_path)
    names: dict = {}
    try:
        exec(compile(block, "extending.md", "exec"), names)
        assert names["learner"].name == "my_learner"
    finally:
        del learners.REGISTRY["my_learner"]


def module_of(words):
    """The module of a command line, and its arguments."""
    if words[0] == "pcl":
        if len(words) > 1 and not words[1].startswith("-"):
            return COMMANDS[words[1]], words[2:]
        return COMMANDS["run"], words[1:]
    if words[2] == "pcl":
        return COMMANDS[words[3]], words[4:]
    return ("pcl.cli.run" if words[2] == "experiments.run" else words[2]), words[3:]


def test_there_are_commands_and_each_is_one_that_exists():
    found = commands()
    assert len(found) > 30
    for page, line in found:
        words = shlex.split(line, comments=True)
        if words[0].startswith("./"):
            assert os.access(ROOT / words[0], os.X_OK), (page, line)
            continue
        module, arguments = module_of(words)
        for flag in re.findall(r"^--(\w+)", "\n".join(arguments), re.MULTILINE):
            assert flag in {"help", outside.FLAG, *defined(module)}, (page, line, flag)
        check_names(page, arguments)


@functools.cache
def defined(module):
    """Flags of a command: those that its file defines, and the files of this project that it imports."""
    waiting, seen, found = [module], set(), set()
    while waiting:
        name = waiting.pop()
        path = ROOT / (name.removeprefix("pcl.") if name.startswith("pcl.scripts") else name).replace(".", "/")
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if path in seen or not path.exists():
            continue
        seen.add(path)
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"""(?:DEFINE\w*\(\s*(?:\w+, )?|folder_flag\(\s*)"(\w+)\"""", text))
        for package, names in re.findall(r"^from ((?:pcl|scripts)[\w.]*) import (.*)$", text, re.MULTILINE):
            waiting += [package, *(f"{package}.{name.strip(' ()')}" for name in names.split(","))]
    return found


def check_names(page, arguments):
    """Experiments, learners, streams and settings of a command line are there, or made by files that it names."""
    said = [word.partition("=")[::2] for word in arguments if word.startswith("--")]
    given = dict(said)
    own = {"own_learner", "own_stream", "own_source", "own_rule", "own_experiment", "iris", "my_learners", "mine"}
    experiment = given.get("experiment", "")
    assert not experiment or experiment in experiment_names() or Path(experiment).stem in own, (page, experiment)
    for name in filter(None, given.get("learners", "").split(",")):
        assert name in learners.REGISTRY or name in own, (page, name)
    if experiment in experiment_names():
        assert set(filter(None, given.get("streams", "").split(","))) <= set(load_experiment(experiment).streams), page
    everything = {*learners.REGISTRY, *streams.REGISTRY, *SOURCES, *RULES, *experiment_names(), *own, "source_options"}
    assert given.get("describe", "pcn") in everything, page
    known = {name for entry in learners.REGISTRY.values() for name in fields(entry.hparams)}
    known |= {name for entry in streams.REGISTRY.values() for name in fields(entry.config)}
    known |= {"forget", "probe_on", "charge"}
    for word, value in itertools.pairwise([*arguments, ""]):
        if word in ("--set", "--zip"):
            assert value.partition("=")[0] in known, (page, value)


RUN = [
    (page, line)
    for page, line in commands()
    if page in ("ewc.md", "backpropagation.md", "choosing.md", "quickstart.md")
]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "line"), RUN, ids=[f"{page}:{i}" for i, (page, _) in enumerate(RUN)])
def test_lines_of_the_guides_are_accepted_as_they_are_typed(page, line, tmp_path):
    if line == "./scripts/quickstart":
        pytest.skip("it installs the package: CI begins with the same commands")
    words = shlex.split(line.replace("python -m experiments.run", "pcl"))
    # The plan of a twin: for a whole one, each program is compiled to measure its memory.
    dry = [] if page == "quickstart.md" else ["--dry_run"]
    small = ["--smoke"] if "--experiment" in line and "--dry_run" in [*words, *dry] else []
    done = forked.run("pcl", *words[1:], *dry, *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("name", ["ewc.md", "backpropagation.md", "reading.md"])
def test_figures_in_prose_stand_in_a_table_that_the_page_links_to(name):
    text = PAGES[name]
    shown = set()
    for table in re.findall(r"\.\./(results/tables/\w+)\.md", text):
        for row in csv.DictReader((ROOT / f"{table}.csv").open(encoding="utf-8")):
            shown |= {f"{float(row[key]):.1f}" for key in ("mean", "low", "high") if row[key]}
    prose = re.sub(
        r"## What the literature finds.*?(?=^## )|\(\S+?\)|arXiv:\S+?\]|doi:\S+?\]", "", text, flags=re.S | re.M
    )
    numbers = re.findall(r"(?<![\d.,])[1-9]\d*\.\d+(?!\d)", prose)
    assert numbers
    assert [number for number in numbers if number not in shown] == []


def test_each_function_of_the_mathematics_exists():
    named = re.findall(r"`(pcl\.network\.[\w.]+|pcl\.synapses\.[\w.]+)`", PAGES["mathematics.md"])
    assert len(set(named)) > 40
    for name in named:
        parts = name.split(".")
        module = next(".".join(parts[:n]) for n in range(len(parts), 0, -1) if importable(".".join(parts[:n])))
        found = importlib.import_module(module)
        for attribute in parts[len(module.split(".")) :]:
            found = getattr(found, attribute)
        assert callable(found), name


def importable(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_questions_are_numbered_and_each_names_its_page():
    lines = [line for line in PAGES["questions.md"].splitlines() if re.match(r"\d", line)]
    asked = [re.fullmatch(r"(\d+)\. \[(?:… )?.+\?\]\(([\w./]+)(?:#[\w-]+)?\)", line) for line in lines]
    assert [int(found[1]) for found in asked] == list(range(1, len(lines) + 1))
    assert len(lines) > 30
    assert {found[2] for found in asked} <= {*PAGES, "sweeps.md", "tutorials/results.md"}


def test_systems_are_those_of_the_installation_and_of_the_records():
    said = PAGES["requirements.md"]
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    (python,) = re.findall(r"\| Python \| ([\d.]+) or newer", said)
    newest, before = re.search(r"\| JAX \| ([\d.]+) or newer, below ([\d.]+) \|", said).groups()
    assert f'python_requires=">={python}"' in setup
    assert f'"jax>={newest},<{before}"' in setup
    assert f"jax[cuda{re.search(r'CUDA ([0-9]+)', said)[1]}]" in setup
    machines = {machine for name in experiment_names() for machine in records.total(name).machines}
    assert machines == {f"x86_64, {cores} cores, CPU" for cores in (2, 16)}, (
        "the page names the machines of the records"
    )


def test_the_version_to_cite_is_this_one():
    assert f"version = {{{__version__}}}" in PAGES["help.md"]
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_what_runs_took_is_what_their_records_say():
    total, rows = records.total("split_digits"), Store(ROOT / "results", "split_digits").records()
    shares = sum(row["timing"]["run_s"] / row["provenance"]["width"] for row in rows)
    assert total.runs == 120
    assert total.machines == ("x86_64, 2 cores, CPU",)
    assert total.seconds == pytest.approx(shares + sum({row["timing"]["compile_s"] for row in rows}))
    assert [records.Total(1, seconds, ()).time for seconds in (3, 600, 9000)] == ["1 min", "10 min", "2.5 h"]
    assert records.total("no_such_experiment") == records.Total(0, 0, ())


def test_the_time_of_all_experiments_is_that_of_the_records():
    (hours,) = re.findall(r"together took about (\d+) hours", PAGES["requirements.md"])
    found = sum(records.total(name).seconds for name in experiment_names()) / 3600
    assert float(hours) == pytest.approx(found, rel=0.15), f"the records took {found:.1f} hours"


def test_what_is_told_are_the_learners_that_say_so():
    (told,) = re.findall(r"Told are\s(.+?)\.", PAGES["reading.md"], re.DOTALL)
    assert set(re.findall(r"`(\w+)`", told)) == {name for name, entry in learners.REGISTRY.items() if entry.told}


@pytest.mark.parametrize("folder", ["learners", "streams", "sources", "rules", "metrics"])
def test_every_entry_has_a_note_with_its_equation_and_its_use(folder):
    found = {name: pages.note(folder, name) for name in pages.kinds()[folder].entries}
    assert [name for name, note in found.items() if not note] == [], f"docs/notes/{folder}.md has no section on these"
    for name in found:
        if folder != "sources":
            assert re.search(r"^\$\$.+?\$\$$", found[name], re.MULTILINE | re.DOTALL), name
        if folder != "metrics":
            assert found[name].count("**Use it**") == found[name].count("**Not**") == 1, name


def test_what_notes_call_a_function_is_one_of_the_evaluation():
    named = re.findall(r"Functions?:\s+`(\w+)`", (DOCS / "notes/metrics.md").read_text(encoding="utf-8"))
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pcl/evaluation").glob("*.py"))
    assert len(named) > 20
    assert [name for name in named if f"def {name}(" not in text] == []


@pytest.mark.slow
def test_a_page_of_each_kind_says_what_a_reader_looks_for():
    learner = pages.pages()["reference/learners/rls.md"]
    for said in ("$$", "**Use it**", "## Cost", "state of", "## Settings", "| `ridge` |", "## Numbers", "split_images"):
        assert said in learner, said
    metric = pages.pages()["reference/metrics/forgetting.md"]
    assert "Less is better" in metric
    assert "| split\\_digits | backprop |  | 98.6 \\[97.7, 99.5\\] | 10 |" in metric
    experiment = pages.pages()["reference/experiments/split_digits.md"]
    assert "](results/figures/fig_wall.png)" in experiment
    assert "results/tables/tab_split_digits.md" in experiment
    assert "The 120 published runs took " in experiment


@pytest.mark.slow
def test_every_learner_names_a_paper():
    made = pages.pages()
    for name in learners.REGISTRY:
        assert re.search(r"https://(doi|arxiv)\.org/", made[f"reference/learners/{name}.md"]), name


@pytest.mark.slow
def test_every_page_of_a_rule_shows_how_fast_rules_are():
    assert "](results/figures/fig_equilibrium.png)" in pages.pages()["reference/rules/gd.md"]


def test_a_section_becomes_a_page_whose_headings_are_one_level_higher(tmp_path, monkeypatch):
    (tmp_path / "file.md").write_text("# F\n\n## One\n\nText.\n\n### Part\n\n## Two\n\nMore.\n")
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    assert pages.section("file.md", "One") == "# One\n\nText.\n\n## Part\n\n"


WORDS = (
    "parallax", "sensory code", "told", "settle", "conjugate synapse", "clamped", "nudged", "gate", "belief",
    "reopening", "context", "sensor", "names", "window", "sleep", "surprise", "workspace", "charging", "probe",
    "precision",
)  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_the_glossary_has_our_words_with_those_of_the_field(word):
    rows = [line.split("|")[1:4] for line in PAGES["glossary.md"].splitlines() if line.startswith("| ")]
    (row,) = [row for row in rows if word in [said.strip() for said in row[0].split(",")]]
    assert row[1].strip()
    assert "](" in row[2]


def test_a_page_that_the_navigation_does_not_name_stands_on_the_first_page(tmp_path, monkeypatch):
    assert pages.more() == ""
    (tmp_path / "docs/site").mkdir(parents=True)
    shutil.copy(DOCS / "site/mkdocs.yml", tmp_path / "docs/site")
    for name, title in (("live.md", "Live"), ("new.md", "Something new")):
        (tmp_path / "docs" / name).write_text(f"# {title}\n")
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    assert pages.more() == "\nMore guides: [Something new](new.md).\n"
