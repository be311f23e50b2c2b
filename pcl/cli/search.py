"""The part of a command line that says what to search (`--search`), and the search."""

from collections.abc import Collection, Sequence
from pathlib import Path

from absl import flags
from tabulate import tabulate

from pcl import streams
from pcl.errors import UsageError, shown, unknown
from pcl.experiment import Arm, Experiment, load_experiment
from pcl.folders import require_writable
from pcl.interrupts import Interrupts
from pcl.runner import studies
from pcl.runner.program import require_room
from pcl.runner.sweep import applicable, configurations
from pcl.search import objective, propose
from pcl.search.again import carry_out
from pcl.search.halving import rung_steps
from pcl.search.search import Search
from pcl.search.space import parse_space

FLAGS = flags.FLAGS
flags.disclaim_key_flags()  # they belong to the command that runs experiments
NOT_OF_A_SEARCH: dict[str, object] = {  # flags that a search refuses, with their defaults
    "zip": [],
    "save_state": None,
    "checkpoint_steps": 0,
    "num_shards": 1,
    "claim": False,
    "coordinator": "none",
    "watch_steps": None,
    "sink": [],
}
TWIN = 4  # configurations of a smoke run


class _Shares(flags.ArgumentParser):
    """Numbers between 0 and 1 with commas between them."""

    def parse(self, argument: str | list[float]) -> list[float]:
        shares = [float(text) for text in argument.split(",")] if isinstance(argument, str) else argument
        if not all(0 < share < 1 for share in shares):
            raise ValueError("write shares of the stream between 0 and 1, as 0.0625,0.25")
        return shares

    def flag_type(self) -> str:
        return "comma separated list of shares"


def search_flags() -> None:
    """Define the flags of a search."""
    flags.DEFINE_enum(
        "search",
        None,
        propose.METHODS,
        "Method of a search for the best settings of each learner, on one stream (needs optuna).",
    )
    flags.DEFINE_multi_string(
        "space", [], "name=low:high[:log] or name=a,b,c: range or choices of a setting that is searched."
    )
    flags.DEFINE_integer("trials", 64, "Number of configurations that are tried for each learner.", lower_bound=1)
    flags.DEFINE_integer("ask", 8, "Number of configurations that tpe and random propose at a time.", lower_bound=1)
    flags.DEFINE(
        _Shares(),
        "rungs",
        [0.0625, 0.25],
        "Shares of the stream after which successive halving stops the worse configurations.",
    )
    flags.DEFINE_integer(
        "eta", 4, "One in ETA configurations continues after each rung of successive halving.", lower_bound=2
    )
    flags.DEFINE_string("objective", "acc", "Metric by which configurations are compared.")
    flags.DEFINE_enum(
        "aggregate", "mean", objective.AGGREGATES,
        "Aggregate over seeds: mean, low (the worse end of its 95 % interval), or iqm (interquartile mean).",
    )  # fmt: skip
    flags.DEFINE_string("study", None, "Name of the search: its folder is <results_dir>/studies/<name>.")
    flags.DEFINE_string(
        "reported",
        None,
        "EXPERIMENT:STREAM of other data, on which the winner is reported; test samples of the searched data may then"
        " decide.",
    )


def searching(experiment: Experiment, mode: str, results_dir: Path, interrupts: Interrupts) -> None:
    """Plan the search; without --dry_run start or resume it, and print the best configurations.

    Raises:
      UsageError: a flag names something that does not exist or does not fit a search, or test samples would decide.
      Interrupted: a signal came; the same command goes on.
    """
    propose.optuna()
    search = _asked(experiment)
    folder = studies.folder_of(results_dir, FLAGS.study)
    if FLAGS.dry_run:
        print(_plan(search, folder))
        return
    require_writable(folder, "results_dir")
    study = carry_out(search, folder, mode, FLAGS.max_width, interrupts)
    print(f"\n{studies.summary(study)}; name the winner as --set NAME=from:{FLAGS.study}\nStudy: {folder}")


