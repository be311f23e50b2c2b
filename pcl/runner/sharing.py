"""Execution that is shared with other processes: whatever nobody has claimed or finished, until all is finished."""

import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pcl.interrupts import Interrupts
from pcl.runner.claims import ClaimedStore, Claims
from pcl.runner.execute import Chunk, complete, execute
from pcl.runner.program import Program, compile_group
from pcl.runner.store import Store
from pcl.runner.sweep import RunConfig

LOOKS = 12  # at what others have finished or given up, in the time after which a claim is void


def execute_shared(
    groups: Sequence[Sequence[Chunk]],
    store: Store,
    mode: str,
    experiment: str,
    interrupts: Interrupts | None = None,
    states: Path | None = None,
    checkpoint_steps: int = 0,
    claims: Claims | None = None,
) -> int:
    """Execute the runs that are neither in the store nor claimed, and wait for those that are; returns how many.

    It ends when every run is finished, by whichever process: the runs of one that was killed are executed here when
    its claim is void. Raises as `execute` does, and a `UsageError` where claims cannot be written.
    """
    interrupts = interrupts or Interrupts()
    compiled = _keeping_one(compile_group)
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
    """The same, but the last program is not compiled twice."""
    last: dict[Any, Program] = {}

    def compiled(config: RunConfig, width: int, **options: Any) -> Program:
        key = config.static, width, options["mode"]
        if key not in last:
            last.clear()
            last[key] = compile(config, width, **options)
        return last[key]

    return compiled
