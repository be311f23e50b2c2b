"""Make everything behind the figures and tables again, from nothing, and compare it with the published records.

python -m scripts.reproduce --dry_run
python -m scripts.reproduce --experiment=split_digits
python -m scripts.reproduce --scale=full --data_dir=FOLDER

Scales: `laptop` (two seeds of each configuration, and of each experiment what took two minutes), `workstation` (three
seeds, half an hour) and `full` (all that is published). What a scale leaves out is printed. Runs are those published,
by id, so that each is compared with its own record. The same command goes on where it was ended. Records, figures,
tables and `made_again/report.md` are written below --results_dir; the published records are only read.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
from absl import flags
from tabulate import tabulate

from pcl import outside
from pcl.command import NAMES, folder_flag, launch
from pcl.commands import called
from pcl.errors import UsageError, unknown
from pcl.experiment import experiment_names, load_experiment
from pcl.folders import require_writable
from pcl.interrupts import Interrupts, listen
from pcl.runner import devices, studies
from pcl.runner.execute import execute, plan
from pcl.runner.scales import SCALES, Choice, LeftOut, Scale, choose, times
from pcl.runner.store import Store
from pcl.runner.studies import use_results_dir
from pcl.search.again import as_asked, carry_out
from pcl.streams.sources import use_data_dir

from . import made_again
from .published import make_all, published, write_index

FLAGS = flags.FLAGS
flags.DEFINE(NAMES, "experiment", [], "Experiments to make again (default: all that have records).")
flags.DEFINE_enum("scale", "laptop", list(SCALES), "Scale: how much is made again.")
folder_flag("results_dir", None, "Folder for the new results (default: reproduced/<scale>); never the published one.")
folder_flag("against", "results", "Folder of the published records.")
folder_flag("data_dir", None, "Folder of raw data files (default: the environment's PCL_DATA_DIR, else none).")
flags.DEFINE_bool("smoke", False, "Make the small versions of experiments again (default folder: reproduced/smoke).")
flags.DEFINE_bool("dry_run", False, "Print the plan and exit.")
outside.import_flag()

CELLS = 4  # configurations that are named in a line


class Planned(NamedTuple):
    """What is made again: runs, studies with their seconds, other measurements; and experiments left out, and why."""

    choices: list[Choice]
    studies: list[tuple[str, float]]
    commands: list[tuple[str, str]]  # the experiment whose table asks for it, and the module
    left_out: dict[str, str]

    @property
    def names(self) -> list[str]:
        """The experiments."""
        return [choice.experiment for choice in self.choices]


def main() -> None:
    """Plan, run what is missing, draw, and report.

    Raises:
      UsageError: an experiment is unknown or its data are missing, or a folder is wrong.
    """
    devices.configure()
    outside.bring(outside.given())
    devices.keep_programs()
    listen(_work)


def _work(interrupts: Interrupts) -> None:
    scale, against = _scale(), FLAGS.against / "smoke" if FLAGS.smoke else FLAGS.against
    results_dir = FLAGS.results_dir or Path("reproduced") / scale
    if results_dir.resolve() in (FLAGS.against.resolve(), against.resolve()):
        raise UsageError(f"--results_dir={results_dir}: the published records are there; name another folder")
    use_data_dir(FLAGS.data_dir)
    planned = _planned(against)
    print(_described(planned, results_dir, scale))
    if FLAGS.dry_run:
        return
    require_writable(results_dir, "results_dir")
    use_results_dir(results_dir)
    for name in planned.names:
        Store(results_dir, name).require_writable()
    _run(planned, results_dir, interrupts)
    for name, _ in planned.studies:
        study = studies.named(against, name)
        carry_out(as_asked(study.about["asked"]), results_dir / studies.FOLDER / name, _mode(), 0, interrupts)
    notes = {"Left out": [*_left_out(planned)], "Not made": [*_measured(planned, results_dir)]}
    notes["Not made"] += _drawn(planned.names, results_dir)
    notes["Measurements of a machine, not made again"] = _benches(FLAGS.against)
    notes["Studies"] = [*_winners(planned, against, results_dir)]
    written, line = made_again.write(planned.names, against, results_dir, scale, notes)
    print(*written, line, sep="\n")


def _scale() -> str:
    return "smoke" if FLAGS.smoke else FLAGS.scale


def _mode() -> str:
    return devices.default_mode()


def _planned(against: Path) -> Planned:
    """What the flags ask for.

    Raises:
      UsageError: a named experiment is unknown, publishes nothing, or has no data here.
    """
    known = experiment_names()
    for name in FLAGS.experiment:
        if name not in known:
            raise unknown("experiment", name, known)
    scale = SCALES["full"] if FLAGS.smoke else SCALES[FLAGS.scale]
    found = Planned([], [], [], {})
    for name in FLAGS.experiment or known:
        took, experiment = times(against, name), load_experiment(name)
        if not FLAGS.experiment and not (took or FLAGS.smoke):
            found.left_out[name] = "it has no published records"
            continue
        try:
            found.choices.append(choose(experiment, scale, took, _mode(), FLAGS.smoke))
        except UsageError as error:
            if FLAGS.experiment:
                raise
            found.left_out[name] = str(error)
            continue
        if not FLAGS.smoke:
            found.studies.extend(_studies(name, against, scale, found.left_out))
            found.commands.extend((name, module) for module in _modules(name, against))
    return found


def _studies(experiment: str, against: Path, scale: Scale, left_out: dict[str, str]) -> Iterator[tuple[str, float]]:
    """The published searches over settings of an experiment, each with the seconds that it took."""
    for name in sorted(path.parent.name for path in (against / studies.FOLDER).glob("*/study.json")):
        about = studies.named(against, name).about
        if about["asked"]["experiment"] != experiment:
            continue
        took = list(times(against / studies.FOLDER, name).values())
        steps, lived = about["steps"], about["asked"]["rungs"][-1]
        seconds = max((one.run for one in took), default=0.0) * steps / lived
        seconds += sum({one.compilation for one in took})
        if seconds > scale.seconds:
            left_out[f"study {name}"] = f"it took {_time(seconds)}"
        else:
            yield name, seconds


def _modules(experiment: str, against: Path) -> list[str]:
    """The modules that make those rows of tables that come from no record."""
    more = [table.more for table in load_experiment(experiment).tables if table.more]
    return list(dict.fromkeys(row.command.partition(" -m ")[2] for rows in more for row in rows(against)))


def _described(planned: Planned, results_dir: Path, scale: str) -> str:
    """The plan, as a table and lines."""
    counts: dict[str, tuple[float, ...]] = {
        choice.experiment: (
            *(choice.runs, choice.seconds / 3600, sum(one.runs for one in choice.left_out)),
            sum(one.seconds for one in choice.left_out) / 3600,
        )
        for choice in planned.choices
    }
    counts["all"] = tuple(map(sum, zip(*counts.values(), strict=True)))
    head = ("experiment", "runs", "hours", "left out: runs", "hours")
    lines = [tabulate([(name, *row) for name, row in counts.items()], head, floatfmt=".2f"), ""]
    lines += [f"study {name}: {_time(seconds)}" for name, seconds in planned.studies]
    lines += [f"{name}: beside the runs, python -m {module}" for name, module in planned.commands]
    lines += [f"left out: {one}" for one in _left_out(planned)]
    about = "Hours are those that the published records took on the machines that they name."
    return "\n".join((*lines, f"{about} Scale {scale}; results in {results_dir}"))


def _left_out(planned: Planned) -> Iterator[str]:
    yield from (f"{name}: {why}" for name, why in planned.left_out.items())
    for choice in planned.choices:
        yield from (f"{choice.experiment}: {_said(one)}" for one in choice.left_out)


def _said(left: LeftOut) -> str:
    named = ", ".join(left.cells[:CELLS]) + (f" and {len(left.cells) - CELLS} more" if len(left.cells) > CELLS else "")
    return f"{left.runs} runs, {_time(left.seconds)} ({left.why}): {named}"


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min"


def _run(planned: Planned, results_dir: Path, interrupts: Interrupts) -> None:
    """Execute what is missing, program by program, with the time left by what those before took."""
    todo = []
    for choice in planned.choices:
        done = Store(results_dir, choice.experiment).ids()
        todo += [
            (choice.experiment, runs, seconds)
            for runs, seconds in choice.groups
            if any(run.run_id not in done for run in runs)
        ]
    total, spent, start = sum(seconds for *_, seconds in todo), 0.0, time.monotonic()
    for place, (name, runs, seconds) in enumerate(todo):
        pace = (time.monotonic() - start) / spent if spent else 1.0
        about = f"{name}: {len(runs)} runs, {runs[0].learner} on {runs[0].stream_name}"
        left = _time((total - spent) * pace)
        print(f"{place + 1} of {len(todo)} programs, about {left} left; {about}", file=sys.stderr, flush=True)
        if place and todo[place - 1][0] != name:
            jax.clear_caches()  # compiled programs are kept for ever otherwise
        execute(plan(runs, _mode()), Store(results_dir, name), _mode(), name, interrupts)
        spent += seconds


def _measured(planned: Planned, results_dir: Path) -> Iterator[str]:
    """Make what comes from no record, unless it is there; a line for each that could not be made."""
    for name, module in planned.commands:
        try:
            _modules(name, results_dir)
            continue  # made before
        except (UsageError, OSError):
            pass
        here = f"{__package__}.{module.removeprefix('scripts.')}"
        folders = [f"--results_dir={results_dir}", *([f"--data_dir={FLAGS.data_dir}"] if FLAGS.data_dir else [])]
        done = subprocess.run((sys.executable, "-m", here, *folders), stderr=subprocess.PIPE, text=True)
        if done.returncode:
            yield f"`python -m {module}` failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}"


def _drawn(names: list[str], results_dir: Path) -> list[str]:
    """Make the figures and tables of these experiments; a line for each that could not be made."""
    of = [name for name, (_, experiment) in published().items() if experiment in names]
    missing, failed = make_all(of, results_dir)
    write_index(results_dir)
    lines = [f"{name}: {why}" for name, why in missing.items()]
    return lines + [f"{', '.join(stopped)}: {cause}" for cause, stopped in failed.items()]


def _benches(against: Path) -> list[str]:
    """The measurements of speed, each with its command, and what is drawn from them."""
    shown = [name for name, (_, experiment) in published().items() if not experiment]
    files = sorted(against.glob("bench_*.jsonl"))
    lines = [f"`{path.name}`: `python -m scripts.bench.{path.stem.removeprefix('bench_')}`" for path in files]
    return [*lines, f"{', '.join(shown)} are drawn from these by `{called('figures')}`"] if lines else []


def _winners(planned: Planned, against: Path, results_dir: Path) -> Iterator[str]:
    """What each search found, beside what is published."""
    for name, _ in planned.studies:
        before, after = (studies.named(folder, name).about["winners"] for folder in (against, results_dir))
        for learner, found in after.items():
            old = before[learner]
            same = "the published winner" if found == old else f"published: {old['settings']}, {old['value']:.6g}"
            yield f"study {name}, {learner}: {found['settings']}, {found['value']:.6g}; {same}"


if __name__ == "__main__":
    launch(main)
