"""Batches and streams that a learner cannot mean are refused, and tasks are not told."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from pcl import learners
from pcl.errors import UsageError
from pcl.types import Batch, Info, Learner, Prediction, Spec

SPEC = Spec((5,), 3)


def made(name):
    return *learners.make(name, SPEC), SPEC


def batch_of(spec, n=4, **changes):
    true, zero = jnp.ones(n, bool), jnp.zeros(n, jnp.int32)
    return Batch(jnp.zeros((n, *spec.input_shape)), zero, true, true, zero)._replace(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": jnp.zeros((4, 6))}, r"inputs have shape \(4, 6\); expected \[B, 5\]"),
        ({"x": jnp.zeros(())}, r"inputs have shape \(\)"),
        ({"y": jnp.zeros((4, 1), jnp.int32)}, r"y has shape \(4, 1\); expected \(4,\)"),
        ({"y": jnp.zeros(4)}, "labels are float32; expected whole numbers"),
        ({"y": jnp.asarray([0, 1, 2, 3])}, "labels reach from 0 to 3; expected 0 to 2"),
        ({"labelled": jnp.ones(3, bool)}, r"labelled has shape \(3,\)"),
        ({"valid": jnp.ones((), bool)}, r"valid has shape \(\)"),
    ],
)
def test_batches_of_other_shapes_than_announced_are_refused(changes, message):
    learner, hp, spec = made("pcn")
    with pytest.raises(UsageError, match=message):
        learner.update(None, batch_of(spec, **changes), hp)


def test_labels_of_rows_that_do_not_teach_may_be_anything():
    learner, hp, spec = made("ncm")
    state = learner.init(jax.random.key(0), hp)
    rows = jnp.asarray([True, True, True, False])
    learner.update(state, batch_of(spec, y=jnp.asarray([0, 1, 2, -1]), labelled=rows), hp)


@pytest.mark.parametrize(
    "spec",
    [Spec((), 3), Spec((0,), 3), Spec((5.0,), 3), Spec([5], 3), Spec((5,), 0), Spec((5,), -1), Spec((5,), 3, 2)],
    ids=str,
)
def test_streams_that_announce_nothing_to_learn_are_refused(spec):
    with pytest.raises(UsageError, match=r"give the shape of one input|give a number of labels or of real targets"):
        learners.make("pcn", spec)


class Peek(NamedTuple):
    """The last tasks that a learner saw."""

    task: jax.Array


def peeking(told):
    """The entry of a learner that keeps what it sees of tasks."""

    def update(state, batch, hp):
        return Peek(batch.task), Info()

    learner = Learner(lambda key, hp: Peek(jnp.full(2, -1)), lambda state, x, hp: Prediction(logits=x), update)
    entry = learners.REGISTRY["ncm"]
    return entry._replace(make=lambda spec: learner, told=told)


@pytest.mark.parametrize("told", [False, True])
def test_a_learner_that_peeks_gets_nothing_unless_it_is_told(told, monkeypatch):
    monkeypatch.setitem(learners.REGISTRY, "peeking", peeking(told))
    learner, hp = learners.make("peeking", Spec((3,), 3))
    batch = Batch(jnp.zeros((2, 3)), jnp.zeros(2, int), jnp.ones(2, bool), jnp.ones(2, bool), jnp.asarray([3, 7]))
    state, _ = learner.update(learner.init(jax.random.key(0), hp), batch, hp)
    assert state.task.tolist() == ([3, 7] if told else [0, 0])


@pytest.mark.slow
@pytest.mark.parametrize("name", learners.REGISTRY)
def test_the_program_of_a_learner_reads_tasks_if_and_only_if_it_is_told(name):
    entry = learners.REGISTRY[name]
    spec = Spec((5,), 3) if entry.labels else Spec((5,), 0, 5)
    learner, hp = learners.make(name, spec)
    y = jnp.zeros((4, 5)) if spec.num_targets else jnp.zeros(4, jnp.int32)
    state, true = jax.eval_shape(learner.init, jax.random.key(0), hp), jnp.ones(4, bool)

    def update(task, state):
        return learner.update(state, Batch(jnp.zeros((4, 5)), y, true, true, task), hp)

    program = jax.make_jaxpr(update)(jnp.zeros(4, jnp.int32), state).jaxpr
    task = program.invars[0]
    assert (task in program.outvars or any(task in e.invars for e in program.eqns)) == entry.told
