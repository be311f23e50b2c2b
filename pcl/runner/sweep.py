"""From an experiment and `--set` values to resolved configurations, run ids and static groups."""

import dataclasses
import functools
import hashlib
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pcl import learners, streams
from pcl.errors import UsageError, shown, unknown
from pcl.experiment import Experiment
from pcl.fields import INT32, as_dict, canonical, fields, idle, is_static, parse, replace
from pcl.runner.evaluation import Evaluation

# Raised by hand whenever the same configuration would give other numbers, or a record other columns.
SCHEMA = 2
MOST_RUNS = 100_000  # of one command: planning them takes a quarter of a minute


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """Everything that decides one run."""

    stream_name: str
    stream_kind: str
    stream: Any
    learner: str
    hp: Any
    evaluation: Evaluation
    seed: int
    variant: Mapping[str, Any] = dataclasses.field(compare=False)  # what is swept, by the experiment or the command

    @property
    def identity(self) -> dict[str, Any]:
        """The resolved configuration as plain values, with the version of the data, "none" where there are none."""
        source = streams.source_of(self.stream)
        return {
            "schema": SCHEMA,
            "data": source.version if source else "none",
            "stream": {"kind": self.stream_kind} | as_dict(self.stream),
            "learner": {"name": self.learner} | as_dict(self.hp),
            "evaluation": as_dict(self.evaluation),
            "seed": self.seed,
        }

    @functools.cached_property
    def run_id(self) -> str:
        """A hash of the identity: it does not depend on the sweep, its order or the machine."""
        return hashlib.sha256(canonical(self.identity).encode()).hexdigest()[:16]

    @property
    def static(self) -> str:
        """What is compiled in: runs that agree on it share one program."""
        numbers, known = as_dict(self.hp), fields(self.hp)
        hp = {name: value for name, value in numbers.items() if is_static(known[name])}
        identity = self.identity | {"learner": {"name": self.learner} | hp}
        del identity["seed"]
        return canonical(identity)


def parse_settings(grid: Sequence[str], zipped: Sequence[str]) -> list[dict[str, str]]:
    """Texts `name=value,value` to cells: the product of `grid` with the rows of `zipped`.

    Raises:
      UsageError: a text has no name or value, a name comes twice, zipped values differ in number, or the product
        has more than `MOST_RUNS` cells.
    """
    parsed: dict[str, list[str]] = {}
    for text in (*grid, *zipped):
        name, _, values = text.partition("=")
        if not name or not all(value.strip() for value in values.split(",")):
            raise UsageError(f"--set {shown(text)}: write name=value or name=value,value,…")
        if name in parsed:
            raise UsageError(f"--set {shown(text)}: {name} is set twice; write all its values behind one comma list")
        parsed[name] = [value.strip() for value in values.split(",")]
    zip_names = [text.partition("=")[0] for text in zipped]
    lengths = {name: len(parsed[name]) for name in zip_names}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"--zip needs equally many values each; got {shown(lengths)}")
    axes: list[list[dict[str, str]]] = [
        [{name: value} for value in values] for name, values in parsed.items() if name not in zip_names
    ]
    if zip_names:
        rows = zip(*(parsed[name] for name in zip_names), strict=True)
        axes.append([dict(zip(zip_names, row, strict=True)) for row in rows])
    _require_few(math.prod(len(axis) for axis in axes), "the grid of --set and --zip has")
    return [{k: v for part in cell for k, v in part.items()} for cell in itertools.product(*axes)]


