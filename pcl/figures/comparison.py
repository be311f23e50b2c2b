"""One page that compares learners on streams and needs no network: its numbers, and the page. Imports no JAX.

The page's own script draws from the numbers, which the page holds as JSON, so that a choice changes every drawing.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pcl.evaluation.catalogue import METRICS, described
from pcl.evaluation.checks import known_mean
from pcl.evaluation.statistics import METHOD
from pcl.evaluation.summary import Record, diverged, setting_text, summarise, task_curves
from pcl.figures import page
from pcl.figures.curves import Curve, Runs, lived, mean_accuracy

POINTS = 100  # of a curve, and
ENTRIES = 16  # rows and columns of a matrix, that are shown at most
# Columns of the table, unless all metrics are asked for.
FIRST = ("acc", "aaa", "forgetting", "prequential_acc", "state_bytes", "flops_per_sample", "ms_per_step")
Cell = tuple[str, str, str]  # stream, learner, variant


def numbers(records: Sequence[Record]) -> dict[str, Any]:
    """The content of the page, as plain values.

    streams, learners: names in the order in which they are shown; a learner's settings follow its name.
    metrics: unit, meaning and decimals of each, and whether less of it is better.
    cells: one per stream and learner: `metrics` (mean, low, high, seeds), `curves`, and `matrix`.
    """
    several = len({record["experiment"] for record in records}) > 1
    cells: dict[Cell, list[Record]] = {}
    for record in records:
        stream = f"{record['experiment']}: {record['stream']}" if several else record["stream"]
        cells.setdefault((stream, record["learner"], setting_text(record["variant"])), []).append(record)
    found = [{"stream": of[0], "learner": " ".join(of[1:]).rstrip()} | _cell(runs) for of, runs in cells.items()]
    names = dict.fromkeys(name for cell in found for name in cell["metrics"])
    return {
        "streams": list(dict.fromkeys(cell["stream"] for cell in found)),
        "learners": sorted({cell["learner"] for cell in found}),
        "first": [name for name in FIRST if name in names],
        "metrics": {name: _about(name) for name in sorted(names, key=_place)},
        "cells": found,
    }


def _about(name: str) -> dict[str, Any]:
    metric = described(name)
    return {"unit": metric.unit, "meaning": metric.meaning, "decimals": metric.decimals} | {
        "less": metric.less,
        "varies": metric.varies,
    }


def _place(name: str) -> tuple[int, str]:
    """Sort key: metrics in the order of the catalogue, then others."""
    return (list(METRICS).index(name) if name in METRICS else len(METRICS)), name


def _cell(runs: Runs) -> dict[str, Any]:
    rows = summarise([run | {"experiment": "", "stream": ""} for run in map(dict, runs)])
    curves = {"probes": mean_accuracy(runs), "lived": lived(runs, "hits", "seen", "online accuracy", 100.0)}
    return {
        "runs": len(runs),
        "diverged": diverged(runs),
        "metrics": {row.metric: [*map(_plain, (row.mean, row.low, row.high)), row.seeds] for row in rows},
        "curves": {name: _curve(some[0]) for name, some in curves.items() if some},
        "matrix": matrix(runs),
        "ends": runs[0]["task_ends"][:-1] if len(runs[0]["task_ends"]) <= ENTRIES else [],
    }


def _plain(value: float) -> float | str | None:
    """A number as JSON has it; never reached is "never"."""
    return None if math.isnan(value) else "never" if math.isinf(value) else value


def _curve(curve: Curve) -> dict[str, list[Any]]:
    kept = np.unique(np.linspace(0, len(curve.x) - 1, POINTS).round().astype(int))
    parts = {"x": curve.x, "mean": curve.mean, "low": curve.low, "high": curve.high}
    return {name: _rounded(part[kept]) for name, part in parts.items()}


def _rounded(values: Any) -> list[Any]:
    return [_plain(round(float(value), 2)) for value in values]


def matrix(runs: Runs) -> dict[str, Any] | None:
    """Accuracy R_ij in % on task j after task i, mean over seeds; None on a stream without probes.

    Rows are probes at the ends of tasks; where tasks have no end, at the ends of visits; where none of these was
    probed, evenly spaced ones. More than `ENTRIES` columns are means over as many stretches of tasks, more rows are
    thinned.
    """
    steps = np.asarray(runs[0]["probe_steps"])
    if not len(steps):
        return None
    first = runs[0]
    ends = set(first["task_ends"]) or {*first["visit_start"][1:], first["steps"]}
    rows = np.flatnonzero(np.isin(steps, list(ends)))
    rows = rows if len(rows) else np.arange(len(steps))
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, ENTRIES).round().astype(int))]
    accuracy = 100 * known_mean(np.stack([task_curves(run)[rows] for run in runs]), 0)
    blocks = np.array_split(np.arange(accuracy.shape[1]), min(ENTRIES, accuracy.shape[1]))
    values = np.stack([known_mean(accuracy[:, block], 1) for block in blocks], 1)
    named = [f"{b[0] + 1}" if len(b) == 1 else f"{b[0] + 1}-{b[-1] + 1}" for b in blocks]
    return {"steps": steps[rows].tolist(), "tasks": named, "values": [_rounded(row) for row in values]}


def document(records: Sequence[Record], title: str, command: str) -> str:
    """The page; `command` is the one that writes it."""
    here, held = Path(__file__).parent, numbers(records)
    text = json.dumps(held, separators=(",", ":"), allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")
    body = (here / "comparison.html").read_text(encoding="utf-8")
    made = [*_provenance(records), ("runs", f"{len(records):,}")]
    return page.document(
        title,
        f"Means over seeds with {METHOD}s. Accuracies in %.",
        [
            body,
            page.section("Where this comes from", page.table(("about", "value"), made), page.preformatted(command)),
            f'<script type="application/json" id="numbers">{text}</script>\n',
            f"<script>\n{(here / 'comparison.js').read_text(encoding='utf-8')}</script>\n",
        ],
        (here / "comparison.css").read_text(encoding="utf-8"),
    )


def _provenance(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Code and machines that made the records, every value that occurs."""
    about: list[Mapping[str, Any]] = [record["provenance"] or {} for record in records]
    keys = ("commit", "device", "machine", "versions")
    rows = [(key, sorted({str(one[key]) for one in about if one.get(key)})) for key in keys]
    data = sorted({str(json.loads(record["config"]).get("data")) for record in records})
    return [(key, ", ".join(some)) for key, some in (*rows, ("data", data)) if some]
