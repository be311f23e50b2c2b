"""What every inference rule of the registry promises; a new file in the folder is tested without a new test."""

import dataclasses
import functools
import importlib.util

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from draws import assert_close
from jax.flatten_util import ravel_pytree

from pcl import learners
from pcl.errors import UsageError
from pcl.fields import fields, parse, replace
from pcl.network.architectures import dense_chain
from pcl.network.energy import Problem, energy, feedforward
from pcl.network.halting import HALTS, Budget, Halt
from pcl.network.inference import Learning, Numbers
from pcl.network.plasticity import init_optimiser
from pcl.network.rules import RULES
from pcl.network.samples import norm
from pcl.types import Batch, Spec

SIZES = (6, 5, 4, 3)


def problem(activation="tanh", sizes=SIZES, seed=0):
    """A network with fresh weights of the usual size, and labels for four samples."""
    rng = np.random.default_rng(seed)
    network = jax.tree.map(lambda w: jnp.asarray(w, float), dense_chain(jax.random.key(seed), sizes, activation))
    return Problem(network, jnp.asarray(rng.normal(size=(4, sizes[0]))), jnp.eye(sizes[-1])[np.arange(4) % sizes[-1]])


def numbers(p, rate=0.1, lr=0.01):
    """A small step for activities, and for weights where a rule moves them (0: they stay)."""
    optimiser = optax.sgd(lr)
    memory = init_optimiser(p.network, optimiser)
    return Numbers(rate, momentum=0.5, learning=Learning(optimiser, memory, jnp.full(4, 0.25), (1.0,) * len(p.network)))


@functools.partial(jax.jit, static_argnames=("name", "steps", "halt"))
def settle(name, p, start, steps, halt=None, rate=0.1, lr=0.0):
    return RULES[name].settle(p, start, Budget(steps, halt and Halt(halt, 0.05)), numbers(p, rate, lr))


@functools.lru_cache
def closed_form(activation="identity"):
    """The equilibrium of a quadratic energy, z - H^-1 g; the activities that have backpropagation's errors."""
    p = problem(activation)
    flat, unflat = ravel_pytree(feedforward(p))
    total = lambda v: energy(p, unflat(v)).sum()  # noqa: E731
    equilibrium = unflat(flat - jnp.linalg.solve(jax.hessian(total)(flat), jax.grad(total)(flat)))
    zero = jax.tree.map(jnp.zeros_like, feedforward(p))

    def cost(shift):
        x = p.bottom
        for layer, s in zip(p.network[:-1], shift, strict=True):
            x = layer.predict(x) + s
        return 0.5 * jnp.sum((p.top - p.network[-1].predict(x)) ** 2)

    backpropagated = jax.tree.map(jnp.subtract, feedforward(p), jax.grad(cost)(zero))
    return p, {"settled": equilibrium, "meanwhile": equilibrium, "feedforward": backpropagated}


def settles_to_its_closed_form_on_a_linear_network(name):
    """Where weights move as well they are held. Adam's steps of 0.01 end within a tenth of that."""
    p, ends = closed_form()
    got, want = settle(name, p, feedforward(p), 5000, rate=0.01), ends[RULES[name].learns]
    assert_close(got.z, want, rtol=0, atol=1e-3)
    assert (got.residual < 0.05).all()


def lowers_the_energy_and_nears_its_equilibrium(name):
    p = problem()
    settled = settle(name, p, feedforward(p), 20, lr=0.01)
    network = settled.learned[0] if settled.learned else p.network
    assert bool(settled.learned) == (RULES[name].learns == "meanwhile")
    assert (energy(dataclasses.replace(p, network=network), settled.z) < energy(p, feedforward(p))).all()
    assert (settled.residual < 0.5).all()
    assert (settled.steps == 20).all()


def halts_where_it_says(name):
    p = problem()
    for halt in HALTS[1:]:
        if halt in RULES[name].halts:
            settled = settle(name, p, feedforward(p), 500, halt)
            assert (settled.steps < 500).all()
            assert settled.steps.any()
            assert (settled.residual <= (0.05 if halt == "gradient" else 0.5)).all()
        else:
            with pytest.raises(UsageError, match=f"halt={halt}: inference={name} takes halt=fixed"):
                settle(name, p, feedforward(p), 500, halt)


def says_what_it_costs(name):
    """No less than to predict, and more with every step; of several numbers of steps at once."""
    uses, flops = (12, 9, 6), RULES[name].flops
    counts = [flops(uses, steps) for steps in (0.0, 1.0, 2.0)]
    assert 2 * sum(uses) <= counts[0] < counts[1] < counts[2]
    np.testing.assert_array_equal(flops(uses, np.arange(3.0)), counts)


