"""Lessons: their cost, and that every rule's step is one along its direction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.conformance.compared import assert_close
from pcl.errors import UsageError
from pcl.fields import replace
from pcl.learners import backprop, mlp, pcn
from pcl.learners.rule import Lesson, Match, cost
from pcl.types import Spec

SPEC = Spec((4,), 3)
RNG = np.random.default_rng(0)
X, A = (jnp.asarray(RNG.normal(size=shape), jnp.float32) for shape in ((5, 4), (5, 3)))
TOP = jax.nn.one_hot(jnp.array([0, 1, 1, 0, 1]), 3)
WEIGHT = jnp.array([0.3, 0.1, 0.0, 0.2, 0.4])
TWO = jnp.tile(jnp.array([True, True, False]), (5, 1))


def test_the_cost_of_a_lesson_is_the_weighted_sum_over_its_rows():
    picked = jax.nn.log_softmax(A)[jnp.arange(5), TOP.argmax(1)]
    np.testing.assert_allclose(cost("categorical", Lesson(X, TOP, WEIGHT), A), -(WEIGHT @ picked), rtol=1e-6)
    match = Match(2 * A, 1 - WEIGHT)
    both = cost("categorical", Lesson(X, TOP, WEIGHT, match=match), A)
    np.testing.assert_allclose(both, -(WEIGHT @ picked) + 0.5 * (1 - WEIGHT) @ (A**2).sum(1), rtol=1e-6)


@pytest.mark.parametrize("output", ["categorical", "gaussian", "bernoulli"])
def test_outputs_that_take_no_part_are_as_if_they_were_not_there(output):
    of_two = cost(output, Lesson(X, TOP[:, :2], WEIGHT), A[:, :2])
    among = Lesson(X, TOP, WEIGHT, among=TWO)
    np.testing.assert_allclose(cost(output, among, A), of_two, rtol=1e-6)
    gradient = jax.grad(lambda a: cost(output, among, a))(A)
    np.testing.assert_array_equal(gradient[:, 2], 0)
    assert (gradient[0, :2] != 0).all()


@pytest.mark.parametrize("name", ["backprop", "pcn"])
def test_a_rule_learns_by_a_step_along_its_direction(name):
    entry = learners.REGISTRY[name]
    rule, hp = entry.rule(SPEC), replace(entry.hparams, {"width": 6})
    state, given = rule.init(jax.random.key(0), hp), Lesson(X, TOP, WEIGHT)
    move = jax.jit(rule.direct)(state, given, hp)
    stepped = mlp.ascend(move.state, move.direction, hp, jnp.asarray(True))
    assert_close(stepped, jax.jit(rule.learn)(state, given, hp)[0])


def test_predictive_coding_mixes_what_is_to_be_matched_into_the_target():
    """Its one target has the derivative of the sum of both costs, so that settling is that of the sum."""
    lesson = Lesson(X, TOP, WEIGHT, match=Match(2 * A - 1, 1 - WEIGHT))
    one = pcn.one_target(lesson, pcn.HParams())
    assert one.match is None
    derivatives = [jax.grad(lambda a, of=of: cost("gaussian", of, a))(A) for of in (lesson, one)]
    np.testing.assert_allclose(*derivatives, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "lesson", "why"),
    [
        ({"output": "categorical"}, Lesson(X, TOP, WEIGHT, match=Match(A, WEIGHT)), "output=categorical, precision=id"),
        ({"precision": "diagonal"}, Lesson(X, TOP, WEIGHT, match=Match(A, WEIGHT)), "output=gaussian, precision=diag"),
        ({"output": "categorical"}, Lesson(X, TOP, WEIGHT, among=TWO), "none can be left out; set output=gaussian"),
        ({"inference": "ipc"}, Lesson(X, TOP, WEIGHT), "inference=ipc moves the weights while it settles"),
    ],
)
def test_what_predictive_coding_cannot_do_is_refused(settings, lesson, why):
    rule, hp = pcn.rule(SPEC), replace(pcn.HParams(), {"width": 6} | settings)
    state = rule.init(jax.random.key(0), hp)
    with pytest.raises(UsageError, match=why):
        rule.direct(state, lesson, hp)


def test_backpropagation_takes_the_gradient_of_a_lesson():
    hp = replace(backprop.HParams(), {"width": 6, "output": "categorical"})
    rule = backprop.rule(SPEC)
    state = rule.init(jax.random.key(0), hp)
    lesson = Lesson(X, TOP, WEIGHT, TWO, Match(A, 1 - WEIGHT))

    def loss(network):
        return cost("categorical", lesson, mlp.predict(SPEC, network, X).logits)

    want = jax.tree.map(jnp.negative, jax.grad(loss)(state.network))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        rule.direct(state, lesson, hp).direction,
        want,
    )
