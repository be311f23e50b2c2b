"""Parts of an older format, with one column for each known curve. Imports no JAX."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from pcl.runner.schema import COLUMNS, CURVE

# Of each column, how it adds up.
LOGGED = {
    "surprise": "taught",
    "input_surprise": "seen",
    "energy": "taught",
    "inference_steps": "taught",
    "residual": "taught",
    "belief": "mean",
    "contexts": "last",
    "refused": "count",
    "merged": "count",
    "split": "count",
    "skipped": "count",
}
FIRST = ("surprise", "energy", "inference_steps")  # that every part has; the others came later


def schema_with(names: Collection[str]) -> pa.Schema:
    """The schema of parts that had columns for curves of these `names`."""
    curves = [pa.field(name, pa.list_(CURVE) if name == "belief" else CURVE) for name in LOGGED if name in names]
    fields, at = list(COLUMNS), COLUMNS.get_field_index("logged")
    return pa.schema([*fields[:at], *curves, *fields[at + 1 :]])


def is_older(schema: pa.Schema) -> bool:
    """Whether a part has the older format."""
    return schema.equals(schema_with({*FIRST, *schema.names}))


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of an older part, as they are read today."""
    rows = []
    for row in table.to_pylist():
        curves = {name: row.pop(name) for name in LOGGED if name in row}
        there = {name: curve for name, curve in sorted(curves.items()) if curve is not None}
        rows.append(row | there | {"logged": {name: LOGGED[name] for name in there}})
    return rows
