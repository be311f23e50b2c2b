"""Learners on a code that develops: once its critical period is over they know what the code that stays shows them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.code import code
from pcl.fields import replace
from pcl.learners.features import FeatureHParams, developing
from pcl.types import Batch, Info, Learner, Logged, Prediction, Spec

SPEC = Spec((8, 8), 3)
SETTINGS = {"features": "code", "patch": "3,5", "atoms": "4,5", "grid": 2, "critical": 24, "glimpses": 10}


def batches(n, size=8):
    rng = np.random.default_rng(0)
    true = jnp.ones((n, size), bool)
    y = jnp.asarray(rng.integers(0, 3, (n, size)), jnp.int32)
    x = jnp.asarray(rng.normal(size=(n, size, 8, 8)).cumsum(2), jnp.float32)
    return Batch(x, y, true, true, jnp.zeros_like(y))


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("ncm", "parallax")]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rls", "generative", *SLOW])
def test_what_is_known_is_what_the_code_that_stays_shows(name):
    """A life with a critical period ends where one ends that was born with the finished code.

    The same sums of float32, in the same order and batches: rounding differs by the two programs alone.
    """
    learner, hp = learners.make(name, SPEC)
    hp = jax.tree.map(np.float32, replace(hp, SETTINGS))
    live = jax.jit(lambda state, some: jax.lax.scan(lambda s, b: (learner.update(s, b, hp)[0], None), state, some)[0])
    fresh, some = learner.init(jax.random.key(0), hp), batches(6)
    developed = live(fresh, some)
    assert developed.code.closed
    after = live(developed, some)  # the code itself stays as it is, to the last bit
    jax.tree.map(np.testing.assert_array_equal, *(jax.tree.leaves(state.code)[1:] for state in (after, developed)))
    born_ready = live(fresh._replace(code=developed.code), some)
    for got, want in zip(jax.tree.leaves(developed[1:]), jax.tree.leaves(born_ready[1:]), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_code_that_develops_teaches_nothing_yet():
    learner, hp = learners.make("rls", SPEC)
    hp = jax.tree.map(np.float32, replace(hp, SETTINGS))
    fresh = learner.init(jax.random.key(0), hp)
    first = jax.tree.map(lambda leaf: leaf[0], batches(1))
    state, _ = jax.jit(learner.update)(fresh, first, hp)
    assert state.code.stored == 8
    assert not state.synapses.w.any()


class Heard(NamedTuple):
    """What a rule that adds up codes has heard."""

    code: code.Code
    total: Any
    samples: Any


@pytest.mark.slow
@pytest.mark.parametrize("critical", [24, 29])
def test_a_rule_hears_of_every_sample_once_with_the_code_that_stays(critical):
    """Sums of codes are those of the finished code over all samples, whether or not batches fill its memory."""
    hp = FeatureHParams(**SETTINGS).replace(critical=critical)

    def init(key, hp):
        fresh = code.init(key, SPEC, hp)
        return Heard(fresh, jnp.zeros_like(fresh.mean), jnp.zeros((), jnp.int32))

    def update(state, batch, hp):
        teaches = batch.valid & batch.labelled
        phi = jnp.where(teaches[:, None], code.encode(state.code, batch.x, hp), 0.0)
        heard = state._replace(total=state.total + phi.sum(0), samples=state.samples + teaches.sum())
        return heard, Info(Prediction(batch.x[:, 0, :3]), {"surprise": Logged(state.samples, "last")})

    learner, lessons = developing(Learner(init, lambda state, x, hp: Prediction(x[:, 0, :3]), update)), batches(6)
    live = jax.jit(lambda state, some: jax.lax.scan(lambda s, b: learner.update(s, b, hp), state, some))
    state, info = live(learner.init(jax.random.key(0), hp), lessons)
    phi = jax.jit(lambda state, x: code.encode(state, x, hp))(state.code, lessons.x.reshape(-1, 8, 8))
    assert state.samples == 48
    np.testing.assert_allclose(state.total, phi.sum(0), rtol=1e-4, atol=1e-5)
    # What an update tells is of the batch that arrived, before anything was learned from it or from memory.
    np.testing.assert_array_equal(info.prediction.logits, lessons.x[:, :, 0, :3])
    assert info.log["surprise"].value.tolist() == [0, 0, 0, 24, 32, 40]
