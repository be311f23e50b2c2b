"""Successive halving that continues runs: the best configurations of a rung resume from their states on the next.

Many configurations begin; after each rung, a share of the stream, the best of them by the objective so far live on and
the others end. No step is executed twice: states are gathered on the device, so that the survivors of the last rung
have the records of whole runs. Jamieson and Talwalkar (2016), arXiv:1502.07943.
"""

import dataclasses
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pcl.errors import UsageError
from pcl.runner import segments
from pcl.runner.execute import rows_of
from pcl.runner.program import Program, arguments_of, require_room
from pcl.runner.progress import Progress
from pcl.runner.segments import Checkpoints, Reached
from pcl.runner.studies import Study, Trial
from pcl.runner.sweep import RunConfig, static_groups
from pcl.search.objective import so_far
from pcl.search.propose import propose
from pcl.search.search import Execution, Search, tell


@dataclasses.dataclass(frozen=True)
class Lives:
    """Runs of one static group that have lived for `steps` steps, in calls of the program's width.

    trees: of each call, what its runs have reached.   seconds: that one run took so far.
    """

    program: Program
    runs: tuple[RunConfig, ...]
    trees: list[Any]
    steps: int = 0
    seconds: float = 0.0

    def calls(self) -> Iterator[tuple[tuple[RunConfig, ...], tuple[Any, ...]]]:
        """The runs of each call, and their seeds, numbers and data."""
        width = self.program.width
        for at in range(0, len(self.runs), width):
            some = self.runs[at : at + width]
            yield some, (*arguments_of(some, width), self.program.data)

    def lived(self, until: int, progress: Progress) -> "Lives":
        """The runs after `until` steps; their previous states are released."""
        start, trees = time.perf_counter(), []
        bounds = np.int32(self.steps), np.int32(until)
        for (some, (seeds, hps, data)), tree in zip(self.calls(), self.trees, strict=True):
            trees.append(jax.block_until_ready(self.program.executable.advance(seeds, hps, (data, *bounds), tree)))
            progress.add(len(some))
        seconds = self.seconds + (time.perf_counter() - start) / len(self.runs)
        return dataclasses.replace(self, trees=trees, steps=until, seconds=seconds)

    def records(self, experiment: str) -> dict[str, dict[str, Any]]:
        """The records of the runs so far, by their ids."""
        found = {}
        run_s = self.seconds * self.program.width
        for (some, given), tree in zip(self.calls(), self.trees, strict=True):
            record = jax.device_get(self.program.executable.finish(*given, tree)[0])
            for row in rows_of(self.program, some, record, run_s, experiment):
                found[row["run_id"]] = so_far(row, self.steps)
        return found

    def kept(self, program: Program, runs: Sequence[RunConfig]) -> "Lives":
        """The runs that continue, in calls of another program; their states stay on the device."""
        places = {run.run_id: place for place, run in enumerate(self.runs)}
        width = program.width
        index = np.asarray([places[run.run_id] for run in runs])
        index = np.pad(index, (0, -len(runs) % width), mode="edge")

        def gathered(*leaves: jax.Array) -> jax.Array:
            return (jnp.concatenate(leaves) if len(leaves) > 1 else leaves[0])[index]

        whole, sharding = jax.tree.map(gathered, *self.trees), jax.tree.leaves(self.trees)[0].sharding
        trees = [
            jax.tree.map(lambda leaf, at=at: jax.device_put(leaf[at : at + width], sharding), whole)
            for at in range(0, len(index), width)
        ]
        return dataclasses.replace(self, program=program, runs=tuple(runs), trees=trees)


