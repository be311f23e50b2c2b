"""Readers of the user's files: tables, NumPy arrays, folders of images.

Each returns a table of columns and, where these are not the inputs, an array of inputs beside it.
"""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from pcl.errors import UsageError, shown
from pcl.streams.sources.files import UNREADABLE

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " "}
DECIMALS = {"point": ".", "comma": ","}
NULLS = ["", "?", " ?", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "None", "#N/A"]
BEGINNING = 2**20  # bytes of a table in plain text, in which its first line ends
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class Rows(NamedTuple):
    """Samples of a file: columns, and inputs [N, ...] where the columns are not the inputs."""

    table: pa.Table
    x: np.ndarray | None = None


def read(path: Path, options: Any) -> list[Rows]:
    """All samples of a file or folder; of an .npz file that holds a test set, training and test samples.

    Raises:
      UsageError: it is missing, damaged, or of a kind that is not known.
    """
    try:
        if path.is_dir():
            return [images(path, options.size)]
        if not path.is_file():
            raise UsageError("no such file or folder")
        name = path.name.lower().removesuffix(".gz")
        known = next((end for end in READERS if name.endswith(end)), None)
        if known is None:
            raise UsageError(f"unknown kind of file; known: {', '.join(READERS)}, or a folder of images")
        return READERS[known](path, options)
    except UsageError:
        raise
    except (*UNREADABLE, StopIteration, pa.ArrowException) as error:
        raise UsageError(f"cannot be read ({shown(' '.join(str(error).split()), 200)})") from None


def text_table(path: Path, options: Any) -> list[Rows]:
    """A table in plain text with one line per sample.

    Raises:
      UsageError: it is empty, has one column, lines of different lengths, or it is not clear whether it has a header.
    """
    separator, decimal = SEPARATORS.get(options.separator, options.separator), DECIMALS[options.decimal]
    if options.separator == "auto":
        separator = "\t" if ".tsv" in path.name.lower() else ","
    first = _first_line(path, options.encoding, separator)
    if len(first) < 2:
        other = next((name for name, one in SEPARATORS.items() if one in "".join(first).strip()), None)
        hint = f"; say separator={other}" if other else "; expected one column per feature, and one of labels"
        raise UsageError(f"one column alone, '{shown(first[0], 60)}'{hint}")
    numbers = [cell for cell in first if _is_number(cell, decimal)]
    if options.header == "auto" and numbers:
        raise UsageError(
            f"the first line holds the number {shown(numbers[0], 30)}: say header=no if it is a sample, header=yes if"
            " it holds the names of the columns"
        )
    named = [str(i) for i in range(len(first))] if options.header == "no" else first
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two columns are called '{shown(twice)}'; give each a name of its own, or say header=no")
    with pa.input_stream(str(path), compression="detect") as file:
        content = file.read()
    table = pyarrow.csv.read_csv(
        pa.BufferReader(content),
        # One block, so that the type of a column is that of all its values.
        pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=min(max(len(content), 1) + 1, 2**31 - 1),
            column_names=named,
            skip_rows=0 if options.header == "no" else 1,
            encoding=options.encoding,
        ),
        pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        pyarrow.csv.ConvertOptions(null_values=NULLS, strings_can_be_null=True, decimal_point=decimal),
    )
    if not len(table):
        raise UsageError("holds only a header; expected one line per sample")
    return [Rows(table)]


def _first_line(path: Path, encoding: str, separator: str) -> list[str]:
    """The cells of the first line, without spaces around them."""
    if len(separator) != 1:
        raise UsageError(f"separator={shown(separator)}: expected one character, or {', '.join(SEPARATORS)}")
    with pa.input_stream(str(path), compression="detect") as file:
        lines = file.read(BEGINNING).splitlines()
    if not lines:
        raise UsageError("empty; expected one line per sample")
    try:
        text = lines[0].decode("utf-8-sig" if encoding == "utf8" else encoding)
    except LookupError:
        raise UsageError(f"encoding={shown(encoding)}: unknown; try utf8, latin1 or cp1252") from None
    except UnicodeDecodeError:
        raise UsageError(f"not in the encoding {encoding}; say which, as encoding=latin1") from None
    return [cell.strip() for cell in next(csv.reader([text], delimiter=separator)) or [""]]


def _is_number(text: str, decimal: str) -> bool:
    try:
        return bool(text) and np.isfinite(float(text.replace(decimal, "."))).item()
    except ValueError:
        return False


