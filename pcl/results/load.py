"""All runs as rows of plain values. Imports no JAX."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pcl.errors import NoResults, unknown
from pcl.evaluation.summary import setting_text
from pcl.results import frames
from pcl.results.columns import MADE, RUN, metric_columns
from pcl.results.measured import measured
from pcl.runner.parts import BadPart
from pcl.runner.store import MAY_DIFFER, Store, experiments
from pcl.runner.versions import Row, Stored, sort_out

# Columns of a part that are read: all but the curves.
LIGHT = ["run_id", "experiment", "stream", "learner", "variant", "seed", "config", "status", "chance", "steps"]
LIGHT += ["state_bytes", "flops_per_sample", "cost_ratio", "timing", "provenance"]
PARTS = ("stream", "learner", "evaluation")  # of a configuration, that hold settings


def load(
    folder: str | Path = "results", experiment: str | Sequence[str] | None = None, *, frame: str | None = None
) -> Any:
    """Every run below a results folder, one row each: settings, status, every metric, cost, provenance (`schema`).

    A part that cannot be read is left out and named on stderr, as is the older of two versions that conflict.

    Args:
      folder: the results folder, with one folder per experiment.
      experiment: its name, or several names; None: all that are there.
      frame: pandas, polars or arrow (`pyarrow.Table`); None: the first of these that is installed.

    Raises:
      UsageError: the folder has no results, none of that experiment, or the library is not installed.
    """
    kind = frames.kind_of(frame)
    return frames.framed(table(rows(folder, experiment)), kind)


def rows(folder: str | Path = "results", experiment: str | Sequence[str] | None = None) -> list[Row]:
    """The rows behind `load`: the values of a part without curves, `config` parsed, and `metrics` by name.

    Raises:
      UsageError: the folder has no results, or none of that experiment.
      NoResults: no part of these could be read.
    """
    found = []
    for name in chosen(folder, experiment):
        store = Store(folder, name)
        tables, bad = store.tables(LIGHT)
        stored = [one for part, table in tables.items() for one in _measured(part, table)]
        found += [row | {"experiment": name} for row in _newest(stored, bad)]
    _require_some(found, folder)
    return [row | {"config": json.loads(row["config"])} for row in found]


def records(folder: str | Path, experiment: str | Sequence[str] | None = None) -> list[Row]:
    """The same runs as whole records, with their curves; warns and raises as `rows` does."""
    found = []
    for name in chosen(folder, experiment):
        found += [row | {"experiment": name} for row in _newest(*Store(folder, name).read())]
    _require_some(found, folder)
    return found


def _require_some(rows: Sequence[Row], folder: str | Path) -> None:
    if not rows:
        raise NoResults(f"no part below {folder} could be read: `python -m pcl.runs check` names what is wrong")


def _newest(stored: Sequence[Stored], bad: Sequence[BadPart]) -> list[Row]:
    """The newest version of each run; others are named on stderr."""
    for error in bad:
        print(f"warning: {error}; until then it is left out", file=sys.stderr)
    runs, conflicts = sort_out(stored, MAY_DIFFER)
    for what in dict.fromkeys(map(str, conflicts)):
        print(f"warning: {what}; the newer are shown", file=sys.stderr)
    newest = [copies[0][1] for copies in runs.values()]
    return sorted(newest, key=lambda r: (r["stream"], r["learner"], r["variant"], r["seed"]))


def chosen(folder: str | Path, experiment: str | Sequence[str] | None) -> list[str]:
    """Names of the experiments that are meant.

    Raises:
      UsageError: the folder has no results, or none of an experiment.
    """
    there = experiments(folder)
    names = [experiment] if isinstance(experiment, str) else there if experiment is None else list(experiment)
    for name in names:
        if name not in there:
            raise unknown(f"experiment below {folder}", name, there)
    return names


def _measured(part: Path, table: pa.Table) -> list[Stored]:
    metrics = measured(part)
    return [(part, row | {"metrics": metrics[row["run_id"]]}) for row in table.to_pylist()]


def table(rows: Sequence[Row]) -> pa.Table:
    """Rows as a table with the columns of `schema`."""
    columns = {name: frames.column([_about(row, name) for row in rows], about.type) for name, about in RUN.items()}
    columns |= {name: frames.column(values) for name, values in varying(rows).items()}
    columns |= {name: frames.column([_about(row, name) for row in rows], about.type) for name, about in MADE.items()}
    metrics = dict.fromkeys((*metric_columns(), *(name for row in rows for name in row["metrics"])))
    nan = float("nan")
    columns |= {name: frames.column([row["metrics"].get(name, nan) for row in rows], "number") for name in metrics}
    return frames.table_of(columns)


def _about(row: Row, name: str) -> Any:
    """A value that is no setting and no metric."""
    if name == "variant":
        return setting_text(row["variant"])
    if name == "probe_on":
        return probed_on(row["config"])
    if name == "data":
        return row["config"].get("data")
    return row[name] if name in row else (row["timing"] or {}).get(name, (row["provenance"] or {}).get(name))


def probed_on(config: Mapping[str, Any]) -> str:
    """Which held-out samples were probed; records from before there was a choice are of test samples."""
    return str(config.get("evaluation", {}).get("probe_on", "test"))


def varying(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Each setting of which two rows have different values, called by its part, with None where a row has none."""
    values: dict[str, dict[int, Any]] = {}  # by the place of the row
    for place, row in enumerate(rows):
        for part in PARTS:
            for name, value in row["config"].get(part, {}).items():
                values.setdefault(f"{part}.{name}", {})[place] = value
    differ = {name: held for name, held in values.items() if _differ(list(held.values()))}
    return {name: [held.get(place) for place in range(len(rows))] for name, held in differ.items()}


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)
