"""Execution shared with other processes: runs that nobody has claimed or finished, until all are finished."""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from pcl.errors import UsageError
from pcl.fields import canonical
from pcl.interrupts import Interrupts
from pcl.runner.claims import ClaimedStore, Claims
from pcl.runner.execute import Chunk, complete, execute
from pcl.runner.program import Program, compile_group
from pcl.runner.store import Store
from pcl.runner.sweep import RunConfig
from pcl.runner.versions import Row

LOOKS = 12  # for runs that others finished or gave up, in the time in which a claim expires


def execute_shared(
    groups: Sequence[Sequence[Chunk]],
    store: Store,
    mode: str,
    experiment: str,
    interrupts: Interrupts | None = None,
    states: Path | None = None,
    checkpoint_steps: int = 0,
    claims: Claims | None = None,
    compile: Callable[..., Program] = compile_group,
) -> int:
    """Execute the runs that are neither in the store nor claimed, and wait for those that are; returns how many.

    It ends when every run is finished by some process: the runs of a killed process are executed here when
    its claim has expired. Raises as `execute` does, and a `UsageError` if claims cannot be written.
    """
    interrupts = interrupts or Interrupts()
    compiled = _keeping_one(compile)
    executed = 0

    def finished() -> set[str]:
        return complete(store.ids(), states)

    with claims or Claims(store.folder) as claims:
        own = ClaimedStore(store, claims)
        first = secrets.randbelow(len(groups)) if groups else 0  # so that not all compile the same program
        chunks = [chunk for group in (*groups[first:], *groups[:first]) for chunk in group]
        while chunks:
            before = executed
            for chunk in chunks:
                ids = claims.take([run.run_id for run in chunk.runs], finished)
                if runs := tuple(run for run in chunk.runs if run.run_id in ids):
                    one = [[Chunk(runs, chunk.width)]]
                    executed += execute(
                        one, own, mode, experiment, interrupts, states, checkpoint_steps, compile=compiled
                    )
            claims.take((), finished)
            done = finished()
            chunks = [chunk for chunk in chunks if any(run.run_id not in done for run in chunk.runs)]
            if chunks and executed == before:
                left = sum(run.run_id not in done for chunk in chunks for run in chunk.runs)
                interrupts.doing = f"waiting for {left} runs of other processes"
                time.sleep(claims.expires_s / LOOKS)
    return executed


def _keeping_one(compile: Callable[..., Program]) -> Callable[..., Program]:
    """`compile`, which keeps its last program instead of compiling it again."""
    last: dict[Any, Program] = {}

    def compiled(config: RunConfig, width: int, **options: Any) -> Program:
        key = config.static, width, options["mode"]
        if key not in last:
            last.clear()
            last[key] = compile(config, width, **options)
        return last[key]

    return compiled


def execute_together(groups: Sequence[Sequence[Chunk]], store: Store, *arguments: Any, **options: Any) -> int:
    """`execute` in several processes whose devices form one mesh: the first of them writes what all have computed.

    All must see the same records, so that all execute the same runs. Raises as `execute` does.

    Raises:
      UsageError: the processes see different records.
    """
    done = canonical(sorted(store.ids()))
    digest = np.frombuffer(hashlib.sha256(done.encode()).digest(), np.uint8)
    if (multihost_utils.process_allgather(digest) != digest).any():
        raise UsageError(
            f"{store.folder} holds other records for other processes: name a folder that all of them share"
        )
    return execute(groups, store if jax.process_index() == 0 else _Unwritten(store), *arguments, **options)


class _Unwritten(Store):
    """A store whose records another process writes."""

    def __init__(self, store: Store):
        super().__init__(store.folder.parent, store.folder.name)

    def write(self, rows: Sequence[Row]) -> Path:
        """Write nothing; returns the folder."""
        return self.folder
