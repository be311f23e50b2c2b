"""The compiled program of a static group: a batch of runs, sharded over the local devices."""

import dataclasses
import functools
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from pcl import learners, streams
from pcl.evaluation.record import Record
from pcl.runner import devices
from pcl.runner.run import make_run
from pcl.runner.sweep import RunConfig
from pcl.types import Data, HParams, Learner, Stream

BASE_KEY = 0  # the key of a run is fold_in(key(BASE_KEY), seed), whatever else is swept


@dataclasses.dataclass
class Program:
    """The compiled batch of runs of one static group."""

    stream: Stream
    learner: Learner
    hp: HParams
    data: Data
    width: int
    mode: str
    executable: Any
    compile_s: float
    memory: int  # bytes: arguments, results and temporaries of one call

    def __call__(self, runs: Sequence[RunConfig]) -> Record:
        """Execute up to `width` runs of the group and wait for them; each array leads with `width`."""
        return jax.block_until_ready(self.executable(*_arguments(runs, self.width), self.data))

    @property
    def state_bytes(self) -> int:
        """Bytes of the learner's state in one run."""
        state = jax.eval_shape(self.learner.init, jax.random.key(BASE_KEY), self.hp)
        return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))


def compile_group(config: RunConfig, width: int, mode: str) -> Program:
    """Trace and compile the program of a static group once, for `width` runs at a time.

    Where the program would need more memory than a device has, it is compiled again, narrower.
    """
    stream, data = streams.entry(config.stream_kind).make(
        config.stream, streams.source_of(config.stream), config.evaluation.probe_on
    )
    learner, _ = learners.make(config.learner, stream.spec)
    charged = functools.partial(learners.cost_ratio, config.learner, stream.spec)
    cost_ratio = charged if config.evaluation.charge == "flops" else None
    run = make_run(learner, stream, *config.evaluation.arguments, cost_ratio)

    def seeded(seed: jax.Array, hp: HParams, data: Data) -> Record:
        return run(jax.random.fold_in(jax.random.key(BASE_KEY), seed), hp, data)

    def batch(seeds: jax.Array, hps: HParams, data: Data) -> Record:
        if mode == "vmap":
            return jax.vmap(seeded, (0, 0, None))(seeds, hps, data)
        return jax.lax.map(lambda member: seeded(member[0], member[1], data), (seeds, hps))

    local = jax.local_devices()
    mesh = jax.make_mesh((len(local),), ("run",), axis_types=(AxisType.Auto,), devices=local)
    data = jax.device_put(data, NamedSharding(mesh, P()))
    sharded = jax.jit(
        jax.shard_map(batch, mesh=mesh, in_specs=(P("run"), P("run"), P()), out_specs=P("run"), check_vma=False)
    )
    start = time.perf_counter()
    executable = sharded.lower(*_arguments([config], width), data).compile()
    analysis: Any = executable.memory_analysis()
    memory = analysis.temp_size_in_bytes + analysis.argument_size_in_bytes + analysis.output_size_in_bytes
    per_device = width // mesh.size
    if memory > devices.memory_budget() and per_device > 1:
        fitting = int(per_device * devices.memory_budget() / memory)
        return compile_group(config, max(1, fitting) * mesh.size, mode)
    return Program(stream, learner, config.hp, data, width, mode, executable, time.perf_counter() - start, memory)


def _arguments(runs: Sequence[RunConfig], width: int) -> tuple[np.ndarray, HParams]:
    """Seeds and hyper-parameters of the runs, the last repeated up to `width`.

    Hyper-parameters become strong float32 once: a weak type would be traced again.
    """
    padded = [*runs, *[runs[-1]] * (width - len(runs))]
    seeds = np.asarray([run.seed for run in padded], np.uint32)
    return seeds, jax.tree.map(lambda *values: np.asarray(values, np.float32), *(run.hp for run in padded))
