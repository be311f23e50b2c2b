"""Imports flow one way, figures need no JAX, local learning stays local, and factorisations are those of one module."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pcl.conformance.learners import takes_gradients
from pcl.learners import REGISTRY
from scripts.published import published

ROOT = Path(__file__).parents[1]
BASE = {"types", "commands", "errors", "fields", "folders", "registry", "linalg", "loops", "products", "augment"}
# What each room may import of pcl; a room that is not listed may be imported by none of these.
ALLOWED = {
    "pcl/types.py": set(),
    "pcl/errors.py": set(),
    "pcl/commands.py": set(),
    "pcl/experiment.py": {"errors"},
    "pcl/fields.py": {"errors"},
    "pcl/folders.py": {"errors"},
    "pcl/registry.py": {"digest", "errors"},
    "pcl/digest.py": set(),
    "pcl/augment.py": {"errors"},
    "pcl/linalg.py": set(),
    "pcl/loops.py": set(),
    "pcl/products.py": set(),
    "pcl/interrupts.py": set(),
    "pcl/outside.py": BASE | {"command", "experiment", "learners", "streams", "network", "sinks"},
    "pcl/command.py": {"errors", "interrupts"},
    "pcl/__main__.py": {"cli"},
    "pcl/experiments": set(),
    "pcl/scripts": set(),
    "pcl/cli": BASE
    | {"cli", "command", "interrupts", "experiment", "outside", "conformance"}
    | {"learners", "streams", "network", "evaluation", "runner", "search", "sinks"},
    "pcl/saved.py": BASE | {"learners"},
    "pcl/life": BASE | {"life", "saved", "learners", "runner"},
    "pcl/network": BASE | {"network"},
    "pcl/synapses": BASE | {"synapses"},
    "pcl/code": BASE | {"code"},
    "pcl/learners": BASE | {"network", "synapses", "code", "learners"},
    "pcl/streams": BASE | {"streams"},
    "pcl/evaluation": BASE | {"evaluation"},
    "pcl/runner": BASE
    | {"runner", "experiment", "evaluation", "learners", "streams", "interrupts", "outside", "saved"},
    "pcl/search": BASE | {"search", "runner", "experiment", "evaluation", "streams", "interrupts"},
    "pcl/sinks": BASE | {"sinks", "runner"},
    "pcl/conformance": BASE | {"conformance", "network", "learners", "streams"},
    "pcl/results": {"errors", "folders", "results", "runner", "evaluation", "figures"},
    "pcl/runs.py": {"errors", "results", "runner", "evaluation", "experiment", "command", "streams", "outside"},
    "pcl/study.py": {"runner", "figures", "evaluation", "experiment", "command"},
    "pcl/compare.py": {"errors", "runner", "results", "figures", "evaluation", "command", "folders", "outside"},
    "pcl/figures": BASE | {"figures", "experiment", "evaluation"},
    "scripts": BASE
    | {"network", "synapses", "learners", "figures", "evaluation", "runner", "streams", "command", "interrupts"}
    | {"experiment", "outside", "cli", "conformance", "search"},
}


def files(place):
    path = ROOT / place
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imported_names(path):
    """All that a file imports, by full name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # What is installed under another name imports its neighbours relatively.
            assert node.level == 0 or path.is_relative_to(ROOT / "scripts"), f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported(path):
    """Names of the rooms of pcl that a file imports."""
    return {name.split(".")[1] for name in imported_names(path) if name.startswith("pcl.")}


@pytest.mark.parametrize("place", ALLOWED)
def test_imports_flow_one_way(place):
    assert files(place)
    for path in files(place):
        assert imported(path) <= ALLOWED[place], path


