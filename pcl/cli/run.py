"""Run an experiment: plan its runs, compile each static group once, execute missing runs, print the table.

pcl --list
pcl --describe=pcn
pcl --experiment=split_digits --learners=pcn --seeds=10 --set lr=0.01,0.03
pcl --experiment=split_digits --import=mine.py --learners=mine,ncm

Other commands are figures, report, runs, compare, study, prepare, check, conform, submit, compact, reproduce and site;
`pcl COMMAND --help` describes each.
"""

import contextlib
import itertools
from collections import Counter
from collections.abc import Sequence

import jax
from absl import flags
from tabulate import tabulate

from pcl import outside
from pcl.cli.listing import description, listing
from pcl.cli.own import experiment_of
from pcl.cli.search import search_flags, searching
from pcl.cli.sharing import joined, lay_out, share, sharing_flags
from pcl.command import NAMES, folder_flag
from pcl.errors import UsageError
from pcl.evaluation.summary import Record, setting_text, summarise, table
from pcl.experiment import Experiment, experiment_names
from pcl.fields import canonical, fields, is_static
from pcl.folders import require_writable
from pcl.interrupts import Interrupts, listen
from pcl.runner import devices, families, modes
from pcl.runner.execute import Chunk, execute, plan
from pcl.runner.program import compile_group
from pcl.runner.sharing import execute_shared, execute_together
from pcl.runner.store import Store
from pcl.runner.studies import use_results_dir
from pcl.runner.sweep import RunConfig, applicable, parse_settings, published, require_one_meaning, resolve
from pcl.runner.watch import Watching
from pcl.sinks import sinks
from pcl.streams.sources import SOURCES, use_data_dir

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "experiment", None, "Experiment to run, by name or file: all runs that it publishes; --list shows all names."
)
flags.DEFINE(NAMES, "learners", [], "Learners to run (default: all of the experiment).")
flags.DEFINE(NAMES, "streams", [], "Streams to run (default: all of the experiment).")
flags.DEFINE_integer("seeds", None, "Number of seeds (default: that of the experiment).")
flags.DEFINE_integer(
    "first_seed", None, "First seed (default: 0); use fresh seeds for settings that were chosen on other seeds.",
    lower_bound=0,
)  # fmt: skip
flags.DEFINE_multi_string("set", [], "name=value[,value…]: values of a setting; several --set flags form a grid.")
flags.DEFINE_multi_string("zip", [], "name=value[,value…]: values of a setting; all --zip settings vary together.")
folder_flag("results_dir", "results", "Folder of the records.")
folder_flag("data_dir", None, "Folder of raw data files (default: the environment's PCL_DATA_DIR, else none).")
flags.DEFINE_string("source_file", None, "File or folder with your own samples; it becomes a source with streams.")
flags.DEFINE_string(
    "source_options",
    "",
    "Options for reading --source_file, as label=kind,test_share=0.3; --describe=source_options lists them.",
)
folder_flag("save_state", None, "Folder for the final state of each run, <run id>.npz, which pcl.load reads.")
flags.DEFINE_integer(
    "checkpoint_steps", 0, "Write a checkpoint of unfinished runs every so many steps, beside the records (0: none).",
    lower_bound=0,
)  # fmt: skip
flags.DEFINE_integer(
    "watch_steps",
    None,
    "Report on running programs every so many steps: samples/s, time left, curves (0: about every second). Such a"
    " program is compiled anew by each command.",
    lower_bound=0,
)
flags.DEFINE_multi_string(
    "sink", [], "NAME or NAME:WHERE: writer of the curves of running programs; may be repeated; --list names them."
)
flags.DEFINE_bool(
    "smoke",
    False,
    "Run a small version: each learner on one stream and one learner on each stream, or what --set, --zip and"
    " --seeds name; records go to <results_dir>/smoke.",
)
flags.DEFINE_bool("dry_run", False, "Print the plan and exit.")
outside.import_flag()
flags.DEFINE_bool("list", False, "List experiments, learners, streams, sources, rules and sinks, and exit.")
flags.DEFINE(NAMES, "describe", [], "Describe the named learners, streams, sources or rules and their settings.")
flags.DEFINE_enum(
    "mode", "auto", ["auto", "fastest", *devices.MODES],
    "Batch runs by vmap, or map them (auto: by device; fastest: whichever a short measurement of each group favours).",
)  # fmt: skip
flags.DEFINE_integer("max_width", 0, "Largest number of runs in one chunk (0: the mode's default).", lower_bound=0)
flags.DEFINE_enum(
    "share_programs",
    "auto",
    families.SHARES,
    "Share one compiled program among several sizes (auto: if that saves time).",
)
sharing_flags()
search_flags()