@dataclasses.dataclass(frozen=True)
class Halving:
    """The course of a search by halving."""

    search: Search
    execution: Execution

    def best_of(self, learner: str, study: Study) -> None:
        """Search for the best configuration of a learner, rung by rung; a killed search goes on from its last rung.

        Raises:
          UsageError: no run defines the objective, or runs cannot be executed or stored.
        """
        search = self.search
        if not study.of(learner):
            new = propose(search.spaces[learner], search.method, [], search.trials, search.less)
            self._ask(study, [Trial(learner, i, 0, 0, settings) for i, settings in enumerate(new)], [])
        lives: list[Lives] = []
        for rung, until in enumerate(search.rungs):
            waiting = [trial for trial in study.of(learner, rung) if not trial.known]
            if not waiting:
                continue
            runs = search.runs(learner, [trial.settings for trial in waiting])
            lives = self._lived(lives or self._begun(runs), until, study)
            records = {name: row for group in lives for name, row in group.records(search.experiment.name).items()}
            last = until == search.rungs[-1]
            if last:
                self._store(records)
            known = tell(search, study, waiting, [[records[run.run_id] for run in seeds] for seeds in runs], until)
            chosen = [] if last else self._chosen(known)
            ids = {run.run_id for trial, seeds in zip(known, runs, strict=True) if trial in chosen for run in seeds}
            lives = self._kept(lives, ids)
            self._ask(study, [Trial(learner, t.trial, rung + 1, 0, t.settings) for t in chosen], lives)

    def _store(self, records: Mapping[str, dict[str, Any]]) -> None:
        """Store the records of whole runs that are not there yet."""
        store = self.execution.store
        done = store.ids()
        if new := [row for run_id, row in records.items() if run_id not in done]:
            store.write(new)

    def _chosen(self, known: Sequence[Trial]) -> list[Trial]:
        """The best share of the trials of a rung, in their order; of equals those that were asked first."""
        order = sorted(known, key=lambda trial: trial.value if self.search.less else -trial.value)
        best = order[: -(-len(known) // self.search.eta)]
        return [trial for trial in known if trial in best]

    def _lived(self, lives: Sequence[Lives], until: int, study: Study) -> list[Lives]:
        with Progress(sum(len(group.runs) for group in lives)) as progress:
            progress.now(f"to step {until} of {self.search.rungs[-1]}")
            study.about["steps"] += sum(len(group.runs) * (until - group.steps) for group in lives)
            return [group.lived(until, progress) for group in lives]

    def _begun(self, runs: Sequence[Sequence[RunConfig]]) -> list[Lives]:
        """The lives of each static group: where a checkpoint left them, else before their first step."""
        found = []
        for group in static_groups(list({run.run_id: run for seeds in runs for run in seeds}.values())):
            require_room(group[0])
            new = Lives(self._program(group), tuple(group), [])
            trees = [new.program.executable.begin(*given, None) for _, given in new.calls()]
            there = segments.read(self._file(new), trees) or Reached(trees, 0, 0.0)
            found.append(dataclasses.replace(new, trees=there.tree, steps=there.steps, seconds=there.seconds))
        return found

    def _kept(self, lives: Sequence[Lives], ids: Collection[str]) -> list[Lives]:
        """The lives that go on."""
        runs = [[run for run in group.runs if run.run_id in ids] for group in lives]
        return [group.kept(self._program(some), some) for group, some in zip(lives, runs, strict=True) if some]

    def _ask(self, study: Study, trials: Sequence[Trial], lives: Sequence[Lives]) -> None:
        """Put the trials of the next rung into the study, after writing checkpoints of the runs that reach it."""
        files = {self._file(group): group for group in lives}
        for file, group in files.items():
            segments.keep(file, Reached(group.trees, group.steps, group.seconds))
        study.trials += trials
        study.write()
        for old in set(study.folder.glob("checkpoint-*.npz")) - set(files):
            old.unlink()

    @property
    def _checkpoints(self) -> Checkpoints:
        execution = self.execution
        return Checkpoints(self.search.rungs[-1], execution.store.folder, execution.interrupts)

    def _program(self, runs: Sequence[RunConfig]) -> Program:
        execution = self.execution
        width = execution.width(len(runs), self.search.seeds)
        return execution.compile(runs[0], width, mode=execution.mode, checkpoints=self._checkpoints)

    def _file(self, lives: Lives) -> Path:
        ids = [run.run_id for run in lives.runs]
        return self._checkpoints.file(ids, lives.program.width, self.execution.mode)


def rung_steps(shares: Sequence[float], steps: int, probe_every: int) -> tuple[int, ...]:
    """The steps after which configurations are compared: each after a probe, at about these shares, and at the end.

    Raises:
      UsageError: two of them are the same, or one is not before the end.
    """
    early = [max(1, round(share * steps / probe_every)) * probe_every for share in shares]
    if sorted({*early, steps}) != [*early, steps]:
        raise UsageError(
            f"--rungs={','.join(f'{share:g}' for share in shares)}: with a probe every {probe_every} steps of {steps}"
            f" they are after steps {', '.join(map(str, early))}; they must rise and end before the stream does"
        )
    return (*early, steps)