def resolve(
    experiment: Experiment,
    cells: Sequence[Mapping[str, str]] = ({},),
    learner_names: Sequence[str] = (),
    stream_names: Sequence[str] = (),
    seeds: int | None = None,
    smoke: bool = False,
    first_seed: int = 0,
) -> list[RunConfig]:
    """All runs, each once: streams x learners x cells x seeds, which count from `first_seed`.

    A setting goes to the stream, the learner or the evaluation that has it; a learner without it, or to which it
    means nothing with its other settings, runs once for all its values. Empty names mean all of the experiment's.

    Raises:
      UsageError: a name is unknown, a setting belongs or means nothing to all that was chosen, a seed is beyond the 32
        bits of the store, or there are more than `MOST_RUNS` runs.
    """
    seeds = seeds if seeds is not None else (experiment.smoke_seeds if smoke else experiment.seeds)
    _check_seeds(first_seed, seeds)
    for name in stream_names:
        if name not in experiment.streams:
            raise unknown(f"stream of {experiment.name}", name, experiment.streams)
    lives = len(stream_names or experiment.streams) * len(learner_names or experiment.learners) * len(cells)
    _require_few(lives * seeds, f"{lives} configurations with {seeds} seeds each are")
    runs: dict[str, RunConfig] = {}
    used: set[str] = set()
    known: set[str] = set()
    idles: dict[str, str] = {}
    for stream_name in stream_names or experiment.streams:
        spec = experiment.streams[stream_name]
        base_stream = replace(streams.REGISTRY[spec.kind].config, spec.settings)
        for learner in learner_names or experiment.learners:
            base_hp = replace(learners.REGISTRY[learner].hparams, experiment.learners.get(learner, {}))
            base = (base_stream, base_hp, replace(Evaluation(), experiment.evaluation))
            if smoke:
                base = tuple(replace(c, _of(c, experiment.smoke)) for c in base)
            known |= {name for config in base for name in fields(config)}
            for cell in cells:
                given = [{k: parse(fields(c)[k], v) for k, v in _of(c, cell).items()} for c in base]
                without = [idle(replace(c, g)) for c, g in zip(base, given, strict=True)]
                idles |= {name: why for of_one in without for name, why in of_one.items()}
                given = [{k: v for k, v in g.items() if k not in w} for g, w in zip(given, without, strict=True)]
                stream, hp, evaluation = (replace(c, g) for c, g in zip(base, given, strict=True))
                used |= {name for g in given for name in g}
                variant = {name: value for values in given for name, value in values.items()}
                for seed in range(first_seed, first_seed + seeds):
                    run = RunConfig(stream_name, spec.kind, stream, learner, hp, evaluation, seed, variant)
                    runs.setdefault(run.run_id, run)
    for cell in cells:
        for name in cell:
            if name not in used and name in idles:
                raise UsageError(f"{name}={shown(cell[name])}: means nothing with {idles[name]}")
            if name not in used:
                raise unknown(
                    f"setting of {', '.join(learner_names or experiment.learners)} or the stream", name, known
                )
    return list(runs.values())


def require_one_meaning(names: Iterable[str], runs: Sequence[RunConfig]) -> None:
    """Refuse a swept setting that is one thing to one learner and another to the next.

    Raises:
      UsageError: with what they say that it is.
    """
    for name in sorted(names):
        swept = {run.learner: fields(run.hp) for run in runs if name in run.variant}
        said = {known[name].metadata["help"]: learner for learner, known in swept.items() if name in known}
        if len(said) > 1:
            meanings = "; ".join(f"{learner}: {help}" for help, learner in said.items())
            raise UsageError(f"{name} means several things: {meanings}. Set it for learners of one meaning at a time")


def static_groups(runs: Sequence[RunConfig]) -> list[list[RunConfig]]:
    """Runs that share one compiled program, groups in order of first appearance."""
    groups: dict[str, list[RunConfig]] = {}
    for run in runs:
        groups.setdefault(run.static, []).append(run)
    return list(groups.values())


def _check_seeds(first: int, seeds: int) -> None:
    """Seeds are int32 in the store and uint32 in the generator."""
    if seeds < 1:
        raise UsageError(f"--seeds={shown(seeds)}: must be at least 1")
    if first < 0 or first + seeds - 1 > INT32:
        raise UsageError(
            f"--first_seed={shown(first)} with --seeds={shown(seeds)}: all seeds must be within [0, {INT32}]"
        )


def _require_few(runs: int, what: str) -> None:
    if runs > MOST_RUNS:
        raise UsageError(f"{what} {shown(runs)} runs; at most {MOST_RUNS:,} in one command: name fewer values or seeds")


def _of(config: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings whose names are fields of `config`."""
    return {name: value for name, value in settings.items() if name in fields(config)}
