"""Sensors are known by seven functions: no other file of the package looks into what one has learned."""

import ast
from pathlib import Path

import pytest

from pcl.learners import parallax
from pcl.learners.parallax import eye, state, succession, window
from pcl.learners.parallax.contexts.names import Map
from pcl.learners.parallax.sensors import density, interface, shared, sums, synapses
from pcl.learners.parallax.sensors.bank import Bank

PACKAGE = Path(parallax.__file__).parent
INSIDE = {path.stem: path for path in (PACKAGE / "sensors").glob("*.py")}
OUTSIDE = {str(p.relative_to(PACKAGE)): p for p in PACKAGE.rglob("*.py") if p.parent.name != "sensors"}
# What others may know of: votes and sums that a sensor gives away, and parts of a life that are none.
OPEN = {*sums.Sums._fields, *interface.Vote._fields, *interface.Sensor._fields, *window.Window._fields}
PARTS = (state.State, state.Contexts, state.Course, succession.Succession, window.Shadow, eye.Eye, Map)
OPEN |= {name for part in PARTS for name in part._fields}
HIDDEN = {*density.Density._fields, *shared.Shared._fields, *synapses.Discriminator._fields, *Bank._fields} - OPEN


def imported(path):
    """Names of the package that a file imports, each as `module` or `module.name`."""
    froms = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    names = [f"{node.module}.{alias.name}" for node in froms for alias in node.names]
    return {name.removeprefix("pcl.learners.parallax.") for name in names if name.startswith("pcl.learners.parallax.")}


@pytest.mark.parametrize("name", OUTSIDE)
def test_others_know_a_sensor_by_its_functions_and_its_sums(name):
    tree = ast.parse(OUTSIDE[name].read_text())
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert {"density", "scatter", "inverse", "turn", "synapses"} - OPEN <= HIDDEN
    assert not read & HIDDEN
    of_sensors = {".".join(n.split(".")[:2]) for n in imported(OUTSIDE[name]) if n.startswith("sensors.")}
    makes = {"sensors.bank"} if name in ("learner.py", "__init__.py") else set()
    assert of_sensors <= {"sensors.interface", "sensors.sums"} | makes
    asked = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    asked = [call for call in asked if call.startswith(("isinstance(", "hasattr("))]
    assert all("sensory.Code" in call for call in asked)


@pytest.mark.parametrize("name", sorted(set(INSIDE) - {"__init__"}))
def test_sensors_know_neither_contexts_nor_what_is_made_of_their_votes(name):
    of_package = {n for n in imported(INSIDE[name]) if not n.startswith("sensors.")}
    assert {n.split(".")[0] for n in of_package} <= {"numbers", "student", "rows"}


@pytest.mark.parametrize("name", ["density", "shared", "synapses"])
def test_kinds_do_not_know_each_other(name):
    others = {"density", "shared", "synapses"} - {name}
    assert not {n.split(".")[1] for n in imported(INSIDE[name]) if n.startswith("sensors.")} & others
