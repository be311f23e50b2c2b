"""Columns as a frame of the library that the user has. Imports no JAX."""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pcl.errors import UsageError, one_of

TYPES = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "truth": pa.bool_()}
FRAMES = ("pandas", "polars", "arrow")


def kind_of(frame: str | None) -> str:
    """The kind of frame that was asked for; pandas, polars or arrow, whichever is installed first, for None.

    Raises:
      UsageError: it is none of these, or its library is not installed.
    """
    if frame is None:
        return next(name for name in FRAMES if name == "arrow" or importlib.util.find_spec(name))
    one_of("frame", frame, FRAMES)
    if frame != "arrow" and importlib.util.find_spec(frame) is None:
        raise UsageError(f"frame={frame}: {frame} is not installed; `pip install {frame}`, or ask for frame='arrow'")
    return frame


def framed(table: pa.Table, frame: str) -> Any:
    """A table as a frame of the library `frame`."""
    if frame == "pandas":
        return table.to_pandas()
    return importlib.import_module("polars").from_arrow(table) if frame == "polars" else table


def column(values: Sequence[Any], type: str | None = None) -> pa.Array:
    """Values as a column: of a named type, or of whatever type holds them all, as text where there is no other."""
    if type is not None:
        return pa.array(values, TYPES[type])
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values])


def table_of(columns: Mapping[str, pa.Array]) -> pa.Table:
    """Columns by name as a table."""
    return pa.table(dict(columns))
