"""Compiled once a learner: the first state, learning from rows one after the other, and answers.

Programs take a state and numbers as lists of arrays: JAX takes apart no tree at each call.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from pcl import learners
from pcl.learners import Made
from pcl.life.labels import MISSING
from pcl.runner import devices
from pcl.types import Batch, HParams, Spec, State

Leaves = list[jax.Array]


def born(learner: Made, hp: HParams, seed: int) -> State:
    """The state before anything is learned."""
    structure, start = _compiled(*_about(learner, hp), 0, 0)
    return jax.tree.unflatten(structure, start(numbers(hp), jnp.uint32(seed)))


def lived(learner: Made, hp: HParams, taught: int, asked: int) -> Callable[..., tuple[Leaves, jax.Array]]:
    """`(state, numbers, x[taught, ...], y[taught], n, query[asked, ...], ask) -> state, answer[asked, C]`.

    The first `n` rows teach in turn; then the queries are answered, if `ask` is true: logits of labels, or means of
    real targets. Without labels `y` is -1 or, of real targets, not a number. The memory of the state that is given is
    used for the one that is returned.
    """
    return _compiled(*_about(learner, hp), taught, asked)[1]


def numbers(hp: HParams) -> Leaves:
    """The traced numbers as a program takes them."""
    return [jnp.float32(number) for number in jax.tree.leaves(hp)]


def _about(learner: Made, hp: HParams) -> tuple[Any, ...]:
    return learners.REGISTRY[learner.name].make, learner.name, learner.spec, jax.tree.structure(hp)


@functools.lru_cache(maxsize=128)
def _compiled(
    make: Any, name: str, spec: Spec, settings: Any, taught: int, asked: int
) -> tuple[Any, Callable[..., Any]]:
    """The structure of the state and one program; lives of the same learner, shapes and static settings share it."""
    learner, _ = learners.make(name, spec)
    targets = bool(spec.num_targets)

    def init(numbers: Leaves, seed: jax.Array) -> State:
        return _strong(learner.init(jax.random.key(seed), jax.tree.unflatten(settings, numbers)))

    def live(
        leaves: Leaves, numbers: Leaves, x: jax.Array, y: jax.Array, n: jax.Array, query: jax.Array, ask: jax.Array
    ) -> tuple[Leaves, jax.Array]:
        hp = jax.tree.unflatten(settings, numbers)

        def teach(i: Any, state: State) -> State:
            x_1, y_1 = (jax.lax.dynamic_slice_in_dim(array, i, 1) for array in (x, y))
            missing_1 = jnp.isnan(y_1).any(1) if targets else y_1 == MISSING
            kept = jnp.where(missing_1[:, None] if targets else missing_1, 0, y_1)
            batch = Batch(x_1, kept, ~missing_1, jnp.ones(1, bool), jnp.zeros(1, jnp.int32))
            return _strong(learner.update(state, batch, hp)[0])

        def answer(state: State) -> jax.Array:
            prediction = learner.predict(state, query, hp)
            return jnp.asarray(prediction.mean if targets else prediction.logits)

        # A loop for a single row, too: XLA's operations on CPUs wait less for each other in a loop.
        state = jax.tree.unflatten(structure, leaves)
        state = jax.lax.fori_loop(0, n, teach, state) if taught else state
        nothing = jnp.zeros((asked, spec.outputs))
        output = jax.lax.cond(ask, answer, lambda state: nothing, state) if asked else nothing
        return jax.tree.leaves(state), output

    with devices.pinned():
        taken = [_array()] * settings.num_leaves
        state = jax.eval_shape(init, taken, _array((), jnp.uint32))
        structure, leaves = jax.tree.structure(state), jax.tree.leaves(state)
        if not taught and not asked:
            start = jax.jit(lambda *given: jax.tree.leaves(init(*given)))
            return structure, start.lower(taken, _array((), jnp.uint32)).compile()
        y = _array((taught, spec.num_targets)) if targets else _array((taught,), jnp.int32)
        rows = _array((taught, *spec.input_shape)), y, _array((), jnp.int32)
        queries = _array((asked, *spec.input_shape)), _array((), bool)
        return structure, jax.jit(live, donate_argnums=0).lower(leaves, taken, *rows, *queries).compile()


def _array(shape: tuple[int, ...] = (), dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def _strong(state: State) -> State:
    """The state with types of its own, which no number written in the code lends it."""
    return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, leaf.dtype), state)
