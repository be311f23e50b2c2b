"""Programs of live learners, compiled once: the first state, learning from rows in turn, and predictions.

A call costs JAX some microseconds for each array that goes in and comes out. So programs take a state as few arrays
(`Layout`), and the traced settings as one.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pcl import learners
from pcl.learners import Made
from pcl.life.labels import MISSING
from pcl.runner import devices
from pcl.types import Batch, HParams, Spec, State

SMALL = 2**12  # numbers in an array that is packed with others
Arrays = list[jax.Array]


class Layout(NamedTuple):
    """How a state is kept: the small arrays of each type in one, the others as they are.

    structure, leaves: of the state   together: the places of the leaves of each array
    """

    structure: Any
    leaves: list[jax.ShapeDtypeStruct]
    together: list[list[int]]

    @classmethod
    def of(cls, state: State) -> "Layout":
        """The layout of states like this one."""
        leaves, structure = jax.tree.flatten(state)
        small: dict[Any, list[int]] = {}
        alone = []
        for place, leaf in enumerate(leaves):
            if leaf.size > SMALL or jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                alone.append([place])
            else:
                small.setdefault(leaf.dtype, []).append(place)
        return cls(structure, leaves, [*small.values(), *alone])

    def pack(self, state: State) -> Arrays:
        """The arrays of a state."""
        leaves = jax.tree.leaves(state)
        return [
            leaves[places[0]] if len(places) == 1 else jnp.concatenate([leaves[place].ravel() for place in places])
            for places in self.together
        ]

    def unpack(self, arrays: Arrays) -> State:
        """The state in them."""
        leaves: list[Any] = [None] * len(self.leaves)
        for places, array in zip(self.together, arrays, strict=True):
            ends = np.cumsum([self.leaves[place].size for place in places])
            parts = [array] if len(places) == 1 else jnp.split(array, ends[:-1])
            for place, part in zip(places, parts, strict=True):
                leaves[place] = part.reshape(self.leaves[place].shape)
        return jax.tree.unflatten(self.structure, leaves)


def born(learner: Made, hp: HParams, seed: int) -> State:
    """The state before anything is learned."""
    return _compiled(*_about(learner, hp), 0, 0)[1](numbers(hp), jnp.uint32(seed))


def layout_of(learner: Made, hp: HParams) -> Layout:
    """How programs take the state."""
    return _compiled(*_about(learner, hp), 0, 0)[0]


def lived(learner: Made, hp: HParams, taught: int, asked: int) -> Callable[..., tuple[Arrays, jax.Array]]:
    """`(state, numbers, x[taught, ...], y[taught], n, query[asked, ...], ask) -> state, answer[asked, C]`.

    The first `n` rows teach in turn; then the queries are answered, if `ask` is true: logits of labels, or means of
    real targets. Without labels `y` is -1 or, of real targets, not a number. The memory of the state that is given is
    used for the one that is returned.
    """
    return _compiled(*_about(learner, hp), taught, asked)[1]


def numbers(hp: HParams) -> jax.Array:
    """The traced settings as a program takes them."""
    return jnp.asarray(jax.tree.leaves(hp), jnp.float32)


def _about(learner: Made, hp: HParams) -> tuple[Any, ...]:
    return learners.REGISTRY[learner.name].make, learner.name, learner.spec, jax.tree.structure(hp)


@functools.lru_cache(maxsize=128)
def _compiled(
    make: Any, name: str, spec: Spec, settings: Any, taught: int, asked: int
) -> tuple[Layout, Callable[..., Any]]:
    """The layout of the state and one program; lives of the same learner, shapes and static settings share it."""
    learner, _ = learners.make(name, spec)
    targets = bool(spec.num_targets)

    def init(numbers: jax.Array, seed: jax.Array) -> State:
        return _strong(learner.init(jax.random.key(seed), jax.tree.unflatten(settings, list(numbers))))

    def live(
        arrays: Arrays, numbers: jax.Array, x: jax.Array, y: jax.Array, n: jax.Array, query: jax.Array, ask: jax.Array
    ) -> tuple[Arrays, jax.Array]:
        hp = jax.tree.unflatten(settings, list(numbers))

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
        state = layout.unpack(arrays)
        state = jax.lax.fori_loop(0, n, teach, state) if taught else state
        nothing = jnp.zeros((asked, spec.outputs))
        output = jax.lax.cond(ask, answer, lambda state: nothing, state) if asked else nothing
        return layout.pack(state), output

    with devices.pinned():
        taken, seed = _array((settings.num_leaves,)), _array((), jnp.uint32)
        state = jax.eval_shape(init, taken, seed)
        layout = Layout.of(state)
        if not taught and not asked:
            return layout, jax.jit(init).lower(taken, seed).compile()
        y = _array((taught, spec.num_targets)) if targets else _array((taught,), jnp.int32)
        rows = _array((taught, *spec.input_shape)), y, _array((), jnp.int32)
        queries = _array((asked, *spec.input_shape)), _array((), bool)
        arrays = jax.eval_shape(layout.pack, state)
        return layout, jax.jit(live, donate_argnums=0).lower(arrays, taken, *rows, *queries).compile()


def _array(shape: tuple[int, ...] = (), dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def _strong(state: State) -> State:
    """The state with types of its own, which no number written in the code lends it."""
    return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, leaf.dtype), state)
