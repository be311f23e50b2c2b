"""What is registered from outside is like what is built in; what cannot be is refused in one line."""

import json
import shutil
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from written import record

from pcl import experiment, learners, network, outside, sources, streams
from pcl.cli import run as run_command
from pcl.cli.listing import description, listing
from pcl.errors import UsageError
from pcl.evaluation.summary import summarise
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.fields import canonical, fields
from pcl.registry import OUTSIDE, declared
from pcl.runner.sweep import resolve, static_groups
from pcl.types import Batch, Spec

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
REGISTRIES = (learners.REGISTRY, streams.REGISTRY, sources.SOURCES, network.rules.RULES)
KEPT = (OUTSIDE, experiment.OUTSIDE, outside.IMPORTED)
TWO = Experiment(
    "two", "", {"own": StreamSpec("own_stream", {}), "split": StreamSpec("split", {})}, {"own_learner": {}}, (Arm(),)
)


def forget():
    """Everything from outside."""
    for registry in REGISTRIES:
        for name in list(registry.code):
            del registry[name]
    for kept in (*KEPT, outside._registered):
        kept.clear()
    for name in [name for name in sys.modules if name.startswith("imported.")]:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder where the command line is typed, with the examples; nothing is known from outside."""
    for path in EXAMPLES.glob("own_*.py"):
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    forget()
    yield tmp_path
    forget()


def run(learner="own_learner", stream="own", **settings):
    """The run of a learner and a stream with seed 0."""
    cell = {name: str(value) for name, value in settings.items()}
    return resolve(TWO, [cell], [learner], [stream], seeds=1)[0]


def test_files_are_registered_by_what_they_end_in(folder):
    outside.bring([f"own_{kind}.py" for kind in ("learner", "stream", "source", "rule", "experiment")])
    for registry, kind in zip(REGISTRIES, ("learner", "stream", "source", "rule"), strict=True):
        assert list(registry)[-1] == f"own_{kind}"  # behind those of the package
    assert experiment.load_experiment("own_experiment").claim.startswith("Label noise")
    said = {name: text for name, _, text in (line.strip().partition(" ") for line in listing().splitlines())}
    assert {name: text.strip() for name, text in said.items() if name.startswith("own_")} == {
        "own_experiment": "Label noise: a mean that forgets follows noisy labels, one that does not averages them.",
        "own_learner": "fading class means (forget=0.05)",
        "own_stream": "a shuffled source with noisy labels (source=digits*, noise=0.2*, batch=10*)",
        "own_source": "2,000 points on two half circles, 2 features, 2 classes",
        "own_rule": "local; weights learn after inference, from the settled activities; fixed, gradient, saturation",
    }


def test_choices_follow_the_registries(folder):
    outside.bring(["own_rule.py", "own_source.py"])
    choices = {name: fields(entry.config)["source"].metadata["choices"] for name, entry in streams.REGISTRY.items()
               if "source" in fields(entry.config)}  # fmt: skip
    assert set(choices) == {"class_contexts", "contexts", "input_permuted", "load", "recorded", "sequence", "split"}
    assert all("own_source" in some and "own_source" in list(some) for some in choices.values())
    assert [*choices["load"]] == ["noise", *sources.SOURCES]
    assert len(choices["load"]) == len(sources.SOURCES) + 1
    assert run("pcn", "split", inference="own_rule").hp.inference == "own_rule"
    stream, data = streams.make("split", source="own_source", classes_per_task=1)
    assert (stream.spec.input_shape, stream.spec.num_labels, data["x"].shape) == ((2,), 2, (1600, 2))


def test_every_setting_is_described(folder):
    outside.bring(["own_learner.py", "own_stream.py", "own_source.py", "own_rule.py", "own_experiment.py"])
    text = description("own_learner") + "\n" + description("own_stream")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "learner own_learner"
    assert "learning: local; not told tasks" in lines
    assert "forget 0.05 0 to 1 traced weight of a new sample of a class in the mean of that class" in lines
    assert "batch 10 1 to inf static samples per step" in lines
    assert "samples: 2, 2 classes, without an order" in description("own_source")
    assert "halts: fixed, gradient, saturation" in description("own_rule")
    assert "runs: own_learner, ncm on clean, noisy with 3 seeds" in description("own_experiment")
    inference = next(line for line in description("pcn").splitlines() if line.startswith("inference "))
    assert f"{', '.join(network.rules.RULES)}  static" in inference
    with pytest.raises(UsageError, match="experiment, learner, stream, source, rule or sink 'nothing'; known: "):
        description("nothing")


def test_runs_of_what_is_built_in_keep_their_identity(folder):
    before = run("pcn", "split")
    outside.bring(["own_learner.py", "own_stream.py", "own_rule.py"])
    assert run("pcn", "split").run_id == before.run_id
    assert "code" not in before.identity


def test_code_from_outside_is_part_of_the_identity(folder):
    names = ["own_learner.py", "own_stream.py", "own_rule.py"]
    outside.bring(names)
    first = run()
    assert set(first.identity["code"]) == {"learner own_learner", "stream own_stream"}
    rule = run("pcn", "split", inference="own_rule")
    assert set(rule.identity["code"]) == {"rule own_rule"}
    learner = folder / "own_learner.py"
    learner.write_text(learner.read_text() + "# edited\n")
    forget()
    outside.bring(names)
    assert run().run_id != first.run_id
    assert run("pcn", "split", inference="own_rule").run_id == rule.run_id
    assert run("ncm").identity["code"] == {"stream own_stream": first.identity["code"]["stream own_stream"]}
    assert len(static_groups([run(), run(forget=0.5), run("ncm")])) == 2


def test_what_stands_beside_a_file_and_is_imported_is_part_of_its_code(folder):
    helper, learner = folder / "beside_own_learner.py", folder / "own_learner.py"
    learner.write_text("import beside_own_learner\nimport json\n" + learner.read_text())
    ids = set()
    for text in ("RATE = 1\n", "RATE = 2\n", "RATE = 1\n"):
        helper.write_text(text)
        forget()
        sys.modules.pop("beside_own_learner", None)
        outside.bring(["own_learner.py"])
        ids.add(run("own_learner", "split").run_id)
    assert len(ids) == 2
    (folder / "apart.py").write_text("RATE = 3\n")  # it is not imported
    forget()
    outside.bring(["own_learner.py"])
    assert run("own_learner", "split").run_id in ids


def test_an_entry_of_no_file_makes_no_records(folder):
    outside.bring(["own_stream.py"])
    scope = {"entry": learners.REGISTRY["ncm"]}
    exec("made = entry._replace(make=lambda spec: entry.make(spec))", scope)
    learners.register(scope["made"], "typed")
    with pytest.raises(UsageError, match="learner typed is in no file: put it into one"):
        _ = run("typed").run_id
    with pytest.raises(UsageError, match=r"a learner without a name: write register\(entry, name='…'\)"):
        learners.register(scope["made"])
    with pytest.raises(UsageError, match="'my learner' is no name: use letters, digits and underscores"):
        learners.register(scope["made"], "my learner")


def test_labels_and_experiments_are_known_without_jax(folder):
    outside.show(["own_learner.py", "own_experiment.py"])
    assert declared("pcl.learners", "label")["own_learner"] == "fading means"
    assert "own_experiment" in experiment.experiment_names()
    assert "own_learner" not in learners.REGISTRY
    assert "imported.own_learner" not in sys.modules


def test_tables_say_what_to_import(folder):
    outside.bring(["own_learner.py", "own_stream.py"])
    assert outside.brought() == {"imported": "own_learner.py,own_stream.py"}
    versions = json.dumps({"jax": "0.10.2"} | outside.brought())
    provenance = record()["provenance"] | {"versions": versions}
    row = summarise([record(learner="own_learner", provenance=provenance)])[0]
    named = "--import=own_learner.py,own_stream.py --experiment=twin --streams=split --learners=own_learner --seeds=1"
    assert row.command.endswith(named)


def test_devices_are_configured_before_code_of_the_user_is_imported(monkeypatch):
    done = []

    def brought(names):
        done.append("import")
        raise UsageError("stop here")

    monkeypatch.setattr(run_command.devices, "configure", lambda: done.append("configure"))
    monkeypatch.setattr(run_command, "lay_out", lambda: done.append("lay out"))
    monkeypatch.setattr(run_command.outside, "bring", brought)
    with pytest.raises(UsageError, match="stop here"):
        run_command.main()
    assert done == ["configure", "lay out", "import"]


def test_a_module_is_brought_in_once(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    outside.bring(["own_learner"])
    outside.bring(["own_learner"])
    assert outside.IMPORTED == {"own_learner": "own_learner"}
    assert run("own_learner", "split").identity["code"]
    del sys.modules["own_learner"]


def test_installed_packages_name_theirs_by_entry_points(folder, monkeypatch, capsys):
    (folder / "plugin").mkdir()
    (folder / "plugin" / "__init__.py").touch()
    shutil.copy("own_learner.py", "plugin")
    (folder / "plugin" / "broken.py").write_text("1 / 0\n")
    about = folder / "plugin-2.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 2.5\n")
    (about / "entry_points.txt").write_text("[pcl]\nmine = plugin.own_learner\nhalf = plugin.broken\n")
    monkeypatch.syspath_prepend(folder)
    outside.bring([])
    assert "own_learner" in learners.REGISTRY
    said = "left out: entry point half of plugin 2.5: broken.py, line 1: ZeroDivisionError: division by zero\n"
    assert capsys.readouterr().err == said
    assert outside.brought() == {"plugin": "2.5"}
    for name in ("plugin", "plugin.own_learner"):
        del sys.modules[name]


LEARNER = """
from flax import struct
from pcl.learners.ncm import ENTRY
@struct.dataclass
class H:
    rate: float = 0.1
