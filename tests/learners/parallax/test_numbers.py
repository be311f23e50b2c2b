"""Numbers of parallax stand in one file, each with what it decides."""

import ast
import itertools
import re
from pathlib import Path

import pytest

from pcl.learners.parallax import ablations, numbers
from pcl.learners.parallax.hparams import WITHOUT, HParams

PACKAGE = Path(numbers.__file__).parent
FILES = {str(path.relative_to(PACKAGE)): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
FILES = {name: text for name, text in FILES.items() if name not in ("numbers.py", "hparams.py")}
LINES = Path(numbers.__file__).read_text().splitlines()
TREE = ast.parse("\n".join(LINES))
VALUES = {name: value for name, value in vars(numbers).items() if name.isupper()}
# 0.5 is the half of a log determinant or of a symmetric sum, or lies between no sample and one; the others are guards.
MATHEMATICAL = {0.0, 0.5, 1.0, 1e-3, 1e-6, 1e-9, 1e-30}


def constants(tree: ast.AST) -> list[float]:
    return [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and type(n.value) in (int, float)]


@pytest.mark.parametrize("name", FILES)
def test_no_other_file_has_a_number_that_decides(name):
    tree = ast.parse(FILES[name])
    assert {value for value in constants(tree) if isinstance(value, float)} <= MATHEMATICAL
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value]
    assert not [ast.unparse(node) for node in assigned if not isinstance(node.value, ast.Call) and constants(node)]
    counted = [node for node in tree.body if "flops" in getattr(node, "name", "")]
    compared = [n for node in tree.body if node not in counted for n in ast.walk(node) if isinstance(n, ast.Compare)]
    assert all(value <= 2 for node in compared for value in constants(node)), "a threshold"


def test_every_number_is_read():
    text = "".join(FILES.values())
    own = {n.id for n in ast.walk(TREE) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and n.id.isupper()}
    assert set(re.findall(r"\bnumbers\.([A-Z_]+)\b", text)) | own == set(VALUES)


def test_every_number_says_what_it_was_tried_against():
    assigned = [node for node in TREE.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    assert len(assigned) > 60
    for node in assigned:
        above = itertools.takewhile(lambda line: line.startswith("# "), reversed(LINES[: node.lineno - 1]))
        said = " ".join(line[2:] for line in reversed(list(above)))
        assert re.search(r"Not varied\.|Forms?: |\bOf \d+|Chosen ", said), ast.unparse(node)


def test_every_ablation_is_another_value_or_function_and_of_nothing_but_the_numbers():
    assert {"nothing"} | set(numbers.WITHOUT) | set(ablations.OTHER_FUNCTIONS) == set(WITHOUT)
    as_set = ablations.of(HParams())
    for name in set(WITHOUT) - {"nothing"}:
        taken_away = ablations.of(HParams(without=name))
        assert taken_away != as_set
    found = {name for name, text in FILES.items() if re.search(r"\.without\b", text)}
    assert found == {"ablations.py"}
