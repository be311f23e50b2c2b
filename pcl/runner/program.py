"""The compiled program of a static group: a batch of runs, sharded over the local devices."""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec as P

from pcl import learners, streams
from pcl.errors import UsageError
from pcl.evaluation.record import Record
from pcl.fields import INT32, as_dict
from pcl.runner import devices, families, memory, segments
from pcl.runner import mesh as meshes
from pcl.runner.run import Run, Segments, make_run, make_segments
from pcl.runner.segments import Checkpoints
from pcl.runner.sweep import RunConfig
from pcl.runner.telling import Place
from pcl.runner.watch import Watch
from pcl.types import Data, HParams, Learner, Stream

BASE_KEY = 0  # the key of a run is fold_in(key(BASE_KEY), seed), whatever else is swept


@dataclasses.dataclass
class Program:
    """The compiled batch of runs of one static group."""

    stream: Stream
    learner: Learner
    data: Data
    width: int
    mode: str
    executable: Any  # of a batch of runs, or of each of their segments
    compile_s: float
    memory: int  # bytes: arguments, results and temporaries of one call
    checkpoints: Checkpoints | None = None
    watch: Watch | None = None

    def __call__(self, runs: Sequence[RunConfig]) -> Record:
        """Execute up to `width` runs of the group and wait for them; each array leads with `width`."""
        return self.lived(runs)[0][0]

    def lived(self, runs: Sequence[RunConfig]) -> tuple[tuple[Any, ...], float]:
        """Records, with final states if the group was compiled to return them, and the seconds that they took.

        Raises:
          UsageError: a checkpoint is damaged, or cannot be written.
          Interrupted: a signal came, and a checkpoint has been written.
        """
        arguments, steps = (*meshes.of_runs(arguments_of(runs, self.width)), self.data), self.stream.steps
        with self.watch.chunk(runs, steps) if self.watch else contextlib.nullcontext():
            if self.checkpoints is not None:
                file = self._checkpoint(runs)
                return segments.lived(self.executable, steps, len(runs), self.checkpoints, file, *arguments)
            start = time.perf_counter()
            ended = jax.block_until_ready(self.executable(*arguments, None))
            return ended, time.perf_counter() - start

    def stored(self, runs: Sequence[RunConfig]) -> None:
        """The records of these runs are stored: no checkpoint is needed any more."""
        if self.checkpoints is not None:
            self._checkpoint(runs).unlink(missing_ok=True)

    def _checkpoint(self, runs: Sequence[RunConfig]) -> Path:
        assert self.checkpoints is not None
        return self.checkpoints.file([run.run_id for run in runs], self.width, self.mode)

    def state_bytes(self, hp: HParams) -> int:
        """Bytes of the learner's state in a run with these settings."""
        state = jax.eval_shape(self.learner.init, jax.random.key(BASE_KEY), hp)
        return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))


def compile_group(
    config: RunConfig,
    width: int,
    mode: str,
    final_state: bool = False,
    checkpoints: Checkpoints | None = None,
    watch: Watch | None = None,
) -> Program:
    """Trace and compile the program of a static group once, for `width` runs at a time.

    The program returns records, and with `final_state` the final states of the learners. With `checkpoints` it runs in
    segments. With `watch` it reports its progress; JAX does not keep such a program for the next command.

    If the program needs more memory than a device has, it is compiled again with a smaller width.

    Raises:
      UsageError: settings contradict each other, do not fit the source, or a single run does not fit.
    """
    stream, data, learner, run, pieces = _made(config, watch)
    mesh, data = meshes.mesh(), meshes.of_data(data)
    sharded = functools.partial(_sharded, mode=mode, mesh=mesh)
    arguments = *meshes.of_runs(arguments_of([config], width)), data
    start = time.perf_counter()
    executable: Any
    try:
        if checkpoints is None:
            whole = functools.partial(_whole, run, 1 + final_state)
            executable = largest = sharded(whole, told=watch is not None).lower(*arguments, None).compile()
        else:
            executable = segments.compiled(pieces, sharded, final_state, watch is not None, *arguments)
            largest = executable.advance
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            raise too_large(config, "is compiled") from error
        raise
    except NotImplementedError as error:  # by JAX, for a host callback in a partitioned program
        if meshes.used().per_run == 1:
            raise
        raise UsageError(
            f"{_named(config)}: a run on several devices cannot call the host; set feed=device, or --devices_per_run=1"
        ) from error
    analysis: Any = largest.memory_analysis()
    needed = analysis.temp_size_in_bytes + analysis.argument_size_in_bytes + analysis.output_size_in_bytes
    abreast, budget = meshes.abreast(), devices.memory_budget()
    per_device = width // abreast
    if needed > budget:
        if per_device == 1:
            raise UsageError(f"{_named(config)}: one run takes {memory.text(needed)}; {_room(budget)}")
        narrower = max(1, int(per_device * budget / needed)) * abreast
        return compile_group(config, narrower, mode, final_state, checkpoints, watch)
    about = stream, learner, data, width, meshes.mode_text(mode)
    return Program(*about, executable, time.perf_counter() - start, needed, checkpoints, watch)


def _whole(run: Run, parts: int, key: Any, hp: HParams, data: Any, reached: Any, *place: Place) -> Any:
    """The first `parts` of what a run returns, and the steps to the next report where it has a place."""
    lived = run(key, hp, data, *place)
    return (lived[0][:parts], lived[1]) if place else lived[:parts]


