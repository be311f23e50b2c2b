"""Comparison of the runs that experiments publish with the stored records, by run id."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pcl.evaluation.summary import Record, setting_text
from pcl.experiment import load_experiment
from pcl.fields import canonical
from pcl.runner.store import Store
from pcl.runner.sweep import RunConfig, published


class Comparison(NamedTuple):
    """Cells (stream, learner, variant) with their seeds, one line each."""

    missing: list[str]  # published, without a record
    unpublished: list[str]  # recorded, in no arm
    older: list[str]  # published, and recorded by a code that had fewer settings or others, which are named
    unpublished_ids: frozenset[str]  # of the runs in `unpublished`

    @property
    def odd(self) -> int:
        """How many cells are on one side only."""
        return len(self.missing) + len(self.unpublished)

    def lines(self, name: str) -> Iterator[str]:
        """One line for the experiment `name`, and one for each cell that differs between published runs and records."""
        counts = f"{len(self.missing)} without a record, {len(self.unpublished)} recorded but not published"
        yield f"{name}: {counts}, {len(self.older)} with older records"
        for text, cells in zip(("no record", "not published", "older"), self[:3], strict=True):
            yield from (f"  {text}: {cell}" for cell in cells)


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
    others = [record for some in left.values() for record in some]
    unpublished = [_about(r["stream"], r["learner"], r["variant"], r["seed"]) for r in others]
    ids = frozenset(record["run_id"] for record in others)
    return Comparison(_cells(missing), _cells(unpublished), _cells(older), ids)


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
    """One line per cell, with its seeds."""
    seeds: dict[str, list[int]] = {}
    for cell, seed in runs:
        seeds.setdefault(cell, []).append(seed)
    return [f"{cell}: seeds {', '.join(map(str, sorted(found)))}" for cell, found in seeds.items()]
