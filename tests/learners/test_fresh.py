"""A fresh network is the rule itself until the context changes, and then one that has seen nothing."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from pcl import learners
from pcl.fields import replace
from pcl.types import Batch, Spec

SPEC = Spec((4,), 3)


def batch(task, seed=0, valid=True):
    rng = np.random.default_rng(seed)
    flags = jnp.full(2, valid)
    x, y = jnp.asarray(rng.normal(size=(2, 4)), jnp.float32), jnp.asarray(rng.integers(0, 3, 2), jnp.int32)
    return Batch(x, y, flags, flags, jnp.full(2, task, jnp.int32))


@functools.cache
def made(name):
    learner, hp = learners.make(name, SPEC)
    hp = jax.tree.map(np.float32, replace(hp, {"width": 4, "depth": 1}))
    state = learner.init(jax.random.key(0), hp)
    return state, jax.jit(lambda state, batch: learner.update(state, batch, hp)[0])


def same(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(bool((a == b).all()) for a, b in pairs)


def test_it_is_the_rule_within_a_context_and_knows_nothing_of_the_one_before():
    (state, update), (alone, alone_update) = made("fresh"), made("backprop")
    for seed in range(3):
        state, alone = update(state, batch(1, seed)), alone_update(alone, batch(1, seed))
    assert same(state.rule, alone)
    padding = update(state, batch(2, valid=False))
    assert same(padding.rule, state.rule)
    assert padding.task == 1
    moved = update(state, batch(2))
    assert moved.starts == 1
    # Whatever was learned before, the second start is the same, and not the first one.
    unlearned = update(made("fresh")[0], batch(1))
    assert same(update(unlearned, batch(2)).rule, moved.rule)
    assert not same(moved.rule, unlearned.rule)
    back = update(moved, batch(1))
    assert (back.task, back.starts) == (1, 2)
