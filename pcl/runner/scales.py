"""Scales of a reproduction: which of the published runs are made again, by the seconds that their records took."""

import bisect
import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pcl.evaluation.summary import setting_text
from pcl.experiment import Experiment
from pcl.fields import canonical
from pcl.runner import families
from pcl.runner.store import Store
from pcl.runner.sweep import RunConfig, published, static_groups

LIGHT = ["run_id", "stream", "learner", "variant", "seed", "timing", "provenance"]  # columns without curves


class Scale(NamedTuple):
    """The first `seeds` seeds of each configuration, and of each experiment as many runs as took `seconds`."""

    seeds: float
    seconds: float


SCALES = {"laptop": Scale(2, 120.0), "workstation": Scale(3, 1800.0), "full": Scale(math.inf, math.inf)}


@dataclasses.dataclass(frozen=True)
class Took:
    """Seconds of a run (its share of its chunk) and of the compilation that it needed, as its record says."""

    run: float
    compilation: float


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Runs of configurations that a scale leaves out, what they took by their records, and why."""

    cells: tuple[str, ...]
    runs: int
    seconds: float
    why: str


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is made again of an experiment: runs by the program that they share, with the seconds of their records."""

    experiment: str
    groups: tuple[tuple[list[RunConfig], float], ...]
    left_out: tuple[LeftOut, ...]

    @property
    def runs(self) -> int:
        """How many runs are chosen."""
        return sum(len(runs) for runs, _ in self.groups)

    @property
    def seconds(self) -> float:
        """What they took, by their records."""
        return sum((seconds for _, seconds in self.groups), 0.0)


def name_of(record: Mapping[str, Any]) -> tuple[str, str, str, int]:
    """A name of a run for the case that its id has changed with the code."""
    return record["stream"], record["learner"], record["variant"], record["seed"]


def timed(results_dir: Path, experiment: str) -> Iterator[tuple[dict[str, Any], Took]]:
    """The recorded runs of an experiment, without their curves, and what each took; none where there are no records."""
    for table in Store(results_dir, experiment).tables(LIGHT)[0].values():
        for row in table.to_pylist():
            timing, width = row["timing"], (row["provenance"] or {}).get("width")
            if timing and width:
                yield row, Took(timing["run_s"] / width, timing["compile_s"])


def times(results_dir: Path, experiment: str) -> dict[Any, Took]:
    """What each recorded run of an experiment took, by its id and by its name; empty where there are no records."""
    return {key: took for row, took in timed(results_dir, experiment) for key in (row["run_id"], name_of(row))}


def choose(experiment: Experiment, scale: Scale, took: Mapping[Any, Took], mode: str, smoke: bool = False) -> Choice:
    """The runs of an experiment that a scale makes again: the programs that took least come first.

    Runs without a record count as taking no time, so that none is left out for it.

    Raises:
      UsageError: the experiment publishes nothing, or its data are missing.
    """
    runs = published(experiment, smoke=smoke)
    cells: dict[str, list[RunConfig]] = {}
    for run in runs:
        cells.setdefault(cell(run), []).append(run)
    kept = {run.run_id for of in cells.values() for run in sorted(of, key=_seed)[: int(min(scale.seeds, len(of)))]}
    more = [run for run in runs if run.run_id not in kept]
    groups = families.grouped(static_groups([run for run in runs if run.run_id in kept]), "auto", mode)
    costed = sorted(((group, seconds(group, took)) for group in groups), key=lambda one: one[1])
    spent = list(itertools.accumulate(cost for _, cost in costed))
    affordable = bisect.bisect_right(spent, scale.seconds)
    chosen, dear = costed[:affordable], costed[affordable:]
    left = [
        _left_out(more, sum((_run(run, took) for run in more), 0.0), f"further seeds than {scale.seeds:g} of each"),
        _left_out(
            [run for group, _ in dear for run in group],
            sum((cost for _, cost in dear), 0.0),
            f"more than the {scale.seconds / 60:g} minutes of an experiment",
        ),
    ]
    return Choice(experiment.name, tuple(chosen), tuple(one for one in left if one.runs))


def seconds(group: Iterable[RunConfig], took: Mapping[Any, Took]) -> float:
    """What runs that share a program took: its compilation, and each of them."""
    known = [found for run in group if (found := _found(run, took))]
    return max((one.compilation for one in known), default=0.0) + sum(one.run for one in known)


def cell(run: RunConfig) -> str:
    """The stream, the learner and the swept settings of a run."""
    return " ".join((run.stream_name, run.learner, setting_text(canonical(run.variant)))).rstrip()


def _left_out(runs: Sequence[RunConfig], seconds: float, why: str) -> LeftOut:
    return LeftOut(tuple(dict.fromkeys(map(cell, runs))), len(runs), seconds, why)


def _found(run: RunConfig, took: Mapping[Any, Took]) -> Took | None:
    return took.get(run.run_id, took.get((run.stream_name, run.learner, canonical(run.variant), run.seed)))


def _run(run: RunConfig, took: Mapping[Any, Took]) -> float:
    found = _found(run, took)
    return found.run if found else 0.0


def _seed(run: RunConfig) -> int:
    return run.seed
