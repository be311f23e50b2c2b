"""The results: one Parquet part a chunk, one self-describing row a run. Imports no JAX."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pcl.errors import NoResults, UsageError

CURVE = pa.list_(pa.float32())
STEPS = pa.list_(pa.int32())
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
        "surprise": CURVE,
        "input_surprise": CURVE,
        "energy": CURVE,
        "inference_steps": CURVE,
        "residual": CURVE,
        "belief": pa.list_(CURVE),
        "contexts": CURVE,
        "refused": CURVE,
        "merged": CURVE,
        "split": CURVE,
        "skipped": CURVE,
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
SPLIT = [f"{field.name}.list.element" for field in COLUMNS if field.type == CURVE]
# Columns that older parts do not have: what they would say is not known, and reads as None.
OPTIONAL = ("input_surprise", "residual", "belief", "contexts", "refused", "merged", "split", "skipped")
# Columns that may differ between two executions of the same run on one machine.
CIRCUMSTANCES = ("timing", "provenance")


class Store:
    """The records of one experiment: `<results_dir>/<experiment>/part-<hash>.parquet`."""

    def __init__(self, results_dir: str | Path, experiment: str):
        self.folder = Path(results_dir) / experiment

    def parts(self) -> list[Path]:
        """The finished parts; what a killed process left under a temporary name is not one."""
        return sorted(self.folder.glob("part-*.parquet"))

    def ids(self) -> set[str]:
        """Ids of all finished runs."""
        return {run_id for part in self.parts() for run_id in _read(part, ["run_id"])["run_id"].to_pylist()}

    def records(self, wanted: Collection[str] | None = None) -> list[dict[str, Any]]:
        """All rows (or those whose ids are `wanted`) as dictionaries, in an order that parts do not decide.

        Raises:
          NoResults: there are none at all.
          UsageError: a part cannot be read, or two versions of one run are among them: its
            settings have changed since the older was made, and no mean may mix the two.
        """
        rows: dict[str, dict[str, Any]] = {}
        seen: dict[tuple, tuple[str, Path]] = {}
        for part in self.parts():
            for row in _read(part).to_pylist():
                if wanted is None or row["run_id"] in wanted:
                    rows[row["run_id"]] = row
                    run = row["stream"], row["learner"], row["variant"], row["seed"]
                    run_id, other = seen.setdefault(run, (row["run_id"], part))
                    if run_id != row["run_id"]:
                        raise UsageError(
                            f"{part} and {other.name} hold two versions of {run[1]} on {run[0]}, seed {run[3]}:"
                            " delete the older part"
                        )
        if wanted is None and not rows:
            raise NoResults(
                f"no results in {self.folder}: run `python -m experiments.run --experiment={self.folder.name}` first"
            )
        return sorted(rows.values(), key=lambda r: (r["stream"], r["learner"], r["variant"], r["seed"], r["run_id"]))

    def require_writable(self) -> None:
        """Fail now rather than after the computation.

        Raises:
          UsageError: the folder cannot be made or written.
        """
        with _one_line(f"cannot write to {self.folder}", "name another folder with --results_dir"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass

    def write(self, rows: Sequence[dict[str, Any]]) -> Path:
        """Write one part under a temporary name, then rename it: a part is whole or absent.

        Raises:
          UsageError: the part could not be written (a full disk, say); finished parts are kept.
        """
        digest = hashlib.sha256("".join(sorted(row["run_id"] for row in rows)).encode()).hexdigest()[:16]
        final, temporary = self.folder / f"part-{digest}.parquet", self.folder / f".part-{digest}.{os.getpid()}.tmp"
        with _one_line(f"cannot write {final}", "make room or name another --results_dir; finished parts are kept"):
            try:
                table = pa.Table.from_pylist(list(rows), schema=COLUMNS)
                pq.write_table(
                    table,
                    temporary,
                    compression="zstd",
                    compression_level=9,
                    use_dictionary=False,
                    use_byte_stream_split=SPLIT,
                )
                with open(temporary, "rb") as written:
                    os.fsync(written.fileno())
                os.replace(temporary, final)
            finally:
                temporary.unlink(missing_ok=True)
        return final

    def compact(self) -> None:
        """All parts as one, which takes a fraction of their bytes; until that is whole, none is deleted."""
        parts = self.parts()
        if len(parts) > 1:
            whole = self.write(self.records())
            for part in parts:
                if part != whole:
                    part.unlink()


def _read(part: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        with pq.ParquetFile(part) as file:
            missing = [name for name in OPTIONAL if name not in file.schema_arrow.names]
            if not file.schema_arrow.equals(pa.schema([field for field in COLUMNS if field.name not in missing])):
                raise UsageError(f"{part} is a record of another schema: move it away and run its experiment again")
            table = file.read(columns)
            for name in missing if columns is None else ():
                table = table.append_column(COLUMNS.field(name), pa.nulls(len(table), COLUMNS.field(name).type))
            return table
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{part} cannot be read ({reason}): delete it and run its experiment again") from error


@contextlib.contextmanager
def _one_line(what: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{what} ({error.strerror or error}): {remedy}") from error
