"""Sources from the user's data: a file, a data frame, a data set of Hugging Face's `datasets`.

Each ends in `from_arrays`. No such library is imported; protocols are used instead: Arrow's C stream for data frames
(pandas, polars, DuckDB), the NumPy format for data sets.
"""

import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from flax import struct

from pcl.errors import UsageError, shown, unknown
from pcl.fields import fields, parse, replace, static
from pcl.streams.sources import columns
from pcl.streams.sources.arrays import Source, from_arrays, held_out
from pcl.streams.sources.readers import SEPARATORS, Rows, read
from pcl.streams.sources.tables import single


@struct.dataclass
class Options:
    """Options of reading the user's data."""

    label: str = static("", "column of the labels, by name or by number from 0 (default: label, y, or the last)")
    test: str = static("", "column that marks held-out rows: test or train, true or false, 1 or 0")
    test_file: str = static("", "file with the held-out rows")
    test_share: float = static(0.2, "share of each class that is held out, always the same; 0: a stream in time order",
                               low=0, high=0.9)  # fmt: skip
    session: str = static(
        "", "column of the sessions (recordings, places, days), which are the tasks of content=sessions"
    )
    drop: str = static("", "columns to leave out, with + between them")
    missing: str = static("refuse", "rows with missing values: refuse the file; skip (they arrive, learners skip and"
                          " count them); mask (the training mean is put in, and an extra feature marks it)",
                          choices=columns.MISSING)  # fmt: skip
    standardise: str = static("auto", "standardise each feature or all pixels together; auto: features for tables"
                              " and for real arrays [samples, features]",
                              choices=("auto", "features", "pixels"))  # fmt: skip
    separator: str = static(
        "auto", f"separator of a text table: one character, or {', '.join(SEPARATORS)} (auto: comma)"
    )
    header: str = static("auto", "whether the first line names the columns; auto refuses a first line with numbers",
                         choices=("auto", "yes", "no"))  # fmt: skip
    decimal: str = static("point", "decimal separator", choices=("point", "comma"))
    encoding: str = static("utf8", "encoding of a text table")
    size: int = static(0, "rows and columns that images are scaled to (0: as they are)", low=0, high=4096)
    name: str = static("", "name of the source (default: that of the file)")

    LABELS: ClassVar[tuple[str, ...]] = ("label", "y")


