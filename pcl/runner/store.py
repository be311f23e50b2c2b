"""The results: one Parquet part per chunk, one self-describing row per run. Imports no JAX."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pcl.commands import called
from pcl.errors import NoResults, UsageError
from pcl.runner import older, parts, schema
from pcl.runner.parts import BadPart
from pcl.runner.schema import COLUMNS
from pcl.runner.versions import Row, Stored, content, sort_out

# Columns that tell runs apart; they are never null.
KEYS = ("run_id", "stream", "learner", "variant", "seed", "config")
# Columns that may differ between two executions of the same run on one machine.
CIRCUMSTANCES = ("timing", "provenance")
# Columns that may differ between copies of a run: those, and the names that it was given.
MAY_DIFFER = (*CIRCUMSTANCES, "experiment", "stream", "variant")
LISTINGS = 100  # of a folder, at most: it is listed again until no new part has appeared


class Store:
    """The records of one experiment: `<results_dir>/<experiment>/part-<digest of its bytes>.parquet`."""

    def __init__(self, results_dir: str | Path, experiment: str):
        self.folder = Path(results_dir) / experiment
        self._said: set[Path] = set()

    def parts(self) -> list[Path]:
        """The finished parts, without temporary files of killed processes.

        Raises:
          UsageError: the folder cannot be listed.
        """
        return parts.listed(self.folder)

    def ids(self) -> set[str]:
        """Ids of all finished runs; a bad part is left out and named on stderr.

        Raises:
          UsageError: the folder or a part may not be read.
        """
        tables, bad = self.tables(["run_id"])
        self._say(bad)
        return {run_id for table in tables.values() for run_id in table["run_id"].to_pylist()}

    def records(self, wanted: Collection[str] | None = None) -> list[Row]:
        """All rows (or those whose ids are `wanted`), each run once, in an order that parts do not decide.

        Among the `wanted` a bad part is left out and named on stderr; of all rows none may be missing unseen.

        Raises:
          NoResults: there are none at all.
          UsageError: a part is bad or may not be read, or rows conflict (`sort_out`): no mean may mix them.
        """
        runs = self._runs(wanted)
        if wanted is None and not runs:
            raise NoResults(f"no results in {self.folder}: run `{called()} --experiment={self.folder.name}` first")
        return _ordered(runs)

    def read(self, wanted: Collection[str] | None = None) -> tuple[list[Stored], list[BadPart]]:
        """All rows (or the `wanted`) as they are stored, and the bad parts.

        Raises:
          UsageError: the folder or a part may not be read.
        """
        tables, bad = self.tables()
        if wanted is not None:
            ids = pa.array(list(wanted), pa.string())
            tables = {part: table.filter(pc.is_in(table["run_id"], ids)) for part, table in tables.items()}
        return [(part, row) for part, table in tables.items() for row in _rows(table)], bad

    def require_writable(self) -> None:
        """Fail before the computation if the folder cannot be written, and clear old temporary files of killed writers.

        Raises:
          UsageError: the folder cannot be made or written.
        """
        with _one_line(f"cannot write to {self.folder}", "name another folder with --results_dir"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as file:
                parts.clear_leftovers(self.folder, os.fstat(file.fileno()).st_mtime)

    def write(self, rows: Sequence[Row]) -> Path:
        """Write one part, whole or not at all.

        Raises:
          UsageError: the part could not be written (a full disk, say); finished parts are kept.
        """
        content = encoded(rows)
        remedy = "make room or name another --results_dir; finished parts are kept"
        with _one_line(f"cannot write a part to {self.folder}", remedy):
            return parts.write(self.folder, content)

    def compact(self, without: Collection[str] = ()) -> None:
        """Join all parts into one, which takes a fraction of their bytes; none is deleted before it is complete.

        The runs whose ids are in `without` are left out.

        Beside another compaction: each keeps a part of which no other has more rows or newer ones, and deletes only
        parts that this one replaces; of two parts with the same rows both keep the same.

        Raises:
          UsageError: a part is damaged, rows conflict, no run would be left, or the new part cannot be written;
            nothing is deleted.
        """
        stored = self._runs()
        if not stored:
            return
        old = {part for copies in stored.values() for part, _ in copies}
        left_out = {part for run_id in stored.keys() & set(without) for part, _ in stored[run_id]}
        runs = {run_id: copies for run_id, copies in stored.items() if run_id not in without}
        if not runs:
            raise UsageError(f"no record of {self.folder} would be left: delete the folder if none is wanted")
        newest = [
            {part for part, row in copies if row is copies[0][1] or content(row) == content(copies[0][1])}
            for copies in runs.values()
        ]
        complete = [part for part in set.intersection(*newest) - left_out if parts.is_verified(part)]
        whole = min(complete) if complete else self.write(_ordered(runs))
        gone = contextlib.suppress(FileNotFoundError)  # another compaction has joined it with more
        with _one_line(f"cannot delete parts joined in {whole}", "you must have the right to write its folder"), gone:
            parts.read(whole)
            for part in old - {whole}:
                part.unlink(missing_ok=True)

    def _runs(self, wanted: Collection[str] | None = None) -> dict[str, list[Stored]]:
        """The copies of each run, after everything that `records` refuses."""
        rows, bad = self.read(wanted)
        if bad and wanted is None:
            raise bad[0]
        self._say(bad)
        runs, conflicts = sort_out(rows, MAY_DIFFER)
        if conflicts:
            raise UsageError(f"{conflicts[0]}: {parts.remedy(self.folder)} sets the older aside")
        return runs

    def tables(self, columns: list[str] | None = None) -> tuple[dict[Path, pa.Table], list[BadPart]]:
        """Every good part, and the bad ones; no row is missed while another process joins parts.

        Of `columns` alone, where they are named.

        Raises:
          UsageError: the folder or a part may not be read.
        """
        tables: dict[Path, pa.Table] = {}
        bad: dict[Path, BadPart] = {}
        for _ in range(LISTINGS):
            new = [part for part in self.parts() if part not in tables and part not in bad]
            if not new:
                return tables, list(bad.values())
            for part in new:
                try:
                    tables[part] = _decode(part, parts.read(part), columns)
                except BadPart as error:
                    bad[part] = error
                except FileNotFoundError:
                    continue  # joined with others: the next listing has the whole
        raise UsageError(f"{self.folder} changes faster than it can be read: {LISTINGS} listings, each with a new part")

    def _say(self, bad: Sequence[BadPart]) -> None:
        for error in bad:
            if error.part not in self._said:
                print(f"warning: {error}; until then it is left out", file=sys.stderr)
                self._said.add(error.part)


def experiments(results_dir: str | Path) -> list[str]:
    """Names of the experiments that have parts below a folder, and of folders there that cannot be listed.

    Raises:
      UsageError: it cannot be listed itself, or has none.
    """
    found = []
    for name in parts.names(Path(results_dir)):
        folder = Path(results_dir) / name
        try:
            if os.path.isdir(folder) and parts.listed(folder):
                found.append(name)
        except UsageError:
            found.append(name)
    if not found:
        raise UsageError(f"no results in {results_dir}: name the folder that holds the experiments' folders")
    return found


def encoded(rows: Sequence[Row]) -> bytes:
    """The bytes of a part with these rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        schema.table_of(rows),
        sink,
        compression="zstd",
        compression_level=9,
        use_dictionary=False,
        use_byte_stream_split=schema.SPLIT,
        write_page_checksum=True,
    )
    return bytes(sink.getvalue().to_pybytes())


