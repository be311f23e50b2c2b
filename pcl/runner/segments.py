"""Runs in segments with checkpoints between them: a killed process resumes in the middle, with the same bits.

A checkpoint is a file beside the records, in the format of `pcl.saved`: the carried states of all runs of a chunk. Its
name is a digest of these runs, the code and the versions that compute them, so that no other run is continued from it.
It is deleted when the records are stored.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from pcl import saved
from pcl.errors import UsageError
from pcl.folders import write_whole
from pcl.interrupts import Interrupts
from pcl.runner import devices
from pcl.runner.run import Segments


class Checkpoints(NamedTuple):
    """Where and how often checkpoints of unfinished runs are written.

    steps: from one checkpoint to the next.   folder: of the files.   interrupts: a signal ends the work after one.
    tell: called with a line that says how many runs resume, and from which step.
    """

    steps: int
    folder: Path
    interrupts: Interrupts
    tell: Callable[[str], None] = print

    def file(self, runs: Sequence[str], width: int, mode: str) -> Path:
        """The file of a chunk of runs, by their ids."""
        return self.folder / f"checkpoint-{devices.digest(list(runs), width, mode)}.npz"


class Reached(NamedTuple):
    """The state of the runs of a chunk: arrays led by runs, the number of steps done, and the seconds they took."""

    tree: Any
    steps: int
    seconds: float


def compiled(
    segments: Segments, sharded: Callable[..., Any], final_state: bool, told: bool, seeds: Any, hps: Any, data: Any
) -> Segments:
    """The programs of a chunk; `sharded` makes a jitted batch of a function of (key, hp, data, reached).

    Where runs are `told` of, the function that advances them is given the place of each too.
    """
    begin = sharded(lambda key, hp, data, _: segments.begin(key, hp, data))
    first = begin.lower(seeds, hps, data, None).compile()
    kept = first.output_shardings  # from segment to segment
    advance = sharded(
        lambda key, hp, data, reached, *place: segments.advance(key, hp, data[0], reached, *data[1:], *place),
        told=told,
        donate_argnums=3,
        out_shardings=kept,
    )
    finish = sharded(lambda key, hp, data, reached: segments.finish(key, hp, data, reached)[: 1 + final_state])
    reached = jax.tree.map(
        lambda leaf, there: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=there),
        jax.eval_shape(begin, seeds, hps, data, None),
        kept,
    )
    until = np.int32(0)
    return Segments(
        first,
        advance.lower(seeds, hps, (data, until, until), reached).compile(),
        finish.lower(seeds, hps, data, reached).compile(),
    )


def lived(
    programs: Segments, steps: int, runs: int, checkpoints: Checkpoints, file: Path, *given: Any
) -> tuple[Any, float]:
    """Records and final states of a chunk of `runs`, and the seconds that went into them, in other processes too.

    `given` are seeds, numbers and data of the chunk.

    Raises:
      UsageError: the checkpoint is damaged, or cannot be written.
      Interrupted: a signal came, and a checkpoint has been written.
    """
    start = time.perf_counter()
    seeds, hps, data = given
    first = programs.begin(seeds, hps, data, None)
    reached = read(file, first) or Reached(first, 0, 0.0)
    if reached.steps:
        checkpoints.tell(f"{runs} runs go on from a checkpoint, at step {reached.steps} of {steps}")
    while reached.steps < steps:
        until = min(reached.steps + checkpoints.steps, steps)
        bounds = np.int32(reached.steps), np.int32(until)
        tree = jax.block_until_ready(programs.advance(seeds, hps, (data, *bounds), reached.tree))
        seconds = reached.seconds + time.perf_counter() - start
        reached, start = Reached(tree, until, seconds), time.perf_counter()
        if until < steps:
            keep(file, reached)
            checkpoints.interrupts.rest()
    ended = jax.block_until_ready(programs.finish(seeds, hps, data, reached.tree))
    return ended, reached.seconds + time.perf_counter() - start


def keep(file: Path, reached: Reached) -> None:
    """Write a checkpoint, whole or as it was.

    Raises:
      UsageError: it cannot be written.
    """
    about = {"steps": reached.steps, "seconds": reached.seconds}
    write_whole(file, saved.archived(about, jax.device_get(reached.tree)))


def read(file: Path, like: Any) -> Reached | None:
    """The content of a checkpoint, on the devices of `like`; None if there is no file.

    Raises:
      UsageError: it is damaged.
    """
    if not file.exists():
        return None
    try:
        about, members = saved.opened(saved.read(file), str(file))
        tree = saved.restored(about, members, like)
        sharded = jax.tree.map(lambda leaf, old: jax.device_put(leaf, old.sharding), tree, like)
        return Reached(sharded, about["steps"], about["seconds"])
    except (UsageError, LookupError) as error:
        raise UsageError(f"checkpoint {file} is damaged ({error}): delete it, and its runs start again") from error
