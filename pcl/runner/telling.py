"""Reports from inside a compiled program: every few steps the host receives the progress of the runs.

The loop over steps is divided, and nothing is added to a step. What the steps since the last report logged is averaged
after them, and one callback carries it to the host, which answers with the number of steps to the next report. Members
of a `vmap` report together.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import io_callback

from pcl.errors import UsageError
from pcl.types import HParams, Logged, State

# Numbers in one argument of a callback. An argument above 100 kB is copied by a thread of the CPU's pool while the
# callback waits. If programs on several devices hold all threads, this is a deadlock.
LARGEST = 2**14
BLOCK = 512  # steps that are added up at once
ACCURACY = "prequential_acc"

Measure = Callable[[State, HParams], Mapping[str, Array]]


class Place(NamedTuple):
    """A run among those that one program executes: its number, and the steps to its first report (0: unknown)."""

    member: Array
    pause: Array


class Teller(NamedTuple):
    """How a compiled program reports.

    first: steps until the first report, where no run before it has told the pace.
    hear: (names, pieces of a report, which `heard` joins) -> steps until the next report, on the host.
    measures: own metrics of a state, computed for each report.
    """

    first: int
    hear: Callable[[tuple[str, ...], Sequence[Any]], Any]
    measures: tuple[Measure, ...] = ()


def told(
    teller: Teller, advance: Callable[..., Any], place: Place, hp: HParams, reached: Any, done: Any, until: Any
) -> tuple[Any, Array]:
    """`advance(reached, done, until)` in pieces with a report after each, and the steps from the last to the next.

    `reached` is ((state, …), (log, …)).
    """

    def piece(now: tuple[Any, Array, Array]) -> tuple[Any, Array, Array]:
        reached, done, pause = now
        end = jnp.minimum(done + pause, until)
        reached = advance(reached, done, end)
        values = means(reached[1][0], done, end)
        for measure in teller.measures:
            values = _joined(values, measure(reached[0][0], hp))
        return reached, end, _call(teller.hear, values, place.member, end)

    pause = jnp.where(place.pause > 0, place.pause, teller.first)
    reached, _, pause = jax.lax.while_loop(lambda now: now[1] < until, piece, (reached, jnp.int32(done), pause))
    return reached, pause


def means(log: Mapping[str, Logged], done: Array, until: Array) -> dict[str, Array]:
    """Prequential accuracy of the steps from `done` up to `until`, and the mean of each number that they logged.

    A number is averaged as it adds up: over rows, or over steps (events too, which are a rate then); of a `last` one
    it is the latest. Arrays are left out, and a mean over no row is NaN.
    """
    numbers = {name: logged for name, logged in log.items() if logged.value.ndim == 1}
    sums = _sums({name: logged.value for name, logged in numbers.items()}, done, until)
    found = {ACCURACY: sums["hits"] / sums["seen"]}
    for name, logged in numbers.items():
        if logged.per == "last":
            found[name] = logged.value[until - 1]
        elif name not in ("hits", "seen", "taught"):
            found[name] = sums[name] / sums.get(logged.per, (until - done).astype(jnp.float32))
    return found


def _sums(steps: dict[str, Array], done: Array, until: Array) -> dict[str, Array]:
    """Sums over the steps from `done` up to `until`, in blocks, because their number is not known beforehand."""
    length = min(BLOCK, len(next(iter(steps.values()))))

    def add(i: Array, sums: dict[str, Array]) -> dict[str, Array]:
        wanted = done + i * length
        start = jnp.minimum(wanted, len(next(iter(steps.values()))) - length)
        at = start + jnp.arange(length)
        inside = (at >= wanted) & (at < until)
        block = {name: jax.lax.dynamic_slice(value, (start,), (length,)) for name, value in steps.items()}
        return {name: sums[name] + jnp.where(inside, value, 0.0).sum() for name, value in block.items()}

    return jax.lax.fori_loop(0, -(-(until - done) // length), add, dict.fromkeys(steps, jnp.float32(0)))


def _joined(values: dict[str, Array], own: Mapping[str, Array]) -> dict[str, Array]:
    for name, value in own.items():
        if name in values or jnp.shape(value) != ():
            raise UsageError(f"own metric {name!r} of shape {jnp.shape(value)}: expected a number under a new name")
    return values | {name: jnp.asarray(value, jnp.float32) for name, value in own.items()}


def _call(hear: Callable[..., Any], values: dict[str, Array], member: Array, step: Array) -> Array:
    """Steps until the next report, which the host says; one callback for all members of a `vmap`.

    All that a member says is one row of one array: a callback costs the host about 0.1 ms for each array.
    """

    def call(rows_MK: Array) -> Array:
        most = max(1, LARGEST // rows_MK.shape[1])
        pieces = [rows_MK[i : i + most] for i in range(0, len(rows_MK), most)]
        return io_callback(functools.partial(hear, tuple(values)), jax.ShapeDtypeStruct((), np.int32), pieces)

    @jax.custom_batching.custom_vmap
    def one(row_K: Array) -> Array:
        return call(row_K[None])

    @one.def_vmap
    def many(size: int, batched: Any, rows_MK: Array) -> tuple[Array, bool]:
        return call(rows_MK), False

    numbers = jnp.stack([jnp.asarray(value, jnp.float32) for value in values.values()])
    where = jnp.stack([member, step])
    return one(jnp.concatenate([where, jax.lax.bitcast_convert_type(numbers, jnp.int32)]))


def heard(pieces: Sequence[Any]) -> tuple[int, int, np.ndarray]:
    """The first member, the step and values[members, names] of a report, from what a callback brings."""
    rows = np.concatenate([np.asarray(piece) for piece in pieces])
    return int(rows[0, 0]), int(rows[0, 1]), rows[:, 2:].view(np.float32)
