"""Speeds of libraries as the benches recorded them: each with its record and the command that measured it."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STEP = "One training step of 20 gradient steps, 784-256-256-10, 64 images"
SETTLE = "From the inputs to a residual of 1e-3"
STREAM = "Split-MNIST in one pass, 784-400-400-10, batch 10"
END_TO_END = "Split-MNIST from the command to the record"
WEIGHTS = {"init": "fresh weights", "trained": "trained weights"}


@dataclasses.dataclass(frozen=True)
class Speed:
    """A measured number.

    file, line, field: the record, its line counted from 1, and the name of the number in it.
    measured: those of one quantity that were measured together, on the same machine at the same time.
    """

    quantity: str
    name: str
    case: str
    value: float
    unit: str
    file: str
    line: int
    field: str
    measured: str
    command: str

    @property
    def source(self) -> str:
        """Where the number stands, and at which commit and on which machine it was measured."""
        return f"results/{self.file} line {self.line} ({self.field}), {self.measured}"


def speeds(results_dir: Path) -> list[Speed]:
    """All of them, in the order of the tables.

    Raises:
      FileNotFoundError: a bench was not run.
    """
    return [*_inference(results_dir), *_stream(results_dir), *_end_to_end(results_dir)]


def _read(results_dir: Path, name: str) -> list[dict[str, Any]]:
    lines = (results_dir / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) | {"file": name, "line": number} for number, line in enumerate(lines, 1)]


def _speed(quantity: str, library: str, case: str, record: dict[str, Any], field: str, command: str) -> Speed:
    unit = {"median_ms": "ms", "images_per_cpu_s": "images per CPU-second", "wall_s": "s"}[field]
    load = f", load {record['load'][0]:.1f}" if "load" in record else ""
    cores = f"{record['devices']} {record['device']} device{'s' * (record['devices'] > 1)} of {record['machine']}"
    measured = f"commit {record['commit'][:7]}, {cores}{load}"
    return Speed(quantity, library, case, record[field], unit, record["file"], record["line"], field, measured, command)


def _inference(results_dir: Path) -> Iterator[Speed]:
    """Of each library the fastest of its cases: of a step, of settling by gradient descent, and by any of its rules."""
    records = _read(results_dir, "bench_inference.jsonl")
    peers = sorted({record["library"] for record in records} - {"pcl"})
    scripts = [f"--peers={name}=PYTHON:scripts/bench/peers/peer_{name.lower()}.py" for name in peers]
    command = " ".join(["python -m scripts.bench.inference", f"--repeats={records[0]['repeats']}", *scripts])
    timed = [record for record in records if not record["case"].startswith("floor")]
    wanted = [(STEP, "step", "init", "")]
    for problem, weights in WEIGHTS.items():
        wanted += [(f"{SETTLE}, {weights}: gradient descent", "settle", problem, "gradient descent")]
        wanted += [(f"{SETTLE}, {weights}: fastest rule", "settle", problem, "")]
    for quantity, work, problem, rule in wanted:
        fastest: dict[str, dict[str, Any]] = {}
        for record in timed:
            if (record["work"], record["problem"]) == (work, problem) and rule in record["case"]:
                best = fastest.setdefault(record["library"], record)
                fastest[record["library"]] = min(best, record, key=lambda one: one["median_ms"])
        for library, record in sorted(fastest.items(), key=lambda pair: pair[1]["median_ms"]):
            versions = ", ".join(f"{name} {version}" for name, version in record["peer_versions"].items())
            case = record["case"].removeprefix("pcl, ")
            yield _speed(quantity, library, f"{case} ({versions})", record, "median_ms", command)


def _stream(results_dir: Path) -> Iterator[Speed]:
    """Session by session: the first learner without probes, and each peer, which did the same work."""
    records = _read(results_dir, "bench_stream.jsonl")
    sessions: dict[tuple, list[dict[str, Any]]] = {}
    for record in records:
        key = (record["commit"], record["devices"], tuple(record.get("load", ())))
        sessions.setdefault(key, []).append(record)
    for lines in sessions.values():
        ours = [record for record in lines if "learner" in record]
        learner = ours[0]["learner"]
        flags = [f"--learners={learner}", f"--seeds={ours[0]['seeds']}"]
        images = ours[0].get("images", 0) // ours[0]["seeds"]
        flags += [f"--images={images}"] if images not in (0, 60_000) else []
        flags += [_peer(record["peer"], images) for record in lines if "peer" in record]
        command = " ".join(["python -m scripts.bench.stream --data_dir=FOLDER", *flags])
        for record in lines:
            if (record.get("learner", learner), record.get("probes", "without probes")) == (learner, "without probes"):
                library = _library(record["peer"]) if "peer" in record else "pcl"
                case = record.get("peer", f"runs in one program: {record.get('seeds')}")
                yield _speed(f"{STREAM}: {learner}", library, case, record, "images_per_cpu_s", command)


def _library(peer: str) -> str:
    """Who a peer of the bench is: its line begins with the library's name, unless it is a loop written by hand."""
    return "PyTorch loop" if peer.startswith("a plain PyTorch") else peer.split()[0]


def _peer(peer: str, images: int) -> str:
    """The flag that runs a peer: its script, or for a loop that is no part of this repository any command."""
    script = re.search(r"scripts/bench/peers/\w+\.py", peer)
    return f'--peer="PYTHON {script[0]} FOLDER/mnist {images}"' if script else "--peer=COMMAND"


def _end_to_end(results_dir: Path) -> Iterator[Speed]:
    for record in _read(results_dir, "bench_end_to_end.jsonl"):
        accuracy = sum(record["acc"]) / len(record["acc"])
        case = f"{record['learner']} {record['settings']}, final accuracy {accuracy:.1f} %"
        command = f"python -m scripts.bench.end_to_end --data_dir=FOLDER --repeats={len(record['acc'])}"
        yield _speed(END_TO_END, "pcl", case, record, "wall_s", command)
