"""The part of a command line that says what to search (`--search`), and the search."""

from collections.abc import Sequence
from pathlib import Path

from absl import flags
from tabulate import tabulate

from pcl import streams
from pcl.errors import UsageError, shown, unknown
from pcl.evaluation.catalogue import number
from pcl.experiment import Arm, Experiment, load_experiment
from pcl.folders import require_writable
from pcl.interrupts import Interrupts
from pcl.runner import studies
from pcl.runner.program import require_room
from pcl.runner.store import Store
from pcl.runner.studies import Study
from pcl.runner.sweep import applicable, configurations
from pcl.search import objective, propose
from pcl.search.search import Search, begun, conclude, whole_lives
from pcl.search.space import parse_space

FLAGS = flags.FLAGS
flags.disclaim_key_flags()  # they belong to the command that runs experiments
TWIN = 4  # configurations of a smoke run
SHOWN = 5  # configurations of a learner that are printed


def search_flags() -> None:
    """Define the flags of a search."""
    flags.DEFINE_enum(
        "search", None, propose.METHODS, "Search for the best settings of each learner, on one stream (needs optuna)."
    )
    flags.DEFINE_multi_string("space", [], "name=low:high[:log] or name=a,b,c: a setting that is searched.")
    flags.DEFINE_integer("trials", 64, "Configurations of each learner that are tried.", lower_bound=1)
    flags.DEFINE_integer("ask", 8, "Configurations that are proposed at a time, by tpe and random.", lower_bound=1)
    flags.DEFINE_string("objective", "acc", "Metric that decides.")
    flags.DEFINE_enum(
        "aggregate", "mean", objective.AGGREGATES,
        "Over seeds: the mean, the worse end of its 95 % interval, or the interquartile mean.",
    )  # fmt: skip
    flags.DEFINE_string("study", None, "Name of the search: its folder is <results_dir>/studies/<name>.")
    flags.DEFINE_string(
        "reported",
        None,
        "EXPERIMENT:STREAM of other data, which the winner is for: test samples of this one may decide.",
    )


def searching(experiment: Experiment, mode: str, results_dir: Path, interrupts: Interrupts) -> None:
    """Plan the search, and with no --dry_run do it or go on with it; print the best configurations.

    Raises:
      UsageError: a flag names what does not exist or does not go with a search, or test samples would decide.
      Interrupted: a signal came; the same command goes on.
    """
    propose.optuna()
    search = _asked(experiment)
    folder = studies.folder_of(results_dir, FLAGS.study)
    if FLAGS.dry_run:
        print(_plan(search, folder))
        return
    require_writable(folder, "results_dir")
    study, store = begun(search, folder), Store(folder.parent, folder.name)
    if not study.finished:
        for learner in search.spaces:
            whole_lives(search, learner, study, store, mode, FLAGS.max_width, interrupts)
        store.compact()
        conclude(search, study)
    print(f"\n{_table(search, study)}\n")
    print(f"Decided by {search.decided_by}; name the winner as --set NAME=from:{FLAGS.study}. Study: {folder}")


def _asked(experiment: Experiment) -> Search:
    """What the flags ask for."""
    if not FLAGS.study:
        raise UsageError("--study is missing: name the search, so that it can be taken up again and its winner named")
    for name, neutral in (
        ("zip", []),
        ("save_state", None),
        ("checkpoint_steps", 0),
        ("num_shards", 1),
        ("claim", False),
    ):
        if FLAGS[name].value != neutral:
            raise UsageError(f"--search takes no --{name}")
    grid = experiment.grid
    chosen = FLAGS.streams or grid.streams
    if len(chosen) != 1:
        raise UsageError(f"a search is on one stream; name one of {', '.join(chosen)} with --streams")
    names = tuple(FLAGS.learners or grid.learners)
    own = {name: configurations(experiment, Arm((name,), tuple(chosen), seeds=1), [{}])[0][0] for name in names}
    spaces = parse_space(FLAGS.space, {name: run.hp for name, run in own.items()})
    seeds = FLAGS.seeds or (experiment.smoke_seeds if FLAGS.smoke else grid.seeds)
    objective.require(FLAGS.objective, FLAGS.aggregate, seeds, unfinished=False)
    fixed = _fixed(FLAGS.space)
    known = applicable(experiment, [(name, chosen[0]) for name in names])
    for name in fixed:
        if name not in known:
            raise unknown(f"setting of {', '.join(names)} or the stream", name, known)
    run = configurations(experiment, Arm(names[:1], tuple(chosen), seeds=1), [fixed], FLAGS.smoke)[0][0]
    data, asked = (run.stream_kind, run.stream), fixed.get("probe_on", "")
    decided_by, probed = objective.decided_by(data, asked, _reported())
    if run.evaluation.probe_on != probed:
        fixed["probe_on"] = probed
    return Search(
        experiment, chosen[0], spaces, tuple(FLAGS.space), fixed, FLAGS.search,
        min(FLAGS.trials, TWIN) if FLAGS.smoke else FLAGS.trials, FLAGS.ask, FLAGS.objective, FLAGS.aggregate, seeds,
        FLAGS.first_seed or 0, decided_by, FLAGS.smoke,
    )  # fmt: skip


def _fixed(space: Sequence[str]) -> dict[str, str]:
    """The settings of --set, of which a search takes one value each."""
    searched = {text.partition("=")[0] for text in space}
    fixed: dict[str, str] = {}
    for text in FLAGS.set:
        name, _, value = text.partition("=")
        if not name or not value.strip() or "," in value:
            raise UsageError(f"--set {shown(text)}: a search takes one value, as name=value; --space names several")
        if name in fixed or name in searched:
            raise UsageError(f"--set {shown(text)}: {name} is given twice")
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
    """The plan: configurations and runs of each learner."""
    body = []
    for learner, space in search.spaces.items():
        run = search.runs(learner, [{}])[0][0]
        require_room(run)
        steps = streams.configured(run.stream_kind, run.stream, run.evaluation.probe_on)[0].steps
        groups = " ".join(name for name, axis in space.items() if axis.static) or "-"
        body.append(
            (
                learner,
                " ".join(space),
                groups,
                search.trials,
                search.ask,
                search.seeds,
                search.trials * search.seeds,
                steps,
            )
        )
    head = ("learner", "searched", "compiled in", "configurations", "a chunk", "seeds", "runs", "steps")
    total = sum(row[6] for row in body)
    return f"{tabulate(body, head)}\n\nAt most {total} runs, decided by {search.decided_by}; study in {folder}"


def _table(search: Search, study: Study) -> str:
    """The best configurations of each learner."""
    body = []
    for learner in search.spaces:
        for trial in study.best(learner, search.less)[:SHOWN]:
            texts = number(search.metric, trial.value), " ".join(number(search.metric, one) for one in trial.values)
            body.append((learner, trial.text(), *texts, trial.diverged))
    return tabulate(body, ("learner", "settings", search.metric, "by seed", "diverged"), disable_numparse=True)