def test_every_room_has_its_rule():
    rooms = {f"pcl/{p.name}" for p in (ROOT / "pcl").iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    rooms |= {f"pcl/{p.name}" for p in (ROOT / "pcl").glob("*.py") if p.name != "__init__.py"}
    assert rooms <= set(ALLOWED)


@pytest.mark.slow
@pytest.mark.parametrize(
    "imports",
    [
        "import scripts.make_figures, scripts.published as m; [importlib.import_module(f'scripts.{one.name}')"
        " for one, _ in m.published().values()"
        " if not any(getattr(one, name, '') for name in ('metrics', 'panels', 'study'))]",
        "import scripts.stream_report",
    ],
)
def test_figures_tables_and_reports_import_no_jax(imports):
    code = (
        f"import importlib, sys; {imports}\n"
        "assert 'matplotlib' in sys.modules\n"
        "assert not [name for name in sys.modules if name.split('.')[0] in ('jax', 'jaxlib', 'flax')]"
    )
    subprocess.run((sys.executable, "-c", code), cwd=ROOT, check=True)


def test_every_script_of_a_figure_or_table_is_declared():
    scripts = {path.stem for kind in ("fig", "tab") for path in (ROOT / "scripts").glob(f"{kind}_*.py")}
    assert scripts <= set(published())


# Baselines that say that they are not local, and a measurement that changes no activity and no weight.
NOT_LEARNING = {"epc.py", "stability.py"}
LOCAL = {path for path in files("pcl/network") if path.name not in NOT_LEARNING}
LOCAL |= {*files("pcl/synapses"), *files("pcl/code")}


def of_learners(name):
    """The file of a module below `pcl.learners`, given the full name of it or of something in it; None for others."""
    while name.startswith("pcl.learners."):
        path = ROOT / name.replace(".", "/")
        there = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()]
        if there:
            return there[0]
        name = name.rpartition(".")[0]
    return None


def parts(name):
    """The files of learners that one is made of: its own, and those that these import, one after the other."""
    found, todo = set(), {of_learners(f"pcl.learners.{name}") or of_learners(f"pcl.learners.strategies.{name}")}
    while todo:
        found |= todo
        todo = {of_learners(name) for path in todo for name in imported_names(path)} - found - {None}
    return found


@pytest.mark.parametrize("path", sorted(LOCAL), ids=lambda p: p.name)
def test_predictive_coding_takes_no_gradient_through_layers(path):
    assert not takes_gradients(path)


@pytest.mark.parametrize("name", REGISTRY)
def test_a_learner_takes_gradients_through_layers_unless_it_says_that_it_is_local(name):
    taking = [path.name for path in parts(name) if takes_gradients(path)]
    assert bool(taking) != REGISTRY[name].local, taking


def test_no_file_is_longer_than_a_reader_can_hold():
    for place in ("pcl", "experiments", "scripts"):
        for path in files(place):
            assert len(path.read_text().splitlines()) <= 350, path


CORRIDOR = ["run", "step", "asking", "probing", "schema", "store", "parts", "versions"]
CORRIDOR = [ROOT / f"pcl/runner/{name}.py" for name in CORRIDOR]
CORRIDOR += [ROOT / f"pcl/evaluation/{name}.py" for name in ("record", "summary")]


@pytest.mark.parametrize("path", CORRIDOR, ids=lambda p: p.name)
def test_what_learners_log_is_named_by_none_of_those_that_carry_it(path):
    logged = set()
    for learner in files("pcl/learners"):
        for node in ast.walk(ast.parse(learner.read_text())):
            if isinstance(node, ast.Dict):
                of = zip(node.keys, node.values, strict=True)
                logged |= {key.value for key, value in of if key and ast.unparse(value).startswith("Logged(")}
    assert {"belief", "energy", "inference_steps", "input_surprise", "refused", "residual", "skipped"} <= logged
    tree = ast.parse(path.read_text())
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} - {"split"}  # of texts, keys
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert not (attributes | texts) & logged


def bound(function):
    """Names that a function binds itself, without those of functions and comprehensions inside it."""
    inner = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    names = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    nodes = list(function.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        nodes += [] if isinstance(node, inner) else ast.iter_child_nodes(node)
    return names


SHORT = [path for place in ("pcl", "experiments", "scripts") for path in files(place)]


@pytest.mark.parametrize("path", SHORT, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_no_function_is_longer_or_has_more_names_than_a_reader_can_hold(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name
            assert len(bound(node)) <= 25, (node.name, sorted(bound(node)))


def is_of_jax(node):
    """Whether a piece of syntax names a linear algebra of JAX's, from where nothing but norms may be taken."""
    named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.attr != "norm"
    return named and node.value.attr == "linalg" and ast.unparse(node.value) != "np.linalg"


def test_factorisations_are_those_of_one_module():
    assert is_of_jax(ast.parse("jax.lax.linalg.lu(x)").body[0].value.func)
    for path in files("pcl"):
        tree = ast.parse(path.read_text())
        if path.name == "linalg.py":
            continue
        assert not [ast.unparse(node) for node in ast.walk(tree) if is_of_jax(node)], path
        found = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not [line for line in found if "linalg" in line and line != "from pcl import linalg"], path


def test_what_is_slow_to_import_is_imported_where_it_is_used():
    for path in files("pcl"):
        at_once = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom | ast.Import)]
        names = {getattr(node, "module", None) or node.names[0].name for node in at_once}
        assert not names & {"scipy.stats", "scipy.optimize"}, path