def goes_on_as_if_it_had_never_stopped(name):
    p = problem()
    whole, part = settle(name, p, feedforward(p), 6, lr=0.01), settle(name, p, feedforward(p), 3, lr=0.01)
    part = settle(name, p, part, 3, lr=0.01)
    assert_close((part.z, part.errors, part.residual), (whole.z, whole.errors, whole.residual))
    assert (part.steps == 3).all()
    assert_close(part.learned, whole.learned)


def settles_a_batch_of_problems_as_a_loop_does(name):
    problems = [problem(seed=seed) for seed in range(3)]
    halt = RULES[name].halts[-1] if len(RULES[name].halts) > 1 else None
    run = functools.partial(settle, name, steps=30, halt=halt)
    together = jax.vmap(lambda p: run(p, feedforward(p)))(jax.tree.map(lambda *x: jnp.stack(x), *problems))
    for i, p in enumerate(problems):
        alone = run(p, feedforward(p))
        assert_close(jax.tree.map(lambda x, i=i: x[i], (together.z, together.steps)), (alone.z, alone.steps))


def is_traced_once_for_all_numbers(name):
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def run(p, z, rate, gain, momentum):
        given = numbers(p)._replace(rate=rate, gain=gain, momentum=momentum)
        return RULES[name].settle(p, z, Budget(3), given).z

    p = problem()
    for values in np.asarray([[0.1, 1.0, 0.5], [0.05, 2.0, 0.0], [0.2, 1.0, 0.9]]):
        run(p, feedforward(p), *values)


def has_nothing_to_settle_without_free_activities(name):
    settled = settle(name, problem(sizes=(6, 3)), (), 4)
    assert settled.z == ()
    assert not settled.residual.any()


def is_as_local_as_it_says(name):
    """In two steps no news travels four layers, if all that a unit hears of stands one synapse away."""
    p = problem(sizes=(6, *[4] * 6, 3))
    z = feedforward(p)
    moved = (*z[:-1], z[-1] + 1.0)
    before, after = (settle(name, p, start, 2, lr=0.01) for start in (z, moved))
    if RULES[name].local:
        assert_close(before.z[:2], after.z[:2], rtol=0, atol=1e-12)
        assert jnp.abs(before.z[-2] - after.z[-2]).max() > 1e-3


QUICK = ("gd", "gauss_newton")  # a gradient and a solve stand for the others in the inner loop
CHECKS = (
    settles_to_its_closed_form_on_a_linear_network,
    lowers_the_energy_and_nears_its_equilibrium,
    halts_where_it_says,
    says_what_it_costs,
    goes_on_as_if_it_had_never_stopped,
    settles_a_batch_of_problems_as_a_loop_does,
    is_traced_once_for_all_numbers,
    has_nothing_to_settle_without_free_activities,
    is_as_local_as_it_says,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in RULES])
def test_every_rule(name, check):
    with jax.enable_x64(True):
        check(name)


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
        ('RULE = Rule(settle, None, True, ("fixed",), None)', "a rule with flops=None: say what a learning step costs"),
        ('RULE = Rule(settle, predictive_coding, True, ("never",), None)', r"a rule with halts=\('never',\)"),
    ],
)
def test_half_a_rule_is_refused(tmp_path, end, message):
    with pytest.raises(UsageError, match=message):
        RULES.register(of_file(tmp_path / "half.py", end))


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
        state, info = updated(name, inference=rule, inference_steps=300, inference_lr=0.02, **settings)
        want, _ = updated(name, inference="gd", inference_steps=300, inference_lr=0.02, **settings)
        assert info.risen == 0
        if name == "tpc":
            np.testing.assert_allclose(state.z, want.z, rtol=0, atol=0.02)


def test_halting_reaches_every_learner():
    for name, settings in (("bpc", {"depth": 1}), ("tpc", {"width": 5}), ("pcn", {"width": 5})):
        _, info = updated(name, inference="gd", inference_steps=300, halt="gradient", tolerance=0.1, **settings)
        assert 0 < info.log["inference_steps"].value < 300
    with pytest.raises(UsageError, match="halt=saturation: inference=gauss_newton takes halt=fixed or halt=gradient"):
        updated("tpc", inference="gauss_newton", halt="saturation")


def test_norms_are_those_of_samples():
    np.testing.assert_allclose(norm((jnp.asarray([[3.0], [0.0]]), jnp.asarray([[4.0], [2.0]])), 2), [5.0, 2.0])
