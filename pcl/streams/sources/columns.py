"""Columns of a table to inputs, labels, sessions and the rows that are held out.

Numbers, truth values and times become features as they are, texts one feature per value (one-hot). A missing value is
an empty cell, one of the usual words for it (NA, NaN, null, ?), or a number that is not finite.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pcl.errors import UsageError, shown
from pcl.streams.sources import checks

MOST_TEXTS = 64  # different values of a column that is one-hot encoded
HELD = {"test": True, "train": False, "training": False, "true": True, "false": False, "1": True, "0": False}
MISSING = ("refuse", "skip", "mask")


class Features(NamedTuple):
    """Inputs [N, F] in float64, NaN where a value is missing, and the column that each feature comes from."""

    x: np.ndarray
    columns: tuple[str, ...]


def column(table: pa.Table, name: str, option: str) -> str:
    """The name of the column that is called `name`, or is number `name`, from 0; -1 is the last.

    Raises:
      UsageError: there is none.
    """
    names = table.column_names
    if name in names:
        return name
    if name.removeprefix("-").isdecimal() and -len(names) <= int(name) < len(names):
        return names[int(name)]
    raise UsageError(f"{option}={shown(name)}: there is no such column; there are {shown(', '.join(names), 300)}")


def labels(table: pa.Table, name: str, option: str = "label") -> np.ndarray:
    """The values of a column as labels [N]: integers, truth values or strings.

    Raises:
      UsageError: one is missing, or they are of another kind.
    """
    values = _plain(table, name)
    if values.null_count:
        row = pc.index(pc.is_null(values), True).as_py()
        raise UsageError(f"row {row + 1} has no value in column '{name}' ({option}), which every row needs")
    if pa.types.is_temporal(values.type):
        values = _in_64_bits(values)
    if pa.types.is_floating(values.type):
        return checks.labels(option, values.to_numpy(zero_copy_only=False))
    found = checks.labels(option, values.to_pylist())
    return found


def held_out(table: pa.Table, name: str) -> np.ndarray:
    """Which rows a column holds out for the test: bool [N].

    Raises:
      UsageError: it says something else than true and false, 1 and 0, or test and train.
    """
    texts = [str(value).casefold() for value in labels(table, name, "test").tolist()]
    for row, text in enumerate(texts):
        if text not in HELD:
            raise UsageError(
                f"test={name}: row {row + 1} says '{shown(text)}'; expected test and train, true and false, or 1 and 0"
            )
    mask = np.asarray([HELD[text] for text in texts])
    if mask.all() or not mask.any():
        raise UsageError(
            f"test={name}: all rows say '{shown(texts[0])}'; expected some for training, some for the test"
        )
    return mask


def features(table: pa.Table, without: Collection[str]) -> Features:
    """All columns except those in `without`, as inputs.

    Raises:
      UsageError: no column is left, or one is empty, holds values of another kind, numbers that float32
        cannot square, or too many different texts.
    """
    parts: list[np.ndarray] = []
    names: list[str] = []
    for name in table.column_names:
        if name not in without:
            part = _numbers(_plain(table, name), name)
            parts.append(part)
            names += [name] * part.shape[1]
    if not parts:
        raise UsageError(
            f"of columns {shown(', '.join(table.column_names))} none is left as input; expected one or more"
        )
    return Features(np.concatenate(parts, axis=1), tuple(names))


def filled(found: Features, test: np.ndarray, missing: str) -> tuple[np.ndarray, np.ndarray]:
    """The inputs with their gaps treated, and which rows remain.

    `refuse`: there may be none. `skip`: rows with gaps are left out of the test, and stay in the stream, where learners
    skip and count them. `mask`: a gap takes the mean of its feature over the training rows, and each feature that has
    gaps gets a further feature, after all others, that is 1 where a value was missing.

    Raises:
      UsageError: there are gaps, and `missing` is `refuse`; or a feature has nothing but gaps.
    """
    gaps = ~np.isfinite(found.x)
    rows = gaps.any(1)
    everywhere = np.ones(len(rows), bool)
    if not rows.any():
        return found.x, everywhere
    row, feature = np.argwhere(gaps)[0]
    if missing == "refuse":
        raise UsageError(
            f"{rows.sum():,} of {len(rows):,} rows lack a value, first row {row + 1} in column"
            f" '{found.columns[feature]}'; missing=skip keeps them in the stream for learners to skip and count,"
            " missing=mask fills them in and adds a feature that says so"
        )
    if missing == "skip":
        return found.x, ~(rows & test)
    train = np.where(gaps, 0, found.x)[~test]
    there = (~gaps[~test]).sum(0)
    if (there == 0).any():
        name = found.columns[int(np.argmin(there))]
        raise UsageError(f"column '{name}' holds no value in any training row; leave it out with drop={name}")
    return np.hstack([np.where(gaps, train.sum(0) / there, found.x), gaps[:, gaps.any(0)]]), everywhere


def _plain(table: pa.Table, name: str) -> pa.Array:
    """A column in one piece; texts are stripped; "" and "?" are missing values."""
    values = table[name].combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_binary(values.type):
        raise UsageError(
            f"column '{name}' holds bytes that are not UTF-8; of a table in plain text say encoding=latin1"
        )
    if pa.types.is_string_view(values.type) or pa.types.is_large_string(values.type):
        values = values.cast(pa.string())
    if pa.types.is_string(values.type):
        values = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.is_in(values, pa.array(["", "?"])), pa.scalar(None, pa.string()), values)
    return values


def _in_64_bits(values: pa.Array) -> pa.Array:
    kind = pa.int32() if pa.types.is_date32(values.type) or pa.types.is_time32(values.type) else pa.int64()
    return values.cast(kind).cast(pa.int64())


def _numbers(values: pa.Array, name: str) -> np.ndarray:
    """A column as features: float64 [N, F]."""
    kind = values.type
    if pa.types.is_null(kind) or values.null_count == len(values):
        raise UsageError(f"column '{name}' holds nothing; leave it out with drop={name}")
    if pa.types.is_string(kind):
        return _one_hot(values, name)
    if pa.types.is_temporal(kind):
        values = _in_64_bits(values)
    elif not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or _is_real(kind)):
        raise UsageError(f"column '{name}' is of type {kind}; expected numbers, truth values, times or texts")
    found = np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    large = np.isfinite(found) & (abs(found) > checks.LARGEST)
    if large.any():
        raise UsageError(
            f"column '{name}', row {large.argmax() + 1}: {found[large][0]:g} is beyond {checks.LARGEST:.2g}, too large"
            " for float32: divide the column, or leave the cell empty where the value is missing"
        )
    return found[:, None]


def _is_real(kind: Any) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _one_hot(values: pa.Array, name: str) -> np.ndarray:
    texts: Sequence[str] = sorted(text for text in pc.unique(values).to_pylist() if text is not None)
    if len(texts) > MOST_TEXTS:
        number = next((text for text in texts if any(c.isdecimal() for c in text)), texts[0])
        raise UsageError(
            f"column '{name}' holds {len(texts):,} different texts (as '{shown(number, 30)}'), of which at most"
            f" {MOST_TEXTS} become features; leave it out with drop={name}"
        )
    place = pc.index_in(values, pa.array(texts)).to_numpy(zero_copy_only=False)
    found = np.equal.outer(place, np.arange(len(texts))).astype(np.float64)
    found[np.isnan(np.asarray(place, np.float64))] = np.nan
    return found
