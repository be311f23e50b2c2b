"""What every inference rule of the registry promises; a new file in the folder is tested without a new test."""

import functools
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.conformance.compared import DoesNotApply
from pcl.conformance.rules import PROPERTIES
from pcl.errors import UsageError
from pcl.fields import fields, parse, replace
from pcl.network.rules import RULES
from pcl.network.samples import norm
from pcl.types import Batch, Spec

QUICK = ("gd", "gauss_newton")  # a gradient and a solve stand for the others in the inner loop


@pytest.mark.parametrize("held", PROPERTIES, ids=lambda held: held.__name__)
@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in RULES])
def test_every_rule(name, held):
    try:
        held(name)
    except DoesNotApply as why:
        pytest.skip(str(why))


HEAD = """from pcl.network.flops import predictive_coding
from pcl.network.inference import Rule, descend
import optax

def settle(problem, start, budget, numbers):
    return descend(problem, start, budget, optax.sgd(numbers.rate, 0.3, nesterov=True))
"""


def of_file(path, end):
    """The module of a rule's file that ends so."""
    path.write_text(HEAD + end)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def updated(name, **settings):
    """State and report after two updates of a learner with these settings."""
    spec = Spec((6,), 0, 6)
    learner, hp = learners.make(name, spec)
    hp = replace(hp, {"inference": parse(fields(hp)["inference"], settings.pop("inference"))} | settings)
    rows, true = (jnp.asarray(np.random.default_rng(0).normal(size=(4, 6)), jnp.float32),) * 2, jnp.ones(4, bool)
    batch, update = Batch(*rows, true, true, jnp.zeros(4, int)), jax.jit(learner.update)
    state, _ = update(learner.init(jax.random.key(0), hp), batch, hp)
    return update(state, batch, hp)


@pytest.mark.slow
def test_a_rule_is_one_file(tmp_path):
    """Listed, chosen by its setting and run by every learner that settles (see also `tests/test_one_file.py`)."""
    end = 'RULE = Rule(settle, predictive_coding, True, ("fixed", "gradient"), None)'
    RULES.register(of_file(tmp_path / "toy.py", end))
    assert "toy" in fields(learners.make("pcn", Spec((6,), 4))[1])["inference"].metadata["choices"]
    for name, settings in (("pcn", {"width": 5}), ("bpc", {"depth": 1}), ("tpc", {"width": 5})):
        _, info = updated(name, inference="toy", **settings)
        assert info.risen == 0
        assert info.log["inference_steps"].value == 20
    del RULES["toy"]


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("", "half: RULE is NoneType; expected that of a rule"),
        (
            'RULE = Rule(settle, None, True, ("fixed",), None)',
            "a rule with flops=None: give the operations of a learning step",
        ),
        ('RULE = Rule(settle, predictive_coding, True, ("never",), None)', r"a rule with halts=\('never',\)"),
    ],
)
def test_half_a_rule_is_refused(tmp_path, end, message):
    with pytest.raises(UsageError, match=message):
        RULES.register(of_file(tmp_path / "half.py", end))


@functools.cache
def far(name, rule, **settings):
    """The same after 300 steps of inference each."""
    return updated(name, inference=rule, inference_steps=300, inference_lr=0.02, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["bpc", "tpc"])
def test_learners_take_any_rule_that_fits_them(name, rule):
    """They settle as they do by gradient descent, or say in one line why not."""
    settings = {"depth": 1, "hidden_units": 5} if name == "bpc" else {"width": 5}
    if RULES[rule].learns != "settled":
        with pytest.raises(UsageError, match=f"inference={rule} learns .*; choose one of adam, anderson"):
            updated(name, inference=rule, **settings)
    else:
        state, info = far(name, rule, **settings)
        assert info.risen == 0
        if name == "tpc":
            np.testing.assert_allclose(state.z, far(name, "gd", **settings)[0].z, rtol=0, atol=0.02)


@pytest.mark.slow
def test_halting_reaches_every_learner():
    for name, settings in (("bpc", {"depth": 1}), ("tpc", {"width": 5}), ("pcn", {"width": 5})):
        _, info = updated(name, inference="gd", inference_steps=300, halt="gradient", tolerance=0.1, **settings)
        assert 0 < info.log["inference_steps"].value < 300
    with pytest.raises(UsageError, match="halt=saturation: inference=gauss_newton takes halt=fixed or halt=gradient"):
        updated("tpc", inference="gauss_newton", halt="saturation")


def test_norms_are_those_of_samples():
    np.testing.assert_allclose(norm((jnp.asarray([[3.0], [0.0]]), jnp.asarray([[4.0], [2.0]])), 2), [5.0, 2.0])
