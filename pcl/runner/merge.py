"""Merging the results of several machines: every run once, without conflicting versions. Imports no JAX."""

from pathlib import Path
from typing import NamedTuple

from pcl.errors import UsageError
from pcl.runner.store import MAY_DIFFER, Store, experiments
from pcl.runner.versions import Row, sort_out


class Merged(NamedTuple):
    """The result of merging one experiment.

    rows: runs that the target lacks.
    doubles: number of runs of the source that the target has already, with the same numbers.
    """

    experiment: str
    rows: list[Row]
    doubles: int


def plan(source: Path, target: Path) -> list[Merged]:
    """What merging `source` into `target` would add, by experiment; nothing is written.

    Raises:
      UsageError: `source` has no results, a part of either is bad, or runs conflict: the same run with other numbers,
        or seeds of one stream, learner and variant with other settings.
    """
    return [_planned(Store(source, name), Store(target, name)) for name in experiments(source)]


def merge(source: Path, target: Path) -> list[Merged]:
    """Add the runs of the results folder `source` to `target`, one part per experiment; all or none.

    Everything is read and compared before the first part is written.

    Raises:
      UsageError: as `plan`, or a part cannot be written.
    """
    merged = plan(source, target)
    stores = {one.experiment: Store(target, one.experiment) for one in merged if one.rows}
    for store in stores.values():
        store.require_writable()
    for one in merged:
        if one.rows:
            stores[one.experiment].write(one.rows)
    return merged


def _planned(source: Store, target: Store) -> Merged:
    stored = []
    for store in (source, target):
        rows, bad = store.read()
        if bad:
            raise bad[0]
        stored.append(rows)
    new, old = stored
    runs, conflicts = sort_out([*new, *old], MAY_DIFFER)
    if conflicts:
        raise UsageError(f"{conflicts[0]}: nothing is merged; keep one of the two, and rename the other's part")
    there = {row["run_id"] for _, row in old}
    there_now = {row["run_id"] for _, row in new}
    missing = [copies[0][1] for run_id, copies in runs.items() if run_id not in there]
    return Merged(source.folder.name, missing, len(there & there_now))
