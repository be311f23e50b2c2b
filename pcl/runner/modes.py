"""The faster mode of a static group, `map` or `vmap`: measured once, then kept for later commands.

Which mode is faster depends on learner, sizes and machine. The mode affects the last bits of results. Both are timed
on a short piece of the group's own stream. The choice is a JSON file of the user's cache, by a digest of the processor,
the devices, the code and versions, the static settings and the width: the same command is resumed in the same mode.
"""

import contextlib
import dataclasses
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from pcl.errors import UsageError
from pcl.folders import cached, write_whole
from pcl.interrupts import Interrupts
from pcl.runner import devices
from pcl.runner import mesh as meshes
from pcl.runner.program import Program, arguments_of, compile_group
from pcl.runner.segments import Checkpoints
from pcl.runner.sweep import RunConfig

SHORT_S = 0.2  # a piece of the stream is made so long that the slower mode takes about this
REPEATS = 7
IN_PIECES = Checkpoints(0, Path(), Interrupts())  # such a program is compiled in segments; no file is written here


@runtime_checkable
class Timed(Protocol):
    """A program of `width` runs over a stream of `steps`, a piece at a time."""

    width: int
    steps: int

    def __call__(self, done: int, until: int) -> float:
        """Seconds from the step `done` up to `until`."""


class Piece:
    """`Timed` runs of a static group, which differ in their seeds; compiled in a mode, and warmed up.

    Raises:
      UsageError: as `compile_group`.
      jax.errors.JaxRuntimeError: memory runs out.
    """

    def __init__(self, config: RunConfig, width: int, mode: str):
        self.program = compile_group(config, width, mode, checkpoints=IN_PIECES)
        self.width, self.steps = self.program.width, self.program.stream.steps
        runs = [dataclasses.replace(config, seed=seed) for seed in range(self.width)]
        self.arguments = meshes.of_runs(arguments_of(runs, self.width))
        self.reached = self.program.executable.begin(*self.arguments, self.program.data, None)
        self(0, 1)

    def __call__(self, done: int, until: int) -> float:
        """The runs go on from what they have reached, with the rows of these steps."""
        inputs = self.program.data, np.int32(done), np.int32(until)
        start = time.perf_counter()
        self.reached = jax.block_until_ready(self.program.executable.advance(*self.arguments, inputs, self.reached))
        return time.perf_counter() - start


@dataclasses.dataclass(frozen=True)
class Fastest:
    """Compiles static groups in their faster mode, as `execute` takes it in place of `compile_group`.

    folder: of the choices; None: each command measures anew, as it does where the folder cannot be read or written.
    piece:  what is timed, of (config, width, mode).
    """

    folder: Path | None
    piece: Callable[[RunConfig, int, str], Timed] = Piece

    def __call__(self, config: RunConfig, width: int, mode: str, **options: Any) -> Program:
        """As `compile_group`, in the faster mode; in `mode` where there is no choice, or no other can be compiled."""
        chosen = self.known(config, width, mode) or self._measured(config, width, mode)
        return compile_group(config, width, chosen, **options)

    def known(self, config: RunConfig, width: int, mode: str) -> str | None:
        """The mode without a measurement: the choice that is kept, `mode` where a device has a single run, or None."""
        if width <= meshes.abreast():
            return mode
        try:
            kept = json.loads(self._file(config, width).read_text(encoding="utf-8"))["mode"]
        except (OSError, ValueError, LookupError, TypeError):  # there is none, or it is damaged
            return None
        return kept if kept in devices.MODES else None

    def _measured(self, config: RunConfig, width: int, mode: str) -> str:
        """The faster mode, which is kept from now on; the first choice counts where several processes measure."""
        pieces = {one: piece for one in devices.MODES if (piece := self._tried(config, width, one))}
        if not pieces:  # the compilation that follows says why
            return mode
        widest = max(piece.width for piece in pieces.values())
        pieces = {one: piece for one, piece in pieces.items() if piece.width == widest}
        times = dict(zip(pieces, seconds(list(pieces.values())), strict=True))
        if earlier := self.known(config, width, mode):
            return earlier
        chosen = min(times, key=lambda one: times[one])
        with contextlib.suppress(UsageError, OSError):
            about = {"mode": chosen, "seconds": times, "learner": config.learner, "stream": config.stream_name}
            write_whole(self._file(config, width), json.dumps(about | {"width": width}).encode())
        return chosen

    def _tried(self, config: RunConfig, width: int, mode: str) -> Timed | None:
        """The timed program in a mode; None if it cannot be compiled, or does not fit into memory."""
        try:
            return self.piece(config, width, mode)
        except Exception:  # of any kind, for learners are also the user's: the other mode is left
            return None

    def _file(self, config: RunConfig, width: int) -> Path:
        if self.folder is None:
            raise FileNotFoundError("this user has no cache folder")
        about = config.static, width, dataclasses.astuple(meshes.used()), devices.processor()
        return self.folder / f"{devices.digest(*about)}.json"


def of_user() -> Fastest:
    """`Fastest` with its choices in the user's cache, beside the compiled programs."""
    with contextlib.suppress(UsageError):
        return Fastest(cached("modes"))
    return Fastest(None)


def seconds(pieces: Sequence[Timed]) -> list[float]:
    """Seconds of a step in each of several programs of the same runs: medians of pieces of the stream, taken in turn.

    The time of a call without any step, as for laying out the stream, is subtracted.
    """
    if len(pieces) == 1:
        return [0.0]
    total, steps = pieces[0].steps, 1
    while max([piece(0, steps) for piece in pieces]) < SHORT_S and steps < total:
        steps = min(2 * steps, total)
    begins = [turn * steps % (total - steps + 1) for turn in range(REPEATS)]
    times = [[piece(done, done + steps) - piece(done, done) for piece in pieces] for done in begins]
    return [statistics.median(column) / steps for column in zip(*times, strict=True)]
