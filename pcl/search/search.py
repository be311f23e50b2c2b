"""A search: its definition, its study, and its loop: propose a chunk, run it over all seeds, tell the results."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pcl.errors import UsageError, shown
from pcl.evaluation.catalogue import described, number
from pcl.evaluation.statistics import mean_interval
from pcl.experiment import Arm, Experiment
from pcl.interrupts import Interrupts
from pcl.runner import devices, studies
from pcl.runner.execute import Chunk, execute
from pcl.runner.program import Program, compile_group
from pcl.runner.store import Store
from pcl.runner.studies import Study, Trial
from pcl.runner.sweep import RunConfig, configurations, static_groups
from pcl.search import objective
from pcl.search.propose import importance, optuna, propose
from pcl.search.space import Space


@dataclasses.dataclass(frozen=True)
class Search:
    """Everything that defines a search.

    stream: of the experiment.   spaces: of each learner, by its name.
    fixed: settings that are not searched, as texts.   decided_by: the data that decide, in words.
    trials: configurations of each learner.   ask: those of one chunk.
    rungs: the steps after which configurations are compared, the last at the end.   eta: of so many one goes on.
    seeds, first_seed: of every configuration.
    """

    experiment: Experiment
    stream: str
    spaces: Mapping[str, Space]
    space: tuple[str, ...]
    fixed: Mapping[str, str]
    method: str
    trials: int
    ask: int
    rungs: tuple[int, ...]
    eta: int
    metric: str
    aggregate: str
    seeds: int
    first_seed: int
    decided_by: str
    smoke: bool = False

    @property
    def asked(self) -> dict[str, Any]:
        """The identity of a study: two searches that differ in it need two studies."""
        names = ("stream", "method", "trials", "ask", "eta", "metric", "aggregate", "seeds", "first_seed")
        plain = {name: getattr(self, name) for name in (*names, "decided_by", "smoke")}
        listed = {"learners": list(self.spaces), "space": list(self.space), "rungs": list(self.rungs)}
        return {"experiment": self.experiment.name} | listed | {"fixed": dict(self.fixed)} | plain

    @property
    def less(self) -> bool:
        """Whether less of the metric is better."""
        return described(self.metric).less

    def runs(self, learner: str, settings: Sequence[Mapping[str, str]]) -> list[list[RunConfig]]:
        """The runs of configurations of a learner, a seed each."""
        arm = Arm((learner,), (self.stream,), seeds=self.seeds, first_seed=self.first_seed)
        return configurations(self.experiment, arm, [{**self.fixed, **one} for one in settings], self.smoke)

    def told(self, trial: Trial, records: Sequence[Mapping[str, Any]]) -> Trial:
        """A trial with its value, from the records of its seeds."""
        values = objective.measured(records, self.metric)
        value = objective.value(values, self.aggregate, self.less)
        bad = sum(record["status"] != "ok" for record in records)
        return dataclasses.replace(trial, values=values, value=value, diverged=bad)


@dataclasses.dataclass(frozen=True)
class Execution:
    """How and where the runs of a search are executed; its programs are kept from one chunk to the next."""

    store: Store
    mode: str
    max_width: int = 0
    interrupts: Interrupts = dataclasses.field(default_factory=Interrupts)
    programs: dict[tuple[str, int], Program] = dataclasses.field(default_factory=dict)

    def compile(self, config: RunConfig, width: int, **how: Any) -> Program:
        """The program of the static group of `config`, as `compile_group` makes it."""
        key = config.static, width
        if key not in self.programs:
            self.programs[key] = compile_group(config, width, **how)
        return self.programs[key]

    def width(self, runs: int, seeds: int) -> int:
        """Runs of one program: all `runs` where they are vmapped; where they are mapped, the seeds of a configuration.

        Mapped runs take the same time in any width, so that one program of this width serves every chunk.
        """
        wanted = seeds if self.mode == "map" else runs
        n_devices = jax.local_device_count()
        return -(-min(wanted, self.max_width or wanted) // n_devices) * n_devices


def begun(search: Search, folder: Path) -> Study:
    """The study in a folder, new or to go on with.

    Raises:
      UsageError: the one that is there is of another search.
    """
    found = studies.read(folder)
    if found is None:
        return Study(folder, {"asked": search.asked, "finished": False, "steps": 0, "winners": {}, "importance": {}})
    old, new = found.about["asked"], search.asked
    for name in new:
        if old.get(name) != new[name]:
            raise UsageError(
                f"study {folder} is of another search: {name} is {shown(old.get(name))}, not {shown(new[name])};"
                " name another with --study, or delete its folder"
            )
    return found


def whole_lives(search: Search, learner: str, study: Study, execution: Execution) -> None:
    """Search for the best configuration of a learner among whole runs, chunk by chunk.

    Raises:
      UsageError: no run defines the objective, or runs cannot be executed or stored.
      Interrupted: a signal came; the same call goes on.
    """
    store, steps = execution.store, search.rungs[-1]
    width = execution.width(search.ask * search.seeds, search.seeds)
    for waiting in _chunks(search, learner, study):
        runs = search.runs(learner, [trial.settings for trial in waiting])
        lives = {run.run_id: run for seeds in runs for run in seeds}
        groups = static_groups(list(lives.values()))
        chunks = [[Chunk(tuple(g[i : i + width]), width) for i in range(0, len(g), width)] for g in groups]
        about = execution.mode, search.experiment.name, execution.interrupts
        executed = execute(chunks, store, *about, compile=execution.compile)
        records = {record["run_id"]: record for record in store.records(lives)}
        study.about["steps"] += executed * steps
        tell(search, study, waiting, [[records[run.run_id] for run in seeds] for seeds in runs], steps)
        study.write()


def _chunks(search: Search, learner: str, study: Study) -> Iterator[list[Trial]]:
    """Chunks of trials that are to be run: those that were asked before a kill, then new ones until all are asked."""
    while True:
        waiting = [trial for trial in study.of(learner) if not trial.known]
        if not waiting:
            told = study.of(learner)
            left = min(search.ask, search.trials - len(told))
            new = propose(search.spaces[learner], search.method, told, left, search.less) if left else []
            if not new:
                return
            waiting = [Trial(learner, len(told) + i, 0, 0, settings) for i, settings in enumerate(new)]
            study.trials += waiting
            study.write()
        yield waiting


def tell(
    search: Search, study: Study, waiting: Sequence[Trial], records: Sequence[Sequence[Mapping[str, Any]]], steps: int
) -> list[Trial]:
    """Put the values of trials into the study, from the records of their seeds after so many steps.

    Raises:
      UsageError: none of the runs defines the objective.
    """
    known = [search.told(dataclasses.replace(t, steps=steps), some) for t, some in zip(waiting, records, strict=True)]
    if all(value != value for trial in known for value in trial.values):
        raise UsageError(f"--objective={search.metric}: no run of {known[0].learner} on {search.stream} defines it")
    study.tell(known)
    first = min(known, key=lambda trial: trial.value if search.less else -trial.value)
    print(
        f"{first.learner}, configurations after {steps} steps: {len(known)}; best {search.metric}"
        f" {number(search.metric, first.value)} with {first.text()}",
        flush=True,
    )
    return known


def conclude(search: Search, study: Study) -> None:
    """Name the winner of each learner in the study, with the importance of settings and the provenance."""
    for learner, space in search.spaces.items():
        best = study.best(learner, search.less)[0]
        _, low, high = mean_interval(np.asarray(best.values))
        study.about["winners"][learner] = {
            "settings": dict(best.settings),
            "trial": best.trial,
            "value": best.value,
            "interval": None if low != low else [low, high],
        }
        study.about["importance"][learner] = importance(space, study.of(learner, 0), search.less)
    about = devices.provenance()
    study.about["made"] = {name: about[name] for name in ("commit", "dirty", "device", "devices")}
    study.about["made"]["versions"] = about["versions"] | {"optuna": optuna().__version__}
    study.about["finished"] = True
    study.write()