"""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("none.py", None, "none.py: no such file; name a Python file"),
        ("nowhere.at_all", None, "nowhere.at_all: no such module; name an installed module, or a file"),
        ("mine", "", r"mine: no such module \(did you mean mine.py\?\)"),
        ("my-learner.py", "", "my-learner.py: 'my-learner' is no name: use letters, digits and underscores"),
        ("mine.py", "x = 1\n", "mine.py: nothing to register; end it in an ENTRY, RULE or EXPERIMENT"),
        ("mine.py", "\n\nimport none_such\n", "mine.py, line 3: ModuleNotFoundError: No module named 'none_such'"),
        ("mine.py", "import json\njson.loads('{')\n", "mine.py, line 2: JSONDecodeError: "),
        ("mine.py", "x = (\n", r"mine.py, line 1: SyntaxError: '\(' was never closed"),
        ("mine.py", "raise SystemExit('enough')\n", "mine.py, line 1: SystemExit: enough"),
        ("mine.py", "ENTRY = 3\n", "ENTRY is int; expected one of LearnerEntry, StreamEntry, SourceEntry, SinkEntry"),
        ("mine.py", "RULE = 3\n", "RULE is int; expected that of a rule"),
        ("mine.py", "EXPERIMENT = 3\n", "mine.py: EXPERIMENT is int; expected an Experiment"),
        ("mine.py", f"{LEARNER}ENTRY = ENTRY._replace(hparams=3)\n", "mine.py: settings are 3; expected an instance"),
        ("mine.py", f"{LEARNER}ENTRY = ENTRY._replace(hparams=H)\n", "mine.py: settings are <class '.*H'>; expected"),
        ("mine.py", f"{LEARNER}ENTRY = ENTRY._replace(hparams=H())\n", "mine.py: declare the setting rate by traced"),
        ("ncm.py", "from pcl.learners.ncm import ENTRY\n", "ncm: there is a learner 'ncm' already"),
        ("gd.py", "from pcl.network.rules.momentum import RULE\n", "gd: there is a rule 'gd' already"),
    ],
)  # fmt: skip
def test_what_cannot_be_registered_is_refused_in_one_line(folder, name, text, message):
    if text is not None:
        Path(name if name.endswith(".py") else f"{name}.py").write_text(text)
    with pytest.raises(UsageError, match=message) as refused:
        outside.bring([name])
    assert "\n" not in str(refused.value)


def test_what_code_from_outside_raises_while_it_runs_is_one_line(folder):
    text = (folder / "own_learner.py").read_text().replace("** count_C", "** float(count_C[0])")
    (folder / "own_learner.py").write_text(text)
    line = text[: text.index("** float")].count("\n") + 1
    outside.bring(["own_learner.py"])
    learner, hp = learners.make("own_learner", Spec((2,), 2))
    batch = Batch(jnp.zeros((1, 2)), jnp.zeros(1, int), jnp.ones(1, bool), jnp.ones(1, bool), jnp.zeros(1, int))
    with pytest.raises(TypeError) as raised:
        jax.jit(learner.update)(learner.init(jax.random.key(0), hp), batch, hp)
    why = str(outside.blamed(raised.value))
    assert why.startswith(f"own_learner.py, line {line}: ConcretizationTypeError: ")
    assert why.endswith("conform NAME` with the same --import tests its contract")
    assert "\n" not in why
    assert "if code from outside is the cause" in str(outside.blamed(TypeError("carries differ")))
    assert outside.blamed(UsageError("known")) is None
    forget()
    assert outside.blamed(TypeError("carries differ")) is None


def test_two_files_of_one_name_and_experiments_of_another_name_are_refused(folder):
    (folder / "other").mkdir()
    shutil.copy("own_learner.py", "other")
    outside.bring(["own_learner.py"])
    with pytest.raises(UsageError, match="two modules from outside have the name own_learner"):
        outside.bring(["other/own_learner.py"])
    shutil.copy("own_experiment.py", "renamed.py")
    with pytest.raises(UsageError, match=r"renamed\.py: the experiment is called 'own_experiment'; call it 'renamed'"):
        outside.load_experiment("renamed.py")
    text = (folder / "own_experiment.py").read_text().replace("own_experiment", "split_digits")
    (folder / "split_digits.py").write_text(text)
    with pytest.raises(UsageError, match="there is an experiment 'split_digits' already"):
        outside.load_experiment("./split_digits.py")
    with pytest.raises(UsageError, match=r"own_rule\.py: no EXPERIMENT"):
        outside.load_experiment("own_rule.py")
    assert canonical(sorted(experiment.OUTSIDE)) == "[]"


def test_a_cached_source_is_made_again_by_other_code(folder, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two files of one size within a second have one bytecode
    monkeypatch.setenv("PCL_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("PCL_DATA_DIR", str(folder))
    (folder / "points.txt").write_text("0 1 0 1 0 1 0 1")
    head = "import numpy as np\nfrom pcl.streams.sources.arrays import Arrays\n"
    head += "from pcl.streams.sources.datasets import SourceEntry\n\ndef parse(path):\n"
    head += "    y = np.asarray(path.read_text().split(), int)\n"
    for factor in (1, 2, 2):
        body = f"    x = np.arange(8.0)[:, None] * {factor}\n    return Arrays(x[:6], y[:6], x[6:], y[6:])\n\n"
        end = "ENTRY = SourceEntry('8 points', (1,), 2, scale=1.0, files={'points.txt': ()}, parse=parse)\n"
        (folder / "points.py").write_text(head + body + end)
        forget()
        outside.bring(["points.py"])
        found = sources.load("points")
        assert sorted(found.x_train.ravel().tolist()) == [factor * n for n in range(6)]
        assert json.loads((folder / "cache" / "points" / "source.json").read_text())["origin"]["code"]