TERMINAL_METRICS = (
    "acc",
    "aaa",
    "forgetting",
    "learning_acc",
    "min_acc",
    "prequential_acc",
    "state_bytes",
    "ms_per_step",
)


def main() -> None:
    """Parse, plan, execute, report."""
    devices.configure()  # before code of the user's, which may compute when it is imported
    lay_out()
    outside.bring(outside.given())
    if FLAGS.list or FLAGS.describe:
        _of_own_file()
        if FLAGS.experiment:
            outside.load_experiment(FLAGS.experiment)
        print(listing() if FLAGS.list else "\n\n".join(map(description, FLAGS.describe)))
        return
    devices.keep_programs()
    try:
        listen(_work)
    except Exception as error:
        if why := outside.blamed(error):
            raise why from error
        raise


def _work(interrupts: Interrupts) -> None:
    results_dir = FLAGS.results_dir / "smoke" if FLAGS.smoke else FLAGS.results_dir
    if FLAGS.search:
        searching(*named(), results_dir, interrupts)
        return
    if FLAGS.space or FLAGS.study:
        raise UsageError(
            "--space and --study belong to a search: choose its method with --search=tpe, random or halving"
        )
    experiment, runs, mode = asked()
    for name, entry in SOURCES.items():
        if entry.made:
            print(f"{name}: {entry.made}")
    # A checkpoint belongs to a chunk as it was planned: another plan would not find it.
    together = "never" if FLAGS.checkpoint_steps else FLAGS.share_programs
    groups = plan(runs, mode, FLAGS.max_width, *share(), together)
    store = Store(results_dir, experiment.name)
    fastest = modes.of_user() if FLAGS.mode == "fastest" else None
    if FLAGS.dry_run:
        print(_describe(groups, mode, store, fastest))
        return
    store.require_writable()
    if FLAGS.save_state is not None:
        require_writable(FLAGS.save_state, "save_state")
    kept = {"states": FLAGS.save_state, "checkpoint_steps": FLAGS.checkpoint_steps}
    kept["compile"] = fastest or compile_group
    if FLAGS.claim:
        executed = execute_shared(groups, store, mode, experiment.name, interrupts, **kept)
    else:
        act = execute_together if joined() else execute
        with contextlib.ExitStack() as closed:
            watching = _watching(closed, experiment.name)
            executed = act(groups, store, mode, experiment.name, interrupts, **kept, watching=watching)
    if joined() and jax.process_index():
        print(f"{executed} runs executed together; the first process has their records")
        return
    records = labelled(store.records({run.run_id for run in runs}), runs)
    print(_outcome(executed, len(records) - executed, len(runs) - len(records)))
    for text in _failures(records):
        print(text)
    if records:
        print(f"\n{table(summarise(records), TERMINAL_METRICS)}\n")
    print(f"Accuracies in %, mean over seeds [95 % Student's t interval]. Records: {store.folder}")


def named() -> tuple[Experiment, str]:
    """The experiment and the mode that the flags name; of `fastest`, the one in which groups are planned.

    Raises:
      UsageError: the experiment is missing or unknown.
    """
    use_data_dir(FLAGS.data_dir)
    use_results_dir(FLAGS.results_dir)
    of_file = _of_own_file()
    if not FLAGS.experiment and not of_file:
        names = ", ".join(experiment_names())
        raise UsageError(f"--experiment is missing; known: {names} (--list describes them, --help all flags)")
    experiment = outside.load_experiment(FLAGS.experiment) if FLAGS.experiment or not of_file else of_file
    return experiment, devices.default_mode() if FLAGS.mode in ("auto", "fastest") else FLAGS.mode


def asked() -> tuple[Experiment, list[RunConfig], str]:
    """The experiment, the runs and the mode that the flags ask for; nothing is compiled or written.

    Seeds or settings on the command line define a grid: the experiment's own grid with these values. Without
    them these are the runs that the experiment publishes.

    Raises:
      UsageError: a flag names something that does not exist, or has an inadmissible value.
    """
    experiment, mode = named()
    if not FLAGS.set and not FLAGS.zip and FLAGS.seeds is None and FLAGS.first_seed is None:
        return experiment, published(experiment, FLAGS.learners, FLAGS.streams, FLAGS.smoke), mode
    grid = experiment.grid
    # Settings given on the command line are not swept, nor are those that the small version (twin) sets.
    given = {text.partition("=")[0] for text in (*FLAGS.set, *FLAGS.zip)}
    fixed = given | set(experiment.smoke if FLAGS.smoke else ())
    known = applicable(experiment, itertools.product(FLAGS.learners or grid.learners, FLAGS.streams or grid.streams))
    own = [text for text in grid.settings if text.partition("=")[0] in known - fixed]
    cells = parse_settings((*own, *FLAGS.set), FLAGS.zip)
    runs = resolve(experiment, cells, FLAGS.learners, FLAGS.streams, FLAGS.seeds, FLAGS.smoke, FLAGS.first_seed or 0)
    require_one_meaning(given, runs)
    return experiment, runs, mode


