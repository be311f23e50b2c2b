"""A cache of every metric of every run of a part: parts never change, so each is computed once.

There is one file per part below the cache folder, named by the part's digest, in a folder named by a digest of the code
that measures. Metrics that cannot be read or written there are computed again.
"""

import contextlib
import functools
import hashlib
import importlib.util
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pcl.errors import UsageError
from pcl.evaluation.catalogue import METRICS
from pcl.evaluation.checks import known_mean
from pcl.evaluation.classes import AT, by_arrival, tenths
from pcl.evaluation.contexts import (
    contexts_found,
    has_contexts,
    rightly_found,
    samples_on_first_visit,
    samples_to_recover,
    settling,
)
from pcl.evaluation.reactions import reaction
from pcl.evaluation.summary import Record, measure, revisit_accuracy
from pcl.figures.curves import plasticity, return_savings
from pcl.folders import cached, write_whole
from pcl.runner.parts import is_verified, read
from pcl.runner.store import rows_in

Values = Mapping[str, float]
ROOMS = ("pcl.evaluation", "pcl.figures.curves", "pcl.results.measured", "pcl.runner.older", "pcl.runner.schema")
FAILURES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # of a record that lacks something


def every(record: Record) -> dict[str, float]:
    """Every metric that one run has by itself: those of `measure`, of shifts, contexts and classes by their arrival.

    What its stream or learner does not define is NaN or left out.
    """
    values = measure(record) | reaction(record) | settling(record)
    values |= {"specialists": contexts_found(record), "right_number": rightly_found(record)}
    if "acc" in values:
        values["lived_less_retained"] = values["prequential_acc"] - values["acc"]
        values |= tenths(record)
        if len(record["group_task"]) == len(record["task_ends"]) > AT[0]:  # a class at a time
            values |= by_arrival(record)
    if (visits := len(record["visit_task"])) > 1:
        values["plasticity_slope"] = plasticity(record)
        if visits > len(set(record["visit_task"])):  # some come back
            values["savings"] = float(known_mean(list(return_savings(record).values())))
        if has_contexts(record):
            values["samples_on_first_visit"] = samples_on_first_visit(record)
    if record["revisit_accuracy"] is not None:
        values["revisit_acc_behind_first"] = revisit_accuracy(record, 1)
        if np.isin(record["revisit_accuracy"], (0, 1)).all():  # one sample a step
            values["samples_to_recover"] = samples_to_recover(record)
    return {name: float(value) for name, value in values.items()}


def measured(part: Path) -> dict[str, Values]:
    """Every metric of the runs of a part, by their ids; of a run that cannot be measured none, with a line on stderr.

    Raises:
      BadPart, FileNotFoundError, UsageError: as when the part is read.
    """
    with contextlib.suppress(UsageError):  # a user without a home, hence without a cache
        kept = _kept(part)
        with contextlib.suppress(OSError, pa.ArrowException, KeyError):
            return _loaded(kept)
        found, whole = _measure(part)
        if whole:
            _keep(kept, found)
        return found
    return _measure(part)[0]


def _measure(part: Path) -> tuple[dict[str, Values], bool]:
    """The metrics, and whether every run could be measured."""
    found: dict[str, Values] = {}
    failed = []
    for row in rows_in(part):
        try:
            found[row["run_id"]] = every(row)
        except FAILURES as error:
            found[row["run_id"]] = {}
            failed.append(f"{row['run_id']} ({error})")
    if failed:
        print(f"warning: {part}: {len(failed)} runs lack what metrics need, as {failed[0]}", file=sys.stderr)
    return found, not failed


def _kept(part: Path) -> Path:
    """Where the metrics of a part are kept."""
    digest = part.stem if is_verified(part) else hashlib.sha256(read(part)).hexdigest()
    return cached("measured") / _code() / f"{digest}.parquet"


@functools.cache
def _code() -> str:
    """A digest of everything that affects a metric, except the record."""
    digest = hashlib.sha256(f"{np.__version__} {sorted(METRICS)}".encode())
    for room in ROOMS:
        spec = importlib.util.find_spec(room)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        for path in sorted(origin.parent.glob("*.py")) if origin.name == "__init__.py" else [origin]:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _loaded(kept: Path) -> dict[str, Values]:
    with pq.ParquetFile(kept, page_checksum_verification=True) as file:
        columns: dict[str, list[Any]] = file.read(use_threads=False).to_pydict()
    ids, names = columns.pop("run_id"), list(columns)
    return {
        run_id: {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for run_id, *row in zip(ids, *columns.values(), strict=True)
    }


def _keep(kept: Path, found: Mapping[str, Values]) -> None:
    """Write the metrics, whole or not at all; errors are ignored."""
    names = list(dict.fromkeys(name for values in found.values() for name in values))
    columns = {name: pa.array([values.get(name) for values in found.values()], pa.float64()) for name in names}
    content = io.BytesIO()
    pq.write_table(pa.table({"run_id": list(found)} | columns), content, write_page_checksum=True)
    with contextlib.suppress(UsageError):
        write_whole(kept, content.getvalue())