def _sharded(one: Any, mode: str, mesh: jax.sharding.Mesh, told: bool = False, **options: Any) -> Any:
    """A jitted batch of `one(key, hp, data, reached)`, whose seeds, numbers and states (`reached`) are led by runs.

    Where runs are `told` of, `one` is given its `Place` as well, and returns the steps to the next report besides: a
    run that follows another on a device begins at that pace, and a short one reports at its end alone.
    """

    def seeded(seed: jax.Array, hp: HParams, data: Any, *own: Any) -> Any:
        return one(jax.random.fold_in(jax.random.key(BASE_KEY, impl=devices.PRNG), seed), hp, data, *own)

    def batch(seeds: jax.Array, hps: HParams, data: Any, reached: Any) -> Any:
        if not told:
            if mode == "vmap":
                return jax.vmap(seeded, (0, 0, None, 0))(seeds, hps, data, reached)
            return jax.lax.map(lambda run: seeded(*run[:2], data, run[2]), (seeds, hps, reached))

        def then(pause: jax.Array, run: Any) -> tuple[jax.Array, Any]:
            lived, pause = seeded(*run[:2], data, run[2], Place(run[3], pause))
            return pause, lived

        runs = seeds, hps, reached, jax.lax.axis_index("run") * len(seeds) + jnp.arange(len(seeds))
        if mode == "vmap":
            return jax.vmap(then, (None, 0), (None, 0))(jnp.int32(0), runs)[1]
        return jax.lax.scan(then, jnp.int32(0), runs)[1]

    over_runs = P("run")
    specs = over_runs, over_runs, P(), over_runs
    sharded = jax.shard_map(batch, mesh=mesh, in_specs=specs, out_specs=over_runs, axis_names={"run"}, check_vma=False)
    return jax.jit(sharded, **(meshes.results() | options))


def _made(config: RunConfig, watch: Watch | None = None) -> tuple[Stream, Data, Learner, Run, Segments]:
    """Stream, its arrays, learner, run and segments of a run of a static group."""
    stream, data = streams.configured(config.stream_kind, config.stream, config.evaluation.probe_on)
    learner, _ = learners.make(config.learner, stream.spec)
    _require_short(config, stream, data)
    charged = functools.partial(learners.cost_ratio, config.learner, stream.spec)
    cost_ratio = charged if config.evaluation.charge == "flops" else None
    about = meshes.divided(families.shared(learner, config.family)), stream, config.evaluation, cost_ratio
    teller = watch.teller(stream.steps) if watch else None
    return stream, data, learner, make_run(*about, True, teller), make_segments(*about, teller)


def require_room(config: RunConfig) -> None:
    """Refuse a static group of which not even a single run fits into memory; compiles nothing.

    The count is a lower bound: the state, the schedule of the stream and its arrays, each once.

    Raises:
      UsageError: settings contradict each other, do not fit the source, or need more memory than there is.
    """
    try:
        stream, data, learner, *_ = _made(config)
        key = jax.eval_shape(lambda: jax.random.key(BASE_KEY, impl=devices.PRNG))
        state = jax.eval_shape(learner.init, key, families.largest(config.family or (config.hp,)))
        schedule = jax.eval_shape(stream.schedule, key, data)
    except (MemoryError, OverflowError) as error:
        raise too_large(config, "is planned") from error
    parts = {"state": state, "schedule": schedule, "data": data}
    needed, largest = memory.of_arrays(parts, as_dict(config.stream) | as_dict(config.hp))
    budget = devices.memory_budget()
    if needed > budget * meshes.used().per_run:
        raise UsageError(
            f"{_named(config)}: one run takes at least {memory.text(needed)}, most of it {largest}; {_room(budget)}"
        )


def too_large(config: RunConfig, when: str) -> UsageError:
    """A `UsageError` for a group that ran out of memory with a single run a device."""
    return UsageError(f"{_named(config)}: memory ran out while it {when}; {_room(devices.memory_budget())}")


def _named(config: RunConfig) -> str:
    return f"{config.learner} on {config.stream_name}"


def _room(budget: int) -> str:
    n = jax.local_device_count()
    shared = f" (nine tenths of what there is, shared by {n} cores: fewer cores have more each)" if n > 1 else ""
    return f"a device has {memory.text(budget)}{shared}; make sizes smaller"


def _require_short(config: RunConfig, stream: Stream, data: Data) -> None:
    """Steps and samples are counted in int32, and are laid out on the host before anything is compiled."""
    batch = config.stream.batch
    samples = stream.steps * batch
    if samples > INT32:
        raise UsageError(
            f"{config.stream_name} with batch={batch}: {samples:,} samples in {stream.steps:,} steps;"
            f" streams of more than {INT32:,} samples cannot be numbered"
        )
    # Memory of the plan: by step, whether to probe; by probe, its number; by row, its sample (where data are arrays).
    host = 24 * stream.steps + 100 * (stream.steps // config.evaluation.probe_every)
    host += 16 * samples if jax.tree.leaves(data) else 0
    room = int(0.9 * memory.available())
    if host > room:
        raise UsageError(
            f"{config.stream_name} with batch={batch}: the plan of {samples:,} samples in {stream.steps:,} steps takes"
            f" at least {memory.text(host)} of {memory.text(room)}: make the stream shorter"
        )


def arguments_of(runs: Sequence[RunConfig], width: int) -> tuple[np.ndarray, HParams]:
    """Seeds and hyper-parameters of the runs, the last repeated up to `width`.

    Hyper-parameters become strong float32 once: a weak type would be traced again. Sizes of a family stay integers.
    """

    def strong(*values: Any) -> np.ndarray:
        return np.asarray(values, np.int32 if isinstance(values[0], np.int32) else np.float32)

    padded = [*runs, *[runs[-1]] * (width - len(runs))]
    seeds = np.asarray([run.seed for run in padded], np.uint32)
    return seeds, jax.tree.map(strong, *map(families.member, padded))