def parquet(path: Path, options: Any) -> list[Rows]:
    """A table in Parquet.

    Raises:
      UsageError: it has no rows.
    """
    table = pyarrow.parquet.read_table(path, use_threads=False)
    if not len(table):
        raise UsageError("holds no rows; expected one per sample")
    return [Rows(table)]


def arff(path: Path, options: Any) -> list[Rows]:
    """A table in the attribute-relation file format.

    Raises:
      UsageError: it has no rows.
    """
    from scipy.io.arff import loadarff

    with path.open(encoding=options.encoding) as file:
        data, about = loadarff(file)
    if not len(data):
        raise UsageError("holds no rows; expected one per sample")
    texts = {name: data[name].astype("U") for name, kind in zip(about.names(), about.types(), strict=True)
             if kind == "nominal"}  # fmt: skip
    return [Rows(pa.table({name: pa.array(texts.get(name, data[name])) for name in about.names()}))]


def arrays(path: Path, options: Any) -> list[Rows]:
    """Arrays of NumPy: `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`; others of one value per sample.

    Raises:
      UsageError: there are no inputs, or an array does not have one value per sample.
    """
    with np.load(path, allow_pickle=False) as file:
        named = {name: file[name] for name in file.files}
    if "x" in named:
        return [_beside(named)]
    parts = [
        {name.removesuffix(end): array for name, array in named.items() if name.endswith(end)}
        for end in ("_train", "_test")
    ]
    found = [_beside(part) for part in parts if "x" in part]
    if not found:
        raise UsageError(f"holds the arrays {shown(', '.join(named))}; expected x and y, or x_train, y_train and so on")
    return found


def _beside(named: dict[str, np.ndarray]) -> Rows:
    x = named.pop("x")
    for name, array in named.items():
        if array.shape != x.shape[:1]:
            raise UsageError(f"array {name} is of shape {array.shape}; expected one value per sample, {x.shape[:1]}")
    return Rows(pa.table({name: pa.array(array) for name, array in named.items()}), x)


def images(folder: Path, size: int) -> Rows:
    """Images below a folder, uint8 [N, rows, columns] or, in colour, [N, rows, columns, 3].

    The names of the folders that lead to an image are its columns, from 0; the last one is its class.

    Raises:
      UsageError: there are none, they are not equally deep, one is damaged, or they are of several sizes.
    """
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGES)
    paths = sorted(found, key=lambda path: [_natural(part) for part in path.relative_to(folder).parts])
    if not paths:
        raise UsageError("a folder without images; expected one folder per class, as cats/1.png")
    levels = [path.relative_to(folder).parts[:-1] for path in paths]
    for path, parts in zip(paths, levels, strict=True):
        if not parts or len(parts) != len(levels[0]):
            raise UsageError(
                f"{path.relative_to(folder)}: expected one folder per class, as cats/1.png, all equally deep"
            )
    pictures = [_picture(path, folder, size) for path in paths]
    shapes = {picture.shape[:2]: path for picture, path in zip(pictures, paths, strict=True)}
    if len(shapes) > 1:
        (one, first), (other, second), *_ = shapes.items()
        raise UsageError(
            f"images of several sizes: {first.relative_to(folder)} has {one[1]}x{one[0]} pixels,"
            f" {second.relative_to(folder)} {other[1]}x{other[0]}; say size=32 to make all 32x32"
        )
    grey = all(picture.ndim == 2 for picture in pictures)
    x = np.stack(pictures if grey else [np.stack([p] * 3, -1) if p.ndim == 2 else p for p in pictures])
    return Rows(pa.table({str(i): [parts[i] for parts in levels] for i in range(len(levels[0]))}), x)


def _natural(text: str) -> list[tuple[int, str]]:
    """A key by which s2 comes before s10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


def _picture(path: Path, folder: Path, size: int) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            found = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
            return np.asarray(found.resize((size, size)) if size else found)
    except (*UNREADABLE, Image.DecompressionBombError):
        raise UsageError(f"{path.relative_to(folder)}: not a whole image; remove it or get it again") from None


READERS: dict[str, Callable[[Path, Any], list[Rows]]] = {
    ".csv": text_table,
    ".tsv": text_table,
    ".txt": text_table,
    ".data": text_table,
    ".parquet": parquet,
    ".arff": arff,
    ".npz": arrays,
}
