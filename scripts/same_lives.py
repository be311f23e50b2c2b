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
from typing import Any

from absl import flags
from tabulate import tabulate

from pcl.command import folder_flag, launch
from pcl.errors import UsageError
from pcl.runner.lives import compared
from pcl.runner.store import Store, experiments

FLAGS = flags.FLAGS
folder_flag("checkout", None, "The other checkout.")
folder_flag("stored", None, "Folder of records to compare with instead, by run id.")
flags.DEFINE_multi_string("cells", [], "Arguments of `experiments.run` that name the cells; may be repeated.")
ROOT = Path(__file__).parents[1]
Cell = tuple[str, str, str, str, int]


def main() -> None:
    """Run the cells here, run or read them there, and print one verdict per run.

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
        raise UsageError(f"{others} of {len(verdicts)} runs differ by more than rounding")


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


if __name__ == "__main__":
    launch(main)
