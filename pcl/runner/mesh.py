"""The mesh of devices of a program: runs side by side, and the devices that each run is divided among.

By default each run has one device. A run that is too large for one device is divided by the compiler (GSPMD: Xu et al.
(2021), arXiv:2105.04663): only the learner's state, the rows of a batch and the data are annotated, all else follows.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import PRNGKeyArray

from pcl.errors import UsageError, shown
from pcl.types import Batch, HParams, Info, Learner, Prediction, State

DATA = ("replicated", "sharded")
SMALL = 1024  # elements of an array that is not worth dividing


@dataclasses.dataclass(frozen=True)
class Division:
    """The layout of runs over devices.

    per_run: devices of one run.
    data: whether the arrays of a stream are replicated on these devices, or sharded over them.
    joined: whether they are the devices of all processes, which execute one program together; else those of this one.
    """

    per_run: int = 1
    data: str = DATA[0]
    joined: bool = False


_used = Division()


def use(division: Division) -> None:
    """Lay out all programs that are compiled from now on in this way.

    Raises:
      UsageError: the number of devices is not divisible, or there are no devices to shard data over.
    """
    global _used
    available = len(_devices(division)) if division.per_run > 1 else 1
    if available % division.per_run:
        where = "all processes together have" if division.joined else "this process has"
        raise UsageError(
            f"--devices_per_run={shown(division.per_run)}: {where} {available} devices; name a number that divides it"
        )
    if division.data == DATA[1] and division.per_run == 1:
        raise UsageError("--data_sharding=sharded: a run has one device; give it several with --devices_per_run")
    _used = division


@contextlib.contextmanager
def using(division: Division) -> Iterator[None]:
    """`use`, for the duration of a `with` block."""
    before = _used
    use(division)
    try:
        yield
    finally:
        use(before)


def used() -> Division:
    """The layout of programs that are compiled now."""
    return _used


def mesh() -> Mesh:
    """The devices, as an array of [runs side by side, devices of each], or [runs] where each run has one device.

    Callbacks to the host, of streams that it feeds and of watched runs, need a mesh without an axis of the compiler's.
    """
    devices = _devices(_used)
    if _used.per_run == 1:
        return jax.make_mesh((len(devices),), ("run",), axis_types=(AxisType.Auto,), devices=devices)
    shape = len(devices) // _used.per_run, _used.per_run
    return jax.make_mesh(shape, ("run", "part"), axis_types=(AxisType.Auto,) * 2, devices=devices)


def mode_text(mode: str) -> str:
    """The mode of a program as records give it."""
    return mode if _used.per_run == 1 else f"{mode}, {_used.per_run} devices a run"


def abreast() -> int:
    """Number of runs that are executed at the same time."""
    return len(_devices(_used)) // _used.per_run


def of_data(data: Any) -> Any:
    """The arrays of a stream on the devices of each run: whole, or a share on each."""
    return _put(data, lambda shape: _divided(shape) if _used.data == DATA[1] else P())


def of_runs(arguments: Any) -> Any:
    """Seeds and numbers, led by runs, as a program takes them."""
    return _put(arguments, lambda shape: P("run")) if _used.joined else arguments


def results() -> dict[str, Any]:
    """Options of `jax.jit`: where results are put. Each of several processes gets all of them."""
    return {"out_shardings": NamedSharding(mesh(), P())} if _used.joined else {}


def divided(learner: Learner) -> Learner:
    """The learner with its state, and the rows of its batches, divided among the devices of a run."""
    if _used.per_run == 1:
        return learner

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        return _constrained(learner.init(key, hp))

    def predict(state: State, x: Array, hp: HParams) -> Prediction:
        return learner.predict(state, _by_rows(x), hp)

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        state, info = learner.update(state, batch._replace(x=_by_rows(batch.x)), hp)
        return _constrained(state), info

    return Learner(init, predict, update)


def _devices(division: Division) -> list[jax.Device]:
    return jax.devices() if division.joined else jax.local_devices()


def _put(tree: Any, spec: Callable[[tuple[int, ...]], P]) -> Any:
    """Arrays on the mesh; every process has the same ones, and puts there what its devices hold."""
    devices = mesh()

    def put(leaf: Any) -> Array:
        sharding = NamedSharding(devices, spec(leaf.shape))
        if not _used.joined:
            return jax.device_put(leaf, sharding)
        whole = np.asarray(leaf)
        return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])

    return jax.tree.map(put, tree)


def _divided(shape: tuple[int, ...]) -> P:
    """The longest axis whose length is divisible is divided; small arrays are not."""
    even = [axis for axis, length in enumerate(shape) if length % _used.per_run == 0]
    if not even or math.prod(shape) < SMALL:
        return P()
    longest = max(even, key=lambda axis: shape[axis])
    return P(*(None,) * longest, "part")


def _constrained(state: State) -> State:
    def one(leaf: Array) -> Array:
        spec = P() if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else _divided(leaf.shape)
        return jax.lax.with_sharding_constraint(leaf, spec) if spec != P() else leaf

    return jax.tree.map(one, state)


def _by_rows(x: Array) -> Array:
    """Rows of a batch, an equal number on each device if their number is divisible."""
    return jax.lax.with_sharding_constraint(x, P("part")) if x.shape[0] % _used.per_run == 0 else x
