"""Every figure and table that is published: declared by an experiment or a bench, and made from the records."""

import importlib
import sys
from pathlib import Path
from typing import Any

from pcl.errors import NoResults
from pcl.experiment import Figure, Table, experiment_names, load_experiment
from pcl.figures import grid, tables
from pcl.runner.store import Store
from scripts import bench


def published() -> dict[str, tuple[Figure | Table, str]]:
    """Every figure and table by name, with the experiment that publishes it; measurements are of none."""
    found: dict[str, tuple[Figure | Table, str]] = {one.name: (one, "") for one in bench.PUBLISHED}
    for name in experiment_names():
        experiment = load_experiment(name)
        found |= {figure.name: (figure, name) for figure in experiment.figures}
        found |= {table.name: (table, name) for table in experiment.tables}
    return dict(sorted(found.items()))


def make(declared: Figure | Table, experiment: str, results_dir: Path) -> list[Path]:
    """Draw a figure or write a table: as a row of data, or by the script that has its name."""
    if isinstance(declared, Table) and declared.metrics:
        return tables.write(declared, records_of(results_dir, experiment, *declared.beside), results_dir)
    if isinstance(declared, Figure) and declared.panels:
        return grid.write(declared, records_of(results_dir, experiment, *declared.beside), results_dir)
    return importlib.import_module(f"scripts.{declared.name}").main(results_dir)


def records_of(results_dir: Path, *experiments: str) -> list[dict[str, Any]]:
    """All records of those of the experiments that have any; one line on stderr names each of the others.

    Raises:
      NoResults: none has any.
    """
    found: list[dict[str, Any]] = []
    missing: list[NoResults] = []
    for experiment in experiments:
        try:
            found += Store(results_dir, experiment).records()
        except NoResults as error:
            missing.append(error)
    if not found:
        raise missing[0]
    for why in missing:
        print(f"left out: {why}", file=sys.stderr)
    return found