def _asked(experiment: Experiment) -> Search:
    """What the flags ask for."""
    if not FLAGS.study:
        raise UsageError("--study is missing: name the search, so that it can be resumed and its winner used")
    for name, neutral in NOT_OF_A_SEARCH.items():
        if FLAGS[name].value != neutral:
            raise UsageError(f"--search takes no --{name}")
    if FLAGS.mode == "fastest":
        raise UsageError("--search takes no --mode=fastest: its chunks depend on the mode; name map or vmap")
    grid, halves = experiment.grid, FLAGS.search == "halving"
    chosen = tuple(FLAGS.streams or grid.streams)
    if len(chosen) != 1:
        raise UsageError(f"a search is on one stream; name one of {', '.join(chosen)} with --streams")
    arms = [Arm((name,), chosen, seeds=1) for name in FLAGS.learners or grid.learners]
    hps = {arm.learners[0]: configurations(experiment, arm, [{}])[0][0].hp for arm in arms}
    own = experiment.smoke_seeds if FLAGS.smoke else grid.seeds
    seeds = own if FLAGS.seeds is None else FLAGS.seeds
    objective.require(FLAGS.objective, FLAGS.aggregate, seeds, unfinished=halves)
    fixed = _fixed(FLAGS.space, applicable(experiment, [pair for arm in arms for pair in arm.pairs]))
    run = configurations(experiment, arms[0], [fixed], FLAGS.smoke)[0][0]
    data = run.stream_kind, run.stream
    decided_by, probed = objective.decided_by(data, fixed.get("probe_on", ""), _reported())
    if run.evaluation.probe_on != probed:
        fixed["probe_on"] = probed
    steps = streams.configured(*data, probed)[0].steps
    if halves and "probe_every" not in fixed:
        fixed["probe_every"] = str(max(1, round(FLAGS.rungs[0] * steps)))
    rungs = rung_steps(FLAGS.rungs, steps, int(fixed["probe_every"])) if halves else (steps,)
    return Search(
        experiment, chosen[0], parse_space(FLAGS.space, hps), tuple(FLAGS.space), fixed, FLAGS.search,
        min(FLAGS.trials, TWIN) if FLAGS.smoke else FLAGS.trials, FLAGS.ask, rungs, FLAGS.eta, FLAGS.objective,
        FLAGS.aggregate, seeds, FLAGS.first_seed or 0, decided_by, FLAGS.smoke,
    )  # fmt: skip


def _fixed(space: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """The settings of --set, of which a search takes one value each."""
    searched = {text.partition("=")[0] for text in space}
    fixed: dict[str, str] = {}
    for text in FLAGS.set:
        name, _, value = text.partition("=")
        if not name or not value.strip() or "," in value:
            raise UsageError(f"--set {shown(text)}: a search takes one value, as name=value; --space names several")
        if name in fixed or name in searched:
            raise UsageError(f"--set {shown(text)}: {name} is given twice")
        if name not in known:
            raise unknown("setting of these learners or the stream", name, known)
        fixed[name] = value.strip()
    return fixed


def _reported() -> objective.Data | None:
    """The stream that the winner is for."""
    if FLAGS.reported is None:
        return None
    name, _, stream = FLAGS.reported.partition(":")
    experiment = load_experiment(name)
    run = configurations(experiment, Arm((next(iter(experiment.learners)),), (stream,), seeds=1), [{}])[0][0]
    return run.stream_kind, run.stream


def _plan(search: Search, folder: Path) -> str:
    """The plan: configurations and runs of each learner on each rung."""
    body, lived = [], 0
    for learner, space in search.spaces.items():
        require_room(search.runs(learner, [{}])[0][0])
        compiled_in = " ".join(name for name, axis in space.items() if axis.static) or "-"
        left, before = search.trials, 0
        for until in search.rungs:
            body.append((learner, " ".join(space), compiled_in, before, until, left, left * search.seeds))
            lived += left * search.seeds * (until - before)
            left, before = -(-left // search.eta), until
    head = ("learner", "searched", "compiled in", "from step", "to step", "configurations", "runs")
    return (
        f"{tabulate(body, head)}\n\n{lived / search.rungs[-1]:g} whole runs at most, {search.seeds} seeds of each"
        f" configuration; decided by {search.decided_by}; study in {folder}"
    )
