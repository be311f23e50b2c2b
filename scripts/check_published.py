"""Compare what experiments publish with the records that there are: run for run, by id.

python -m scripts.check_published
python -m scripts.check_published --experiments=split_digits,load --data_dir=FOLDER

A line a cell for runs without a record, and for records of runs that no experiment publishes; exit code 2 if there are
any. Besides, cells whose records are older: they agree in every setting that both name, and the code has got or lost
others since, so that the same command would run them again under new ids.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from absl import flags

from pcl.command import NAMES, folder_flag, launch
from pcl.errors import UsageError
from pcl.evaluation.summary import Record, setting_text
from pcl.experiment import experiment_names, load_experiment
from pcl.fields import canonical
from pcl.runner.store import Store
from pcl.runner.sweep import RunConfig, published
from pcl.streams.sources import use_data_dir

FLAGS = flags.FLAGS
flags.DEFINE(NAMES, "experiments", [], "Experiments to compare instead of all.")
folder_flag("results_dir", "results", "Folder of the records.")
folder_flag("data_dir", None, "Folder of raw data files (default: the environment's PCL_DATA_DIR, else none).")


class Comparison(NamedTuple):
    """Cells (stream, learner, variant) with their seeds, a line each."""

    missing: list[str]  # published, without a record
    unpublished: list[str]  # recorded, in no arm
    older: list[str]  # published, and recorded by a code that had fewer settings or others, which are named


def compare(name: str, results_dir: Path) -> Comparison:
    """The runs that an experiment publishes beside its records."""
    experiment, store = load_experiment(name), Store(results_dir, name)
    runs = {run.run_id: run for run in (published(experiment) if experiment.arms else ())}
    records = {record["run_id"]: record for record in store.records(store.ids())}
    left: dict[tuple[str, str, int], list[Record]] = {}
    for run_id, record in records.items():
        if run_id not in runs:
            left.setdefault((record["stream"], record["learner"], record["seed"]), []).append(record)
    missing, older = [], []
    for run_id, run in runs.items():
        if run_id not in records:
            others = left.get((run.stream_name, run.learner, run.seed), [])
            about = _about(run.stream_name, run.learner, canonical(run.variant), run.seed)
            found = next((record for record in others if (_apart(run, record)) is not None), None)
            if found is None:
                missing.append(about)
            else:
                others.remove(found)
                older.append((f"{about[0]} ({', '.join(_apart(run, found) or ['version'])})", run.seed))
    unpublished = [_about(r["stream"], r["learner"], r["variant"], r["seed"]) for some in left.values() for r in some]
    return Comparison(_cells(missing), _cells(unpublished), _cells(older))


def _apart(run: RunConfig, record: Record) -> list[str] | None:
    """Settings that only one of a run and a record names; None if they differ in one that both name."""
    identity, config, names = run.identity, json.loads(record["config"]), []
    for part in ("stream", "learner", "evaluation"):
        new, old = identity[part], config[part]
        if any(new[name] != old[name] for name in set(new) & set(old)):
            return None
        names += sorted(set(new) ^ set(old))
    return names if config["data"] == identity["data"] else None


def _about(stream: str, learner: str, variant: str, seed: int) -> tuple[str, int]:
    return " ".join((stream, learner, setting_text(variant))).rstrip(), seed


def _cells(runs: Iterable[tuple[str, int]]) -> list[str]:
    """A line a cell, with its seeds."""
    seeds: dict[str, list[int]] = {}
    for cell, seed in runs:
        seeds.setdefault(cell, []).append(seed)
    return [f"{cell}: seeds {', '.join(map(str, sorted(found)))}" for cell, found in seeds.items()]


def main() -> None:
    """Print a line an experiment, and below it one for each cell that is on one side only.

    Raises:
      UsageError: there are such cells, a name is unknown, or data or records cannot be read.
    """
    use_data_dir(FLAGS.data_dir)
    results_dir, odd = Path(FLAGS.results_dir), 0
    for name in FLAGS.experiments or experiment_names():
        found = compare(name, results_dir)
        counts = f"{len(found.missing)} without a record, {len(found.unpublished)} recorded but not published"
        print(f"{name}: {counts}, {len(found.older)} with older records")
        for text, cells in zip(("no record", "not published", "older"), found, strict=True):
            for cell in cells:
                print(f"  {text}: {cell}")
        odd += len(found.missing) + len(found.unpublished)
    if odd:
        raise UsageError(f"{odd} cells are published or recorded alone; see above")


if __name__ == "__main__":
    launch(main)
