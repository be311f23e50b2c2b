"""Prequential accuracy on recorded streams: learners of this project, on Electricity beside River's models."""

import csv
from collections.abc import Iterator
from pathlib import Path

from pcl.errors import UsageError
from pcl.evaluation.statistics import mean_interval
from pcl.evaluation.summary import Row, summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

NOTE = """
Prequential accuracy in % over all samples in file order, one sample a step: Electricity (45,312 samples of 6
features), Weather (18,159 of 8, on which rates and some numbers of `parallax` were chosen), Outdoor (4,000 of 21, 40
labels); models of River with its default settings. Repeating the last label, *no change*, is right on 85.3, 68.0 and
90.2 % of them. **Caveat**: labels of neighbouring half-hours agree, and Outdoor shows each object some ten times in
turn, so that *no change*, which has learned nothing, stands as high as it does. A learner below it has not been shown
to track anything; one above it may do so by following recent labels rather than by adapting to drift (Zliobaite (2013),
How good is the Electricity benchmark for evaluating concept drift adaptation, arXiv:1301.3524). `parallax` follows
recent labels by intent: `without=past` is what it is worth when it does not. The other learners are not told the last
label, but those that learn fast follow it too.
"""


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/electricity` and `<results_dir>/river_electricity.csv`."""
    rows = summarise(Store(results_dir, "electricity").records())
    written = save_table(
        [*rows, *_river(results_dir / "river_electricity.csv")],
        results_dir,
        "tab_electricity",
        ("prequential_acc", "state_bytes", "ms_per_step"),
    )
    markdown = written[-1]
    markdown.write_text(markdown.read_text() + NOTE)
    return written


def _river(path: Path) -> Iterator[Row]:
    """A row for each model, over its seeds.

    Raises:
      UsageError: there is no such file.
    """
    if not path.exists():
        raise UsageError(f"no {path}: run `python -m scripts.river_electricity` first")
    with open(path, newline="") as file:
        runs = {(line["model"], line["seed"]): line for line in csv.DictReader(file)}  # the last line of each run
    models: dict[str, list[float]] = {}
    for (name, _), line in runs.items():
        models.setdefault(f"{name} (River {line['river']})", []).append(100 * float(line["accuracy"]))
    for model, values in models.items():
        about = ("electricity", "electricity", model, "", "prequential_acc")
        seeds = (len(values), len(values), 0)
        yield Row(*about, *mean_interval(values), *seeds, *("", ""), "python -m scripts.river_electricity")
