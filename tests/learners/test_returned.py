"""A learner that returns what is not of the contract is refused where it is traced, in one line that names it."""

import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from pcl import learners
from pcl.errors import UsageError
from pcl.types import Batch, Info, Learner, Logged, Prediction, Spec

LABELS, REAL = Spec((5,), 3), Spec((5,), 0, 2)
ROWS = 4
UPDATE = "update must return (state, Info(...)); it returned "
CHANGES = "update changes the state at "


class State(NamedTuple):
    """A weight of a number of the code's type, and an array."""

    count: jax.Array
    inner: dict


def right_predict(state, x):
    return Prediction(logits=jnp.zeros((len(x), 3)))


def right_update(state, x):
    return State(state.count + 1.0, state.inner), Info(right_predict(state, x), {"n": Logged(1, "count")})


def traced(monkeypatch, spec=LABELS, predict=right_predict, update=right_update):
    """The shapes that both functions of a learner return, which is made as users make it."""
    own = Learner(
        lambda key, hp: State(jnp.asarray(0), {"w": jnp.zeros(3)}),
        lambda state, x, hp: predict(state, x),
        lambda state, batch, hp: update(state, batch.x),
    )
    entry = learners.REGISTRY["ncm"]._replace(make=lambda spec: own, targets=True)
    monkeypatch.setitem(learners.REGISTRY, "mine", entry)
    learner, hp = learners.make("mine", spec)
    true, zero = jnp.ones(ROWS, bool), jnp.zeros(ROWS, int)
    batch = Batch(jnp.zeros((ROWS, 5)), jnp.zeros((ROWS, 2)) if spec.num_targets else zero, true, true, zero)

    def both():
        state = learner.init(jax.random.key(0), hp)
        return learner.predict(state, batch.x, hp), learner.update(state, batch, hp)

    return jax.eval_shape(both)


def refusal(monkeypatch, *args, **functions):
    """The line that tells what is wrong; JAX adds a note of its own to an error, which no command prints."""
    with pytest.raises(UsageError) as caught:
        traced(monkeypatch, *args, **functions)
    return str(caught.value)


def test_what_is_of_the_contract_is_returned_as_it_is(monkeypatch):
    """A number of the code's type may become one of the learner's, as JAX lets it in a scan."""
    prediction, (state, info) = traced(monkeypatch)
    assert prediction.logits.shape == (ROWS, 3)
    assert state.count.dtype == jnp.float32
    assert set(info.log) == {"n", "skipped"}


EXPECTED = "; expected Prediction(logits=...) of shape (4, 3), one a label"


@pytest.mark.parametrize(
    ("predict", "said"),
    [
        (lambda s, x: jnp.zeros((4, 3)), "an array float32[4, 3]" + EXPECTED),
        (lambda s, x: None, "NoneType" + EXPECTED),
        (lambda s, x: Prediction(mean=x), "no logits" + EXPECTED),
        (lambda s, x: Prediction(jnp.zeros((4, 2))), "logits of shape (4, 2); expected (4, 3)"),
        (lambda s, x: Prediction(jnp.zeros(3)), "logits of shape (3,); expected (4, 3)"),
        (lambda s, x: Prediction(jnp.zeros((4, 3)), query=x), "query of shape (4, 5); expected (4,)"),
    ],
)
def test_predictions_that_are_none_or_of_another_shape(predict, said, monkeypatch):
    assert refusal(monkeypatch, predict=predict) == f"learner mine: predict returned {said}"


def test_means_of_another_shape(monkeypatch):
    said = refusal(monkeypatch, REAL, lambda s, x: Prediction(mean=x[:, :1]))
    assert said == "learner mine: predict returned mean of shape (4, 1); expected (4, 2)"
    said = refusal(monkeypatch, REAL)
    assert said == (
        "learner mine: predict returned no mean; expected Prediction(mean=...) of shape (4, 2), one a real target"
    )


@pytest.mark.parametrize(
    ("update", "said"),
    [
        (lambda s, x: s, UPDATE + "State"),
        (lambda s, x: (s, x), UPDATE + "(State, an array float32[4, 5])"),
        (lambda s, x: (s, {}), UPDATE + "(State, dict)"),
        (lambda s, x: (Info(), s), UPDATE + "(Info, State)"),
        (lambda s, x: (s, Info(log={"n": 1})), "Info.log['n'] must be Logged(value, per); it is int"),
        (
            lambda s, x: (s._replace(inner={"w": x}), Info()),
            CHANGES + ".inner['w']: float32[3] becomes float32[4, 5]",
        ),
        (
            lambda s, x: (s._replace(inner={"w": s.inner["w"].astype(int)}), Info()),
            CHANGES + ".inner['w']: float32[3] becomes int32[3]",
        ),
        (lambda s, x: (s._replace(inner={}), Info()), CHANGES + ".inner['w']: float32[3] becomes nothing"),
        (
            lambda s, x: (s._replace(inner=s.inner | {"v": x}), Info()),
            CHANGES + ".inner['v']: nothing becomes float32[4, 5]",
        ),
        (lambda s, x: (s._replace(count=[s.count]), Info()), CHANGES + ".count: int32[] becomes nothing"),
        (lambda s, x: (s, Info(Prediction(x))), "Info.prediction holds logits of shape (4, 5); expected (4, 3)"),
    ],
)
def test_updates_that_return_something_else(update, said, monkeypatch):
    assert refusal(monkeypatch, update=update) == f"learner mine: {said}"


def test_a_state_of_other_containers(monkeypatch):
    class Other(NamedTuple):
        count: jax.Array
        inner: dict

    said = refusal(monkeypatch, update=lambda s, x: (Other(*s), Info()))
    assert re.match("learner mine: update changes the structure of the state: .*State.* becomes .*Other", said)