def options(text: str) -> Options:
    """Options from the text of a command line, as "label=species,test_share=0.3".

    Raises:
      UsageError: one is unknown, or its value wrong.
    """
    known, found = fields(Options), {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if name not in known:
            raise unknown("option", name, known)
        if not equals or not value:
            raise UsageError(f"{shown(part)}: write {name}=value")
        found[name] = parse(known[name], value)
    return replace(Options(), found)


def from_file(path: str | Path, **settings: Any) -> Source:
    """The source in a file (.csv, .tsv, .txt, .data, also .gz; .parquet, .arff, .npz) or a folder of images.

    Args:
      path: of the file; of a folder, whose folders are the classes.
      settings: as `Options` has them, as label="species".

    Raises:
      UsageError: the file or a setting is wrong; the message says what would be right.
    """
    chosen = replace(Options(), settings)
    try:
        whole = Path(path).expanduser()
        found = read(whole, chosen)
        if chosen.test_file:
            found = found[:1] + _test_file(whole, chosen)
        return _source(found, chosen)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _test_file(whole: Path, chosen: Options) -> list[Rows]:
    where = Path(chosen.test_file).expanduser()
    try:
        return read(where if where.exists() else whole.parent / where, chosen)[:1]
    except UsageError as error:
        raise UsageError(f"test_file={chosen.test_file}: {error}") from None


def from_dataframe(frame: Any, **settings: Any) -> Source:
    """The source in a data frame of any library with Arrow's C stream (pandas, polars, DuckDB, pyarrow).

    Args:
      frame: one row per sample.
      settings: as `Options` has them, as label="species".

    Raises:
      UsageError: it is no such object, or a column or setting is wrong.
    """
    if not hasattr(frame, "__arrow_c_stream__"):
        raise UsageError(f"of type {type(frame).__name__}; expected a data frame, as of pandas 2.2 or polars 1")
    table = pa.RecordBatchReader.from_stream(frame).read_all()
    about = (table.schema.pandas_metadata or {}).get("index_columns", [])
    return _source([Rows(table.drop_columns([name for name in about if isinstance(name, str)]))],
                   replace(Options(), settings))  # fmt: skip


def from_huggingface(dataset: Any, inputs: str = "", **settings: Any) -> Source:
    """The source in a data set of the library `datasets`, or in a dictionary of its splits `train` and `test`.

    Args:
      dataset: one row per sample. Its names of labels, if any, become the names of the classes.
      inputs: its column of images or vectors (default: the one that holds them; else all columns of numbers and texts).
      settings: as `Options` has them, as label="fine_label".

    Raises:
      UsageError: it is no such object, or a column or setting is wrong.
    """
    chosen = replace(Options(), settings)
    if hasattr(dataset, "with_format") and not hasattr(dataset, "keys"):
        return _source([_rows(dataset, inputs, chosen)], chosen)
    if not (hasattr(dataset, "keys") and "train" in dataset):
        raise UsageError(f"of type {type(dataset).__name__}; expected a Dataset, or a DatasetDict with a split train")
    return _source([_rows(dataset[split], inputs, chosen) for split in ("train", "test") if split in dataset], chosen)


def _rows(dataset: Any, inputs: str, chosen: Options) -> Rows:
    found = {name: np.asarray(values) for name, values in dataset.with_format("numpy")[:].items()}
    for name, feature in dataset.features.items():
        if getattr(feature, "names", None) and found[name].dtype.kind in "iu":
            found[name] = np.asarray(feature.names)[found[name]]
    arrays = [name for name, values in found.items() if values.ndim > 1]
    if inputs and inputs not in found:
        raise unknown("column", inputs, found)
    if len(arrays) > 1 and not inputs:
        raise UsageError(f"columns {', '.join(arrays)} all hold arrays; say which, as inputs='{arrays[0]}'")
    name = inputs or next(iter(arrays), "")
    x = found.pop(name) if name else None
    scalars = {name: values for name, values in found.items() if values.ndim == 1}
    return Rows(pa.table({name: pa.array(values) for name, values in scalars.items()}), x)


def _source(found: list[Rows], chosen: Options) -> Source:
    """The source of the rows of one file, of which some are to be held out, or of two."""
    whole, given = _joined(found)
    table = whole.table
    label = _label(table, chosen)
    drop = [columns.column(table, name, "drop") for name in chosen.drop.split("+") if name]
    y = _labels(table, label, chosen)
    _require_classes(y, label)
    session = columns.column(table, chosen.session, "session") if chosen.session else None
    of_session = columns.labels(table, session, "session") if session else None
    held, by = _held(table, chosen, given, y, of_session)
    if whole.x is None:
        features = columns.features(table, {label, *drop, *([session] if session else []), *([by] if by else [])})
    else:
        features = _flat(whole.x)
    filled, kept = columns.filled(features, held, chosen.missing)
    x = _inputs(whole.x, filled, chosen.missing)
    train, test = ~held & kept, held & kept
    return from_arrays(
        x[train], y[train], x[test], y[test],
        1 / 255 if x.dtype == np.uint8 else 1.0,
        own_units=_own_units(x, whole.x is None, chosen),
        session=None if of_session is None else of_session[train],
        session_test=None if of_session is None or not test.any() else of_session[test],
    )  # fmt: skip


def _joined(found: list[Rows]) -> tuple[Rows, np.ndarray | None]:
    """All rows, and which of them a second file gives for the test."""
    if len(found) == 1:
        return found[0], None
    one, other = found
    if one.table.column_names != other.table.column_names:
        raise UsageError(
            f"the test has the columns {shown(', '.join(other.table.column_names))}; expected those of the training"
            f" samples, {shown(', '.join(one.table.column_names))}"
        )
    try:
        table = pa.concat_tables([one.table, other.table], promote_options="permissive")
    except pa.ArrowException as error:
        raise UsageError(f"a column of the test is of another kind ({shown(error, 200)})") from None
    held = np.arange(len(table)) >= len(one.table)
    if one.x is None or other.x is None:
        return Rows(table), held
    if one.x.shape[1:] != other.x.shape[1:]:
        raise UsageError(f"test samples are of shape {other.x.shape[1:]}; expected {one.x.shape[1:]}")
    return Rows(table, np.concatenate([one.x, other.x])), held


def _label(table: pa.Table, chosen: Options) -> str:
    if not table.num_columns:
        raise UsageError("holds no labels; expected a column or array of them, as y")
    if chosen.label:
        return columns.column(table, chosen.label, "label")
    called = [name for name in table.column_names if name.lower() in Options.LABELS]
    return called[0] if called else table.column_names[-1]


def _labels(table: pa.Table, label: str, chosen: Options) -> np.ndarray:
    try:
        return columns.labels(table, label)
    except UsageError as error:
        hint = "" if chosen.label else f"; labels are taken from '{label}', name another column with label="
        raise UsageError(f"{error}{hint}") from None


def _require_classes(y: np.ndarray, label: str) -> None:
    different = len(np.unique(y))
    if different < 2 or different > max(len(y) // 2, 2):
        raise UsageError(
            f"column '{label}' holds {different:,} different labels in {len(y):,} rows; expected two or more, each"
            " of several rows: name another column with label="
        )


def _held(
    table: pa.Table, chosen: Options, given: np.ndarray | None, y: np.ndarray, session: np.ndarray | None
) -> tuple[np.ndarray, str | None]:
    """Which rows are held out, and the column that says so."""
    if given is not None and chosen.test:
        raise UsageError(f"test={chosen.test}: the test samples are there already; name a column or a file")
    if given is not None:
        return given, None
    if chosen.test:
        name = columns.column(table, chosen.test, "test")
        return columns.held_out(table, name), name
    return held_out(y, session, chosen.test_share), None


def _flat(x: np.ndarray) -> columns.Features:
    """Inputs that are no columns, to look for gaps in them."""
    flat = x.reshape(len(x), -1) if x.dtype.kind == "f" else np.zeros((len(x), 0))
    return columns.Features(flat, tuple(f"x[{i}]" for i in range(flat.shape[1])))


def _inputs(x: np.ndarray | None, filled: np.ndarray, missing: str) -> np.ndarray:
    """Inputs as a stream takes them: as they are, or, from columns, in single precision if that holds them."""
    if x is None:
        return single(filled)
    if missing == "mask" and filled.shape[1] > x[:1].size and x.dtype.kind == "f":
        if x.ndim > 2:
            raise UsageError("missing=mask: adds features to rows, not to images; say missing=skip")
        return filled
    return x


def _own_units(x: np.ndarray, table: bool, chosen: Options) -> bool:
    if chosen.standardise != "auto":
        return chosen.standardise == "features"
    return table or (x.ndim == 2 and x.dtype.kind == "f")


def name_of(path: str | Path, chosen: Options) -> str:
    """The name of a file as a source: `name`, or else its own name in small letters, digits and underscores.

    Raises:
      UsageError: nothing of it is left.
    """
    stem = Path(path).expanduser().resolve().name.lower().removesuffix(".gz")
    name = re.sub(r"[^a-z0-9]+", "_", (chosen.name or stem.partition(".")[0]).lower()).strip("_")
    if not name.isidentifier():
        raise UsageError(f"{shown(path)}: give the source a name, as name=mine")
    return name


def summary(source: Source) -> str:
    """One line for lists."""
    kind = "features" if len(source.x_train.shape) == 2 else "pixels"
    shape = "x".join(map(str, source.x_train.shape[1:]))
    held = f"{len(source.y_test):,} held out" if len(source.y_test) else "in time order, no test samples"
    return (
        f"{len(source.y_train) + len(source.y_test):,} samples of {shape} {kind}, {source.num_classes} classes, {held}"
    )
