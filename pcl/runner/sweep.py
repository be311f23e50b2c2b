"""From an experiment and `--set` values to resolved configurations, run ids and static groups."""

import dataclasses
import functools
import hashlib
import itertools
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from pcl import learners, streams
from pcl.errors import UsageError, shown, unknown
from pcl.experiment import Arm, Experiment, narrowed
from pcl.fields import INT32, as_dict, canonical, fields, identity, idle, is_static, parse, replace
from pcl.registry import Registry
from pcl.runner import studies
from pcl.runner.evaluation import Evaluation

# Raised by hand whenever the same configuration would give other numbers, or a record other columns.
SCHEMA = 2
MOST_RUNS = 100_000  # of one command: planning them takes a quarter of a minute


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """Everything that determines one run."""

    stream_name: str
    stream_kind: str
    stream: Any
    learner: str
    hp: Any
    evaluation: Evaluation
    seed: int
    variant: Mapping[str, Any] = dataclasses.field(compare=False)  # swept settings, by the experiment or the command
    family: tuple[Any, ...] = dataclasses.field(default=(), compare=False)  # see `pcl.runner.families`

    @property
    def identity(self) -> dict[str, Any]:
        """The resolved configuration as plain values, with the version of the data, "none" where there are none."""
        source, code = streams.source_of(self.stream), self._code()
        return {
            "schema": SCHEMA,
            "data": source.version if source else "none",
            "stream": {"kind": self.stream_kind} | identity(self.stream),
            "learner": {"name": self.learner} | identity(self.hp),
            "evaluation": identity(self.evaluation),
            "seed": self.seed,
        } | ({"code": code} if code else {})

    def _code(self) -> dict[str, str]:
        """The digests of files from outside the package that affect the run, by the entry that they hold."""
        named: list[tuple[Any, Any]] = [(learners.REGISTRY, self.learner), (streams.REGISTRY, self.stream_kind)]
        numbers = as_dict(self.hp)
        named += [(field.metadata.get("choices"), numbers[name]) for name, field in fields(self.hp).items()]
        outside = [(r, name) for r, name in named if isinstance(r, Registry) and name in r.code]
        return {f"{registry.kind} {name}": registry.digest(name) for registry, name in outside}

    @functools.cached_property
    def run_id(self) -> str:
        """A hash of the identity: it does not depend on the sweep, its order or the machine."""
        return hashlib.sha256(canonical(self.identity).encode()).hexdigest()[:16]

    @property
    def static(self) -> str:
        """The static settings, of a family those of all its members: runs that agree share one compiled program."""
        known = fields(self.hp)
        compiled_in = [
            {name: value for name, value in as_dict(hp).items() if is_static(known[name])}
            for hp in self.family or (self.hp,)
        ]
        identity = self.identity | {"learner": {"name": self.learner}, "hp": compiled_in}
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
            raise UsageError(f"--set {shown(text)}: {name} is set twice; write all its values in one list with commas")
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
    """All runs of one grid, each once: streams x learners x cells x seeds, which count from `first_seed`.

    A setting goes to the stream, the learner or the evaluation that has it; a learner without it, or for which it has
    no effect with its other settings, runs once for all its values. Without names, those of the experiment's own grid.

    Raises:
      UsageError: a name is unknown, a setting has no effect on anything that was chosen, a seed is beyond the 32
        bits of the store, or there are more than `MOST_RUNS` runs.
    """
    own = experiment.grid
    arm = dataclasses.replace(
        own,
        learners=tuple(learner_names) or own.learners,
        streams=tuple(stream_names) or own.streams,
        seeds=seeds if seeds is not None else (experiment.smoke_seeds if smoke else own.seeds),
        first_seed=first_seed,
    )
    return _runs(experiment, arm, arm.pairs, cells, smoke, asked=True)


def published(
    experiment: Experiment, learner_names: Sequence[str] = (), stream_names: Sequence[str] = (), smoke: bool = False
) -> list[RunConfig]:
    """All runs that the experiment publishes, each once, or those on the named learners and streams (`narrowed`).

    With `smoke`, of the first arm each learner once, and each stream that still differs from the others once.

    Raises:
      UsageError: a name is unknown, or the experiment publishes nothing.
    """
    arms = narrowed(experiment, learner_names, stream_names) or [experiment.grid]
    if smoke:
        return _twin(experiment, arms[0])
    if not experiment.arms:
        raise UsageError(f"{experiment.name} publishes no runs yet: choose runs with --seeds, --set or --zip")
    runs: dict[str, RunConfig] = {}
    for arm in arms:
        for run in _runs(experiment, arm, arm.pairs, _cells(experiment, arm, arm.pairs), False):
            runs.setdefault(run.run_id, run)
    return list(runs.values())


