"""Regression test of results: run cells by two checkouts, or by this one, and compare with each other or with records.

python -m scripts.same_lives --checkout=../other --cells="--experiment=split_digits --learners=parallax --seeds=5"
python -m scripts.same_lives --stored=results --cells="--experiment=split_digits --learners=parallax --seeds=5"

Runs are the same to the bit, or up to rounding: the same number of contexts at every time, and hits that differ in at
most one sample of a thousand. The command fails if a run differs by more.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags
from tabulate import tabulate

from pcl.command import folder_flag, launch
from pcl.errors import UsageError
from pcl.runner.store import CIRCUMSTANCES, Store, experiments

FLAGS = flags.FLAGS
folder_flag("checkout", None, "The other checkout.")
folder_flag("stored", None, "Folder of the records to compare with instead: those of the same ids.")
flags.DEFINE_multi_string("cells", [], "Arguments of `experiments.run` that name the cells; may be repeated.")
ROOT = Path(__file__).parents[1]
MOST = 1e-3  # share of samples whose hits may differ by rounding
# Names, identity and provenance may change with the code.
ABOUT = {*CIRCUMSTANCES, "run_id", "config", "variant", "logged"}
Cell = tuple[str, str, str, str, int]


class Verdict(NamedTuple):
    """Comparison of one run with the other checkout's."""

    same: bool
    text: str
    samples: int = 0  # whose hits differ, counted by bins of the log
    largest: float = 0.0  # difference of any number, relative to the largest of its column


def main() -> None:
    """Run the cells here, run or read them there, and print a verdict a run.

    Raises:
      UsageError: nothing was named, a command failed, or a run differs by more than rounding.
    """
    if (FLAGS.checkout is None) == (FLAGS.stored is None) or not FLAGS.cells:
        raise UsageError("name the other checkout by --checkout or records by --stored, and what to run by --cells")
    with tempfile.TemporaryDirectory() as folder:
        here = lived(ROOT, Path(folder) / "here")
        there = lived(FLAGS.checkout, Path(folder) / "there") if FLAGS.checkout else recorded(FLAGS.stored, here)
    if here.keys() != there.keys():
        raise UsageError(f"only one of them has {sorted(here.keys() ^ there.keys())[0]}")
    verdicts = {cell: compared(record, there[cell]) for cell, record in here.items()}
    head = ("stream", "learner", "variant", "seed", "verdict", "hits that differ", "largest difference")
    print(tabulate([(*cell[1:], *verdict[1:]) for cell, verdict in verdicts.items()], head))
    if others := sum(not verdict.same for verdict in verdicts.values()):
        raise UsageError(f"{others} of {len(verdicts)} runs live another life")


def lived(root: Path, results: Path) -> dict[Cell, dict[str, Any]]:
    """The records of all cells, run by the code in `root`.

    Raises:
      UsageError: a command failed.
    """
    environment = os.environ | {"PYTHONPATH": str(root.resolve())}
    for cells in FLAGS.cells:
        command = (sys.executable, "-m", "experiments.run", *shlex.split(cells), f"--results_dir={results}")
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise UsageError(f"in {root}, {cells}: {done.stderr.strip()[-500:]}")
    # Records of twins lie in a folder of their own.
    folders = [folder for folder in (results, results / "smoke") if folder.is_dir() and any(folder.glob("*/*.parquet"))]
    stores = [Store(folder, name) for folder in folders for name in experiments(folder)]
    records = [record for store in stores for record in store.records()]
    names = ("experiment", "stream", "learner", "variant", "seed")
    return {tuple(record[name] for name in names): record for record in records}


def recorded(results: Path, lives: Mapping[Cell, Mapping[str, Any]]) -> dict[Cell, dict[str, Any]]:
    """The records in a folder with the ids of the given runs."""
    ids = {record["run_id"] for record in lives.values()}
    stores = [Store(results, name) for name in {record["experiment"] for record in lives.values()}]
    found = {record["run_id"]: record for store in stores for record in store.records(ids)}
    return {cell: found[run_id] for cell, life in lives.items() if (run_id := life["run_id"]) in found}


def compared(one: Mapping[str, Any], other: Mapping[str, Any]) -> Verdict:
    """The verdict on two records of one cell, by the columns that both have."""
    pairs = {
        name: (np.asarray(one[name]), np.asarray(other[name]))
        for name in (one.keys() & other.keys()) - ABOUT
        if one[name] is not None and other[name] is not None
    }
    numbers = {name: pair for name, pair in pairs.items() if pair[0].dtype.kind in "fiub"}
    for name, (a, b) in pairs.items():
        if a.shape != b.shape or (name not in numbers and not np.array_equal(a, b)):
            return Verdict(False, f"another {name}")
    if all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in numbers.values()):
        return Verdict(True, "to the bit")
    hits, others = numbers["hits"]
    samples = int(np.abs(hits - others).sum())
    largest = max(map(_difference, numbers.values()))
    if "contexts" in numbers and not np.array_equal(*numbers["contexts"]):
        return Verdict(False, "other contexts", samples, largest)
    if samples > MOST * np.sum(one["seen"]):
        return Verdict(False, "other hits", samples, largest)
    return Verdict(True, "up to rounding", samples, largest)


def _difference(pair: tuple[np.ndarray, np.ndarray]) -> float:
    """The largest difference of finite numbers, relative to the largest of them."""
    a, b = (np.nan_to_num(np.asarray(x, float), posinf=0, neginf=0) for x in pair)
    scale = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    return float(np.abs(a - b).max(initial=0) / scale) if scale else 0.0


if __name__ == "__main__":
    launch(main)
