"""Mutation testing: change the code in one place at a time and check that a test fails. Mutations are data.

python -m scripts.mutants
python -m scripts.mutants --only=pcl/evaluation --jobs=2

`scripts/mutants.jsonl` holds one mutation a line: the `file`, the `old` text, which occurs in it once, the `new` text,
and the `tests` (pytest node ids) of which at least one must fail. Mutations are tried in copies of the tracked files,
so that the checkout is never changed. Nothing but a failing test kills a mutant: an import that breaks does not.

After DeMillo, Lipton and Sayward (1978), Hints on test data selection, doi:10.1109/C-M.1978.218136.
"""

import csv
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from absl import flags
from tabulate import tabulate
from tqdm import tqdm

from pcl.command import launch
from pcl.errors import UsageError

FLAGS = flags.FLAGS
flags.DEFINE_list("only", [], "Try only mutations of files whose path begins with one of these.")
flags.DEFINE_integer("jobs", 2, "Mutations tried at the same time, each in a copy of its own.", lower_bound=1)
flags.DEFINE_string("table", None, "Also write the table to this CSV file.")

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).with_suffix(".jsonl")
TIME_LIMIT = 600  # seconds: a mutant whose tests never end is noticed as well
FAILED = 1  # pytest's exit status where tests ran and some failed
SKIPPED = -1  # in its place: tests ended well, and none ran


class Mutation(NamedTuple):
    """One change of one file, and the tests of which at least one must fail."""

    file: str
    old: str
    new: str
    tests: list[str]


class Outcome(NamedTuple):
    """The result of the tests of a mutation."""

    verdict: str  # killed, survived, or why it could not be tried
    seconds: float


def mutations() -> list[Mutation]:
    """All mutations, in the order of their file."""
    return [Mutation(**json.loads(line)) for line in DATA.read_text(encoding="utf-8").splitlines()]


def mutated(text: str, mutation: Mutation) -> str:
    """`text` of the mutation's file, changed.

    Raises:
      UsageError: the old text does not occur in it exactly once.
    """
    count = text.count(mutation.old)
    if count != 1:
        raise UsageError(f"{mutation.file}: '{mutation.old[:60]}' occurs {count} times; a mutation changes one place")
    return text.replace(mutation.old, mutation.new)


def attempt(mutation: Mutation, copy: Path) -> Outcome:
    """Run the tests of a mutation in a `copy` of the tree, which is left as it was."""
    path, start = copy / mutation.file, time.perf_counter()
    text = path.read_text(encoding="utf-8")
    path.write_text(mutated(text, mutation), encoding="utf-8")
    try:
        status = _pytest(mutation.tests, copy)
    finally:
        path.write_text(text, encoding="utf-8")
    verdicts = {0: "survived", FAILED: "killed", None: "killed (never ends)", SKIPPED: "not tried: tests are skipped"}
    verdict = verdicts.get(status, f"not tried: exit {status}")
    return Outcome(verdict, time.perf_counter() - start)


def _pytest(tests: list[str], folder: Path) -> int | None:
    """Exit status of the tests, or `SKIPPED`; None where they did not end in time."""
    options = ("-x", "-o", "addopts=--import-mode=importlib", "-p", "no:xdist", "-p", "no:cacheprovider")
    command = (sys.executable, "-m", "pytest", *options, *tests)
    # If a mutation keeps the size of the file within the same second, Python would run the bytecode of the last one.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIME_LIMIT, env=environment)
    except subprocess.TimeoutExpired:
        return None
    return SKIPPED if done.returncode == 0 and " passed" not in done.stdout else done.returncode


def main() -> None:
    """Try the mutations and print a table, survivors last.

    Raises:
      UsageError: the tests fail without any mutation, or some mutant survived or could not be tried.
    """
    chosen = [m for m in mutations() if m.file.startswith(tuple(FLAGS.only) or "")]
    if not chosen:
        raise UsageError(f"--only={','.join(FLAGS.only)}: no mutation is of such a file; see {DATA.name}")
    tracked = subprocess.run(("git", "-C", ROOT, "ls-files", "-z"), capture_output=True, check=True, text=True).stdout
    with tempfile.TemporaryDirectory(prefix="pcl-mutants-") as folder:
        copies: queue.Queue[Path] = queue.Queue()
        for job in range(FLAGS.jobs):
            copy = Path(folder) / str(job)
            for name in filter(None, tracked.split("\0")):
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, copy / name)
            copies.put(copy)
        named = sorted({test for mutation in chosen for test in mutation.tests})
        if _pytest(named, Path(folder) / "0") not in (0, SKIPPED):
            raise UsageError("tests fail without any mutation: mend them first (pytest " + " ".join(named[:3]) + " …)")
        outcomes = _all(chosen, copies)
    rows = sorted(zip(chosen, outcomes, strict=True), key=lambda row: not row[1].verdict.startswith("killed"))
    head = ("file", "old", "new", "tests", "verdict", "seconds")
    body = [(m.file, m.old.strip(), m.new.strip(), " ".join(m.tests), o.verdict, f"{o.seconds:.1f}") for m, o in rows]
    print(tabulate([(f, old[:48], new[:48], verdict, s) for f, old, new, _, verdict, s in body],
                   ("file", "old", "new", "verdict", "seconds"), disable_numparse=True))  # fmt: skip
    if FLAGS.table:
        with open(FLAGS.table, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *body])
    killed = sum(outcome.verdict.startswith("killed") for outcome in outcomes)
    print(f"{killed} of {len(chosen)} mutants killed")
    if killed < len(chosen):
        raise UsageError(f"{len(chosen) - killed} mutants were not noticed by the tests named for them, or not tried")


def _all(chosen: list[Mutation], copies: "queue.Queue[Path]") -> list[Outcome]:
    """The outcome of each mutation, with progress; each takes a copy of the tree and gives it back."""

    def one(mutation: Mutation) -> Outcome:
        copy = copies.get()
        try:
            return attempt(mutation, copy)
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(FLAGS.jobs) as pool:
        return list(tqdm(pool.map(one, chosen), total=len(chosen), unit="mutant"))


if __name__ == "__main__":
    launch(main)