def rows_in(part: Path) -> list[Row]:
    """The rows of one part.

    Raises:
      FileNotFoundError: it has gone.
      UsageError: it is bad or may not be read.
    """
    return _rows(_decode(part, parts.read(part)))


def _ordered(runs: Mapping[str, Sequence[Stored]]) -> list[Row]:
    """The newest copy of each run."""
    rows = [copies[0][1] for copies in runs.values()]
    return sorted(rows, key=lambda r: (r["stream"], r["learner"], r["variant"], r["seed"], r["run_id"]))


def _decode(part: Path, data: bytes, columns: list[str] | None = None) -> pa.Table:
    """A part as it was written, today or by an older version."""
    try:
        with pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True) as file:
            known = file.schema_arrow.equals(COLUMNS) or older.is_older(file.schema_arrow)
            table = file.read(columns, use_threads=False) if known else None
        if table is not None:
            table.validate(full=True)
    except Exception as error:  # bytes that nothing verified may raise whatever a decoder has
        raise BadPart(part, str(error).partition("\n")[0] or type(error).__name__) from error
    if table is None:
        raise BadPart(part, "a record with another schema")
    if any(table[name].null_count for name in KEYS if name in table.column_names):
        raise BadPart(part, f"a row without one of {', '.join(KEYS)}")
    return table


def _rows(table: pa.Table) -> list[Row]:
    return (schema if "logged" in table.column_names else older).rows_of(table)


@contextlib.contextmanager
def _one_line(what: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{what} ({error.strerror or error}): {remedy}") from error
