"""One training step and the time to the equilibrium, beside other libraries."""

import json
from pathlib import Path

from tabulate import tabulate

from pcl.figures.style import write_csv

COLUMNS = ("work", "problem", "library", "case", "median_ms", "p10_ms", "cpu_ms", "cpu_ratio", "first_call_s", "check")
FLOORS = {
    "step": ("step", "init"),
    "settle": ("settle", None),
    "step to equilibrium": ("step", "init"),
}


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/bench_inference.jsonl`; returns the files written.

    `cpu_ratio` is CPU time relative to the floor's: its step of 20 gradient steps, or its tuned gradient descent.
    `check` is the largest deviation of the new weights, or the residual that was reached.
    """
    lines = [json.loads(line) for line in (results_dir / "bench_inference.jsonl").read_text().splitlines()]
    floors = {(line["work"], line["problem"]): line["cpu_ms"] for line in lines if _is_floor(line)}
    rows = []
    for line in sorted(lines, key=lambda line: (line["work"], line["problem"], line["cpu_ms"])):
        work, problem = FLOORS[line["work"]]
        ratio = line["cpu_ms"] / floors[work, problem or line["problem"]]
        rows.append({name: _short((line | {"cpu_ratio": ratio})[name]) for name in COLUMNS})
    stem = results_dir / "tables" / "tab_bench_inference"
    written = [write_csv(stem.with_suffix(".csv"), rows)]
    path = stem.with_suffix(".md")
    path.write_text(tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True) + "\n")
    return [*written, path]


def _is_floor(line: dict) -> bool:
    return line["case"] in ("floor", "floor, gradient descent")


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)
