"""The schema of a part, and a run as a row of plain values. Imports no JAX.

A row has one value for each name of `COLUMNS`, and each curve that its learner logged under a name of
its own; `logged` says how each of these is combined (`taught`, `seen`, `count`, `last` or `mean`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

CURVE = pa.list_(pa.float32())
STEPS = pa.list_(pa.int32())
LOGGED = pa.struct({"name": pa.string(), "per": pa.string(), "shape": STEPS, "value": CURVE})  # one curve, flattened
COLUMNS = pa.schema(
    {
        "run_id": pa.string(),
        "experiment": pa.string(),
        "stream": pa.string(),
        "learner": pa.string(),
        "variant": pa.string(),  # JSON of the settings that are swept or differ from the experiment's
        "seed": pa.int32(),
        "config": pa.string(),  # canonical JSON of everything that decides the run
        "status": pa.string(),  # ok, or what went wrong
        "state_bytes": pa.int64(),
        "flops_per_sample": pa.float64(),  # of a sample that is learned from, at the run's mean of inference steps
        "cost_ratio": pa.float64(),  # these FLOPs over those of backprop on the same architecture
        "chance": pa.float64(),  # score of guessing
        "steps": pa.int32(),
        "log_every": pa.int32(),
        "task_ends": STEPS,
        "probe_steps": STEPS,
        "group_count": STEPS,
        "group_task": STEPS,
        "visit_start": STEPS,
        "visit_task": STEPS,
        "probe_accuracy": pa.list_(CURVE),
        "seen": CURVE,
        "taught": CURVE,
        "hits": CURVE,
        "confidence": CURVE,
        "confident_hits": CURVE,
        "confident": CURVE,
        "logged": pa.list_(LOGGED),
        "revisit_accuracy": pa.list_(CURVE),
        "timing": pa.struct({"compile_s": pa.float64(), "run_s": pa.float64(), "ms_per_step": pa.float64()}),
        "provenance": pa.struct(
            {
                "created": pa.string(),
                "commit": pa.string(),
                "dirty": pa.bool_(),
                "mode": pa.string(),
                "width": pa.int32(),
                "device": pa.string(),
                "devices": pa.int32(),
                "machine": pa.string(),
                "python": pa.string(),
                "versions": pa.string(),
            }
        ),
    }
)
# Byte k of all numbers of a curve, then byte k + 1: exponents repeat each other, and a part has two thirds of its size.
# (A dictionary would be preferred to that; text repeats itself for zstd as well.)
SPLIT = [f"{field.name}.list.element" for field in COLUMNS if field.type == CURVE] + [
    "logged.list.element.value.list.element"
]


def table_of(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows as a part holds them."""
    return pa.Table.from_pylist([{**row, "logged": _flat(row)} for row in rows], schema=COLUMNS)


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of a part."""
    return [_unpacked(row) for row in table.to_pylist()]


def _flat(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    curves = {name: np.asarray(row[name], np.float32) for name in sorted(row["logged"] or {})}
    return [
        {"name": name, "per": row["logged"][name], "shape": curve.shape, "value": curve.ravel()}
        for name, curve in curves.items()
    ]


def _unpacked(row: dict[str, Any]) -> dict[str, Any]:
    curves = row["logged"] or ()
    found = {curve["name"]: np.reshape(curve["value"], curve["shape"]).tolist() for curve in curves}
    return row | found | {"logged": {curve["name"]: curve["per"] for curve in curves}}