def applicable(experiment: Experiment, pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Names of all settings of pairs of learner and stream, and of the evaluation.

    Raises:
      UsageError: a learner or stream is unknown.
    """
    return {name for pair in pairs for config in _base(experiment, *pair) for name in fields(config)}


def configurations(
    experiment: Experiment, arm: Arm, cells: Sequence[Mapping[str, str]], smoke: bool = False
) -> list[list[RunConfig]]:
    """The runs of each cell, a seed each, of an arm of one learner and stream.

    A setting that has no effect with the others of its cell is left out.

    Raises:
      UsageError: a name or value is wrong, or a seed beyond the 32 bits of the store.
    """
    return [_runs(experiment, arm, arm.pairs, [cell], smoke) for cell in cells]


def _cells(
    experiment: Experiment, arm: Arm, pairs: Sequence[tuple[str, str]], without: Container[str] = ()
) -> list[dict[str, str]]:
    """The settings of an arm that some of the pairs have, as cells."""
    wanted = applicable(experiment, pairs)
    texts = [text for text in arm.settings if (name := text.partition("=")[0]) in wanted and name not in without]
    return parse_settings(texts, ())


def _twin(experiment: Experiment, arm: Arm) -> list[RunConfig]:
    first, last = arm.streams[0], arm.learners[-1]
    others = {}
    for name in reversed(arm.streams):
        config = replace(streams.REGISTRY[experiment.streams[name].kind].config, experiment.streams[name].settings)
        others[canonical(as_dict(replace(config, _of(config, experiment.smoke))))] = name
    pairs = [(learner, first) for learner in arm.learners]
    pairs += [(last, name) for name in arm.streams if name in others.values() and name != first]
    cells = _cells(experiment, arm, pairs, without=experiment.smoke)
    arm = dataclasses.replace(arm, seeds=experiment.smoke_seeds, first_seed=0)
    return _runs(experiment, arm, pairs, cells, True)


def _runs(
    experiment: Experiment,
    arm: Arm,
    pairs: Sequence[tuple[str, str]],
    cells: Sequence[Mapping[str, str]],
    smoke: bool,
    asked: bool = False,
) -> list[RunConfig]:
    """The runs of pairs of learner and stream, in the order of streams, under every cell with every seed of an arm."""
    _check_seeds(arm.first_seed, arm.seeds)
    lives = len(pairs) * len(cells)
    _require_few(lives * arm.seeds, f"{lives} configurations with {arm.seeds} seeds each are")
    runs: dict[str, RunConfig] = {}
    used: set[str] = set()
    known: set[str] = set()
    idles: dict[str, str] = {}
    for learner, stream_name in sorted(pairs, key=lambda pair: arm.streams.index(pair[1])):
        base = _base(experiment, learner, stream_name)
        if smoke:
            base = tuple(replace(c, _of(c, experiment.smoke)) for c in base)
        known |= {name for config in base for name in fields(config)}
        for cell in cells:
            given = [_parsed(c, cell, learner) for c in base]
            without = [idle(replace(c, g)) for c, g in zip(base, given, strict=True)]
            idles |= {name: why for of_one in without for name, why in of_one.items()}
            given = [{k: v for k, v in g.items() if k not in w} for g, w in zip(given, without, strict=True)]
            stream, hp, evaluation = (replace(c, g) for c, g in zip(base, given, strict=True))
            used |= {name for g in given for name in g}
            variant = {name: value for values in given for name, value in values.items()}
            kind = experiment.streams[stream_name].kind
            for seed in range(arm.first_seed, arm.first_seed + arm.seeds):
                run = RunConfig(stream_name, kind, stream, learner, hp, evaluation, seed, variant)
                runs.setdefault(run.run_id, run)
    if asked:
        unused = [(name, value) for cell in cells for name, value in cell.items() if name not in used]
        _refuse(unused, idles, f"setting of {', '.join(arm.learners)} or the stream", known)
    return list(runs.values())


def _refuse(unused: Iterable[tuple[str, str]], idles: Mapping[str, str], what: str, known: Iterable[str]) -> None:
    """Raise UsageError for the first unused setting: it has no effect with the others (`idles`), or is unknown."""
    for name, value in unused:
        if name in idles:
            raise UsageError(f"{name}={shown(value)}: has no effect with {idles[name]}")
        raise unknown(what, name, known)


def _base(experiment: Experiment, learner: str, stream_name: str) -> tuple[Any, Any, Evaluation]:
    """Stream, learner and evaluation as the experiment sets them.

    Raises:
      UsageError: a name is unknown, or the learner is told tasks and the stream has none.
    """
    if stream_name not in experiment.streams:
        raise unknown(f"stream of {experiment.name}", stream_name, experiment.streams)
    spec = experiment.streams[stream_name]
    if learners.REGISTRY[learner].told and not streams.REGISTRY[spec.kind].tasks:
        able = ", ".join(sorted(kind for kind, entry in streams.REGISTRY.items() if entry.tasks))
        raise UsageError(f"{learner} is told tasks, and {stream_name} has none; streams that have: {able}")
    hp, own = learners.REGISTRY[learner].hparams, experiment.learners.get(learner, {})
    hp = replace(hp, {**own} | _parsed(hp, {k: v for k, v in own.items() if studies.is_reference(v)}, learner))
    return (
        replace(streams.REGISTRY[spec.kind].config, spec.settings),
        hp,
        replace(Evaluation(), experiment.evaluation),
    )


def _parsed(config: Any, texts: Mapping[str, str], learner: str) -> dict[str, Any]:
    """The values of those settings that `config` has; one that names a study is its winner's for this learner."""
    return {
        name: parse(field, studies.winning(text, learner, name) if studies.is_reference(text) else text)
        for name, field in fields(config).items()
        if (text := texts.get(name)) is not None
    }


def require_one_meaning(names: Iterable[str], runs: Sequence[RunConfig]) -> None:
    """Refuse a swept setting that has several meanings across learners and streams.

    Those of the project give a name one meaning; one from outside may give it another.

    Raises:
      UsageError: with the meanings.
    """
    for name in sorted(names):
        swept = [run for run in runs if name in run.variant]
        configs = {run.learner: run.hp for run in swept} | {run.stream_kind: run.stream for run in swept}
        known = {who: fields(config) for who, config in configs.items()}
        said = {settings[name].metadata["help"]: who for who, settings in known.items() if name in settings}
        if len(said) > 1:
            meanings = "; ".join(f"{who}: {help}" for help, who in said.items())
            raise UsageError(
                f"{name} means several things: {meanings}. Set it for learners and streams of one meaning at a time"
            )


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