def _of_own_file() -> Experiment | None:
    """The experiment on a file of the user's own, whose source and streams are known from now on."""
    if FLAGS.source_options and not FLAGS.source_file:
        raise UsageError("--source_options needs a file: name it with --source_file")
    return experiment_of(FLAGS.source_file, FLAGS.source_options) if FLAGS.source_file else None


def _watching(closed: contextlib.ExitStack, experiment: str) -> Watching | None:
    """How runs are watched, according to the flags; `closed` closes the sinks."""
    given = [closed.enter_context(contextlib.closing(sink)) for sink in sinks(FLAGS.sink, experiment)]
    if not given and FLAGS.watch_steps is None:
        return None
    measures = tuple(sink.entry.measure for sink in given if sink.entry.measure)
    return Watching(FLAGS.watch_steps or 0, tuple(given), measures)


def labelled(records: Sequence[Record], runs: Sequence[RunConfig]) -> list[Record]:
    """The records under this command's variants: a setting that had been left at its default may now be swept."""
    variants = {run.run_id: canonical(run.variant) for run in runs}
    return [{**record, "variant": variants[record["run_id"]]} for record in records]


def _outcome(executed: int, found: int, elsewhere: int) -> str:
    """The outcome of the runs that were asked for."""
    if not executed and not elsewhere:
        return f"Nothing to execute: all {found} runs were there already."
    missing = f", {elsewhere} left to other shards" if elsewhere else ""
    return f"{executed} runs executed, {found} were there already{missing}."


def _failures(records: Sequence[Record]) -> list[str]:
    """One line for each configuration with runs that diverged or failed."""
    bad: dict[tuple[str, str, str], list[str]] = {}
    for record in records:
        if record["status"] != "ok":
            key = record["learner"], record["stream"], setting_text(record["variant"])
            bad.setdefault(key, []).append(f"seed {record['seed']} {record['status']}")
    return [f"{' '.join(key)}: {'; '.join(texts)}" for key, texts in bad.items()]


def _describe(groups: Sequence[Sequence[Chunk]], mode: str, store: Store, fastest: modes.Fastest | None) -> str:
    """The plan: runs, static groups, chunk widths and memory (each group is compiled to read it)."""
    done = store.ids()
    body, chosen = [], []
    for group in groups:
        runs = [run for chunk in group for run in chunk.runs]
        chosen.append(fastest.known(runs[0], group[0].width, mode) if fastest else mode)
        program = compile_group(runs[0], group[0].width, chosen[-1] or mode)
        finished = sum(run.run_id in done for run in runs)
        known = fields(runs[0].hp) | fields(runs[0].stream) | fields(runs[0].evaluation)
        compiled_in = {name: value for name, value in runs[0].variant.items() if is_static(known[name])}
        sizes = families.differing(runs[0].family)
        compiled_in |= {name: " ".join(map(str, values)) for name, values in sizes.items()}
        body.append(
            (runs[0].stream_name, runs[0].learner, setting_text(canonical(compiled_in)), len(runs), finished,
             len(group), program.width, program.stream.steps, f"{program.memory / 2**20:.1f}",
             f"{program.compile_s:.1f}")
        )  # fmt: skip
    head = (
        "stream",
        "learner",
        "compiled in",
        "runs",
        "done",
        "chunks",
        "width",
        "steps",
        "MiB per device",
        "compile s",
    )
    total = sum(row[3] for row in body)
    return (
        f"{tabulate(body, head)}\n\n{total} runs in {len(body)} static groups, one compile each;"
        f" mode {_modes(chosen) if fastest else mode} on {devices.provenance()['devices']} device(s){_shard()};"
        f" records in {store.folder}"
    )


def _modes(chosen: Sequence[str | None]) -> str:
    """The number of static groups in each mode, as in "map of 2, not measured of 1"."""
    counts = Counter(one or "not measured" for one in chosen)
    return ", ".join(f"{one} of {count}" for one, count in sorted(counts.items()))


def _shard() -> str:
    rank, size = share()
    several = f", {FLAGS.devices_per_run} a run" if FLAGS.devices_per_run > 1 else ""
    return several + (f", shard {rank} of {size}" if size > 1 else "")
