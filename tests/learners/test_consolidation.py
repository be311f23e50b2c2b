"""Penalties on weights that mattered: measures of importance with known values, and when they are taken."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.fields import replace
from pcl.learners import backprop, pcn, rule
from pcl.learners.mlp import MLPState
from pcl.learners.rule import Lesson, Match, Move, lesson
from pcl.learners.strategies import lwf, mas, si
from pcl.learners.strategies.consolidation import AveragedHParams, Measure, State, ended, penalty_direction
from pcl.learners.strategies.fisher import FISHER
from pcl.learners.strategies.rows import mean_of_powers
from pcl.network.layers import Dense
from pcl.types import Batch, Info, Spec

SPEC = Spec((4,), 3)
LINEAR = {"depth": 0, "optimiser": "sgd", "lr": 0.05}
ROWS = 6


def batch(seed=0, task=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    true = jnp.ones(rows, bool)
    x, y = jnp.asarray(rng.normal(size=(rows, 4)), jnp.float32), jnp.asarray(rng.integers(0, 3, rows), jnp.int32)
    return Batch(x, y, true, true, jnp.full(rows, task, jnp.int32))


def made(name, settings):
    learner, hp = learners.make(name, SPEC)
    hp = replace(hp, LINEAR | settings)
    return learner.init(jax.random.key(0), hp), jax.jit(learner.update), hp


def measured(measure, output, keys=1, rows=ROWS):
    """A first measurement of a linear network, for many keys of the learner, and the batch and logits of it."""
    hp = AveragedHParams(rule=replace(backprop.HParams(), LINEAR | {"output": output}))
    rule = backprop.rule(SPEC)
    own, given = rule.init(jax.random.key(0), hp.rule), lesson(batch(rows=rows), SPEC)
    zero = jax.tree.map(jnp.zeros_like, own.network)

    def one(key):
        state = State(own, own.network, zero, zero, jnp.ones((), int), jnp.zeros((), int), key)
        return measure.of_batch(rule, state, hp, given, Move(zero, own, Info()), own.network)

    network = own.network[0]
    return jax.vmap(one)(jax.random.split(jax.random.key(1), keys))[0], given.x, given.x @ network.w + network.b


@pytest.mark.slow
@pytest.mark.parametrize("output", ["categorical", "gaussian"])
def test_fisher_information_of_a_linear_model_is_the_closed_form(output):
    """E (y - p)^2 is p (1 - p) for a label drawn from p, and 1 for a Gaussian of unit variance."""
    got, x, a = measured(FISHER, output, keys=4000)
    p = jax.nn.softmax(a)
    spread = p * (1 - p) if output == "categorical" else jnp.ones_like(p)
    # The mean of 4,000 draws: squares of Gaussians have the larger spread, 2^0.5 / 4000^0.5 = 2 % for each row.
    np.testing.assert_allclose(got.w.mean(0), (x**2).T @ spread / ROWS, rtol=0.1)
    np.testing.assert_allclose(got.b.mean(0), spread.mean(0), rtol=0.1)
    assert got.w.std(0).min() > 0  # draws differ


def test_the_squares_are_those_of_each_row_and_not_of_their_mean():
    """One draw of labels: the measure is the mean of squares for one of the 9 draws that two rows can have."""
    got, x, a = measured(FISHER, "categorical", rows=2)
    p = jax.nn.softmax(a)
    draws = [jax.nn.one_hot(jnp.array([i, j]), 3) for i in range(3) for j in range(3)]
    candidates = [(x**2).T @ (draw - p) ** 2 / 2 for draw in draws]
    assert sum(np.allclose(got.w[0], candidate, rtol=1e-4, atol=1e-7) for candidate in candidates) == 1


def test_sensitivity_of_a_linear_model_is_the_closed_form():
    got, x, a = measured(mas.SENSITIVITY, "categorical")
    np.testing.assert_allclose(got.w[0], jnp.abs(2 * x[:, :, None] * a[:, None]).mean(0), rtol=1e-4)
    np.testing.assert_allclose(got.b[0], jnp.abs(2 * a).mean(0), rtol=1e-4)


DEEP = {"depth": 2, "width": 5}
KINDS = {
    "backprop": (backprop, DEEP | {"output": "categorical"}),
    "without hidden layers": (backprop, LINEAR),
    "normalised": (backprop, DEEP | {"norm": "layer"}),
    "muPC": (backprop, DEEP | {"init": "mupc"}),
    "pcn": (pcn, DEEP | {"inference_steps": 5}),
    "pcn, categorical": (pcn, DEEP | {"output": "categorical", "inference_steps": 5}),
    "pcn, halting": (pcn, DEEP | {"halt": "gradient", "inference_steps": 30}),
    "pcn, nudged": (pcn, DEEP | {"nudge": "negative", "inference_steps": 5}),
    "pcn, nudged to both sides": (pcn, DEEP | {"nudge": "centred", "inference_steps": 5}),
    "pcn, fixed prediction": (pcn, DEEP | {"inference": "fixed_prediction", "inference_steps": 5}),
}


@pytest.mark.slow
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_powers_is_that_of_each_row_s_direction(kind, power):
    """Row after row, each as a lesson of its own; the weight of the last row is 0."""
    module, settings = KINDS[kind]
    rule, hp = module.rule(SPEC), replace(module.HParams(), settings)
    state, given = rule.init(jax.random.key(0), hp), lesson(batch(), SPEC)
    rows, weight = given._replace(weight=jnp.ones(ROWS)), jnp.array([0.1, 0.3, 0.2, 0.05, 0.35, 0.0])
    if module is backprop and power == 1:  # as `mas` asks
        rows = rows._replace(weight=jnp.zeros(ROWS), match=Match(jnp.ones_like(given.top), jnp.full(ROWS, 2.0)))
    got = jax.jit(lambda rows: mean_of_powers(rule, state, hp, rows, weight, power))(rows)
    direct = jax.jit(lambda row: rule.direct(state, row, hp).direction)
    found = [direct(jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], rows)) for i in range(ROWS)]
    want = jax.tree.map(lambda *of_rows: sum(w * abs(d) ** power for w, d in zip(weight, of_rows, strict=True)), *found)
    assert jax.tree.structure(got) == jax.tree.structure(state.network)
    # Sums of float32 in another order; through settling, rows of a batch round otherwise than alone.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6 * float(b.max())), got, want)
    assert all(float(leaf.max()) > 0 for leaf in jax.tree.leaves(got))


@pytest.mark.slow
def test_squares_of_convolutions_are_those_of_each_row_over_all_places():
    spec = Spec((8, 8, 1), 3)
    rule, hp = backprop.rule(spec), replace(backprop.HParams(), {"architecture": "vgg5", "width": 2})
    state, x = rule.init(jax.random.key(0), hp), jax.random.normal(jax.random.key(1), (2, 8, 8, 1))
    rows = Lesson(x, jnp.eye(3)[:2], jnp.ones(2))
    got = mean_of_powers(rule, state, hp, rows, jnp.array([0.25, 0.75]), 2)
    alone = [rule.direct(state, jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], rows), hp).direction for i in (0, 1)]
    want = jax.tree.map(lambda a, b: 0.25 * a**2 + 0.75 * b**2, *alone)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6 * float(b.max())), got, want)


def test_no_array_of_the_program_has_a_weight_for_each_row():
    """Of a network of dense layers: 64 rows with 4 x 3 weights would be an array of 64 x 4 x 3."""
    rule, hp = backprop.rule(SPEC), replace(backprop.HParams(), LINEAR)
    state, given = rule.init(jax.random.key(0), hp), lesson(batch(rows=64), SPEC)
    text = str(jax.make_jaxpr(lambda rows: mean_of_powers(rule, state, hp, rows, given.weight, 2))(given))
    assert "[64,3]" in text
    assert "64,4,3" not in text


def test_the_path_integral_of_small_steps_is_the_decrease_of_the_cost():
    state, update, hp = made("si", {"lr": 1e-3, "output": "categorical"})
    costs = []
    for _ in range(50):
        state, info = update(state, batch(), hp)
        costs.append(float(info.log["surprise"].value))
    last = float(update(state, batch(), hp)[1].log["surprise"].value)
    total = sum(float(leaf.sum()) for leaf in jax.tree.leaves(state.measured))
    assert total == pytest.approx(costs[0] - last, rel=0.01)
    assert total > 0.01


def test_importance_of_a_path_is_relative_to_the_way_and_its_sum_over_tasks_is_never_negative():
    anchor, network, importance, measured = (
        (Dense(jnp.array([row])),)
        for row in ([1.0, 1, 1, 1], [1.0, 2, 1.5, 2], [0.0, 0.5, 0, 0], [0.2, -0.1, 0.3, -0.1])
    )
    state = State(MLPState(network, ()), anchor, importance, measured, jnp.ones((), int), jnp.zeros((), int), None)
    after = ended(state, Measure(si.of_batch, si.of_task, 1), si.HParams(damping=0.25))
    # 0.2 / 0.25; 0.5 - 0.1 / 1.25; 0.3 / (0.25 + 0.25); -0.1 / 1.25, cut off
    np.testing.assert_allclose(after.importance[0].w, [[0.8, 0.42, 0.6, 0.0]], rtol=1e-6)


def test_strengths_are_those_of_the_papers_whose_penalty_has_no_half():
    assert [learners.make(name, SPEC)[1].strength for name in ("si", "mas")] == [2 * 1.0, 2 * 1.0]


def test_the_direction_of_the_penalty_is_minus_its_gradient():
    state, _, _ = made("ewc", {})
    keys = jax.random.split(jax.random.key(3), 2)
    noise = [jax.tree.map(lambda w, key=key: jax.random.uniform(key, w.shape), state.anchor) for key in keys]
    state = state._replace(anchor=noise[0], importance=noise[1])

    def penalty(network):
        terms = jax.tree.map(lambda o, w, a: 0.5 * 1.7 * (o * (w - a) ** 2).sum(), noise[1], network, noise[0])
        return sum(jax.tree.leaves(terms))

    want = jax.tree.map(jnp.negative, jax.grad(penalty)(state.rule.network))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), penalty_direction(state, 1.7), want)


def test_importance_is_taken_at_the_end_of_a_task_and_earlier_ones_fade():
    state, update, hp = made("ewc", {"kept": 0.5, "strength": 0.1})
    ends = []
    for step, task in enumerate((0, 0, 1, 1, 1, 0)):
        before = state
        state, _ = update(state, batch(step, task), hp)
        if step in (2, 5):  # a task ended before this batch
            ends.append(before)
            want = jax.tree.map(lambda old, new: 0.5 * old + new, before.importance, before.measured)
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), state.importance, want)
            jax.tree.map(np.testing.assert_array_equal, state.anchor, before.rule.network)
            assert state.batches == 1
        else:
            jax.tree.map(np.testing.assert_array_equal, state.importance, before.importance)
    assert all((end.measured[0].w > 0).any() for end in ends)


@pytest.mark.parametrize("name", ["ewc", "si", "mas", "lwf"])
def test_without_strength_it_is_the_rule(name):
    """Up to the last bit: another program sums in another order."""
    (state, update, hp), (alone, own, own_hp) = (
        made(name, {"strength": 0.0} if name != "lwf" else {"distilled": 0.0}),
        made("backprop", {}),
    )
    for step, task in enumerate((0, 1, 1, 0)):
        state, alone = update(state, batch(step, task), hp)[0], own(alone, batch(step, task), own_hp)[0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), state.rule.network, alone.network)


@pytest.mark.parametrize("name", ["ewc", "si", "mas"])
def test_a_strong_penalty_holds_what_mattered(name):
    far = {}
    for strength in (0.0, 3.0):
        state, update, hp = made(name, {"strength": strength})
        for step in range(20):
            state, _ = update(state, batch(step % 2, 0), hp)
        anchor = state.rule.network
        for step in range(20):
            state, _ = update(state, batch(2 + step % 2, 1), hp)
        moves = jax.tree.map(lambda w, a, o: (o * (w - a) ** 2).sum(), state.rule.network, anchor, state.importance)
        far[strength] = float(sum(jax.tree.leaves(moves)))
        jax.tree.map(np.testing.assert_array_equal, state.anchor, anchor)
    assert far[3.0] < 0.5 * far[0.0]


def test_what_is_distilled_is_the_answer_before_the_task():
    state, update, hp = made("lwf", {"distilled": 1.0})
    state, _ = update(state, batch(0, 0), hp)
    first = state.rule.network
    state, _ = update(state, batch(1, 1), hp)  # the old network is the present one: nothing to learn
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-7), state.rule.network, first)
    jax.tree.map(np.testing.assert_array_equal, state.old, first)
    halfway, _ = update(state, batch(2, 1), hp.replace(distilled=np.float32(0.5)))
    assert (halfway.rule.network[0].w != first[0].w).any()
    assert state.task == halfway.task == 1


@pytest.mark.parametrize("output", ["categorical", "gaussian"])
def test_distillation_is_among_labels_of_earlier_tasks(output):
    """The new label is not held: the direction is that of the cost among old labels, written out."""
    given, known = lesson(batch(), SPEC), jnp.array([True, False, True])
    old, new = (
        backprop.rule(SPEC).init(jax.random.key(i), replace(backprop.HParams(), LINEAR)).network for i in (0, 1)
    )
    far = lwf.distilling(given, old, known, output)

    def cost_of(b):
        return rule.cost(output, far, given.x @ new[0].w + b)

    a, before = given.x @ new[0].w, given.x @ old[0].w
    if output == "categorical":
        want = jax.nn.softmax(a[:, known]) - jax.nn.softmax(before[:, known])
    else:
        want = (a - before)[:, known]
    got = jax.grad(cost_of)(jnp.zeros(3))
    np.testing.assert_allclose(got[known], want.mean(0), rtol=1e-4, atol=1e-6)
    assert got[1] == 0


def test_labels_are_known_once_their_task_has_ended():
    state, update, hp = made("lwf", {"output": "categorical"})
    for label, task in ((2, 0), (0, 1), (1, 1), (1, 2)):
        state, _ = update(state, batch(0, task)._replace(y=jnp.full(ROWS, label)), hp)
        known = {0: [0, 0, 0], 1: [0, 0, 1], 2: [1, 1, 1]}[task]
        np.testing.assert_array_equal(state.known, known)
