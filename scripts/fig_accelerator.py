"""Runs in one program: speed-up over run by run, samples per second, memory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from pcl.errors import NoResults
from pcl.figures.style import learners, save_figure, shared_legend

PANELS = {"speedup": "speed-up over run by run", "samples_per_s": "samples per second", "memory_mb": "memory (MB)"}
MARKERS = "os^dv"  # one a device


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from `<results_dir>/bench_accelerator.jsonl`; returns the files written.

    Raises:
      NoResults: no throughput was measured.
    """
    path = results_dir / "bench_accelerator.jsonl"
    rows = list(_rows([json.loads(line) for line in path.read_text().splitlines()]))
    if not rows:
        raise NoResults(f"fig_accelerator: {path} has no throughput; measure --parts=throughput")
    figure, axes = plt.subplots(1, len(PANELS), figsize=(8.4, 2.4), layout="constrained")
    devices = list(dict.fromkeys(row["on"] for row in rows))
    names = learners(rows)
    for axis, (key, label) in zip(axes, PANELS.items(), strict=True):
        for (name, text), on in ((one, on) for one in names.items() for on in devices):
            line = [row for row in rows if (row["learner"], row["on"]) == (name, on)]
            look = {"color": f"C{list(names).index(name)}", "marker": MARKERS[devices.index(on) % len(MARKERS)]}
            axis.plot(
                [row["width"] for row in line], [row[key] for row in line], **look, markersize=3, label=f"{text}, {on}"
            )
            if key == "samples_per_s" and line and line[0]["core_samples_per_s"]:
                axis.axhline(line[0]["core_samples_per_s"], color=look["color"], linewidth=0.8, linestyle="--")
        axis.set(xscale="log", yscale="log", xlabel="runs in one program", ylabel=label)
        axis.xaxis.set_major_formatter("{x:g}")
    shared_legend(figure, 2)
    return save_figure(figure, results_dir, "fig_accelerator", [_short(row) for row in rows])


def _rows(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row per device, learner and width: the last measurement of the device, at its last measured commit.

    The speed-up is the time of the program of width 1, once for each run, over that of the program of all runs.
    """
    of = {part: [line for line in lines if line["part"] == part] for part in ("throughput", "core")}
    last = {_on(line): line["commit"] for line in of["throughput"]}
    curves: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for line in of["throughput"]:
        if line["commit"] == last[_on(line)] and "failed" not in line:
            curves.setdefault((_on(line), line["learner"]), {})[line["width"]] = line
    for (on, learner), curve in curves.items():
        cores = [line for line in of["core"] if (_on(line), line["learner"], line["commit"]) == (on, learner, last[on])]
        core = next((line.get("samples_per_s") for line in reversed(cores)), None)
        for width, line in sorted(curve.items()):
            yield {
                "on": on,
                "learner": learner,
                "width": width,
                "speedup": width * curve[1]["seconds"] / line["seconds"] if 1 in curve else None,
                "samples_per_s": line["samples_per_s"],
                "core_samples_per_s": core,
                "memory_mb": line["memory"] / 1e6,
                "compile_s": line["compile_s"],
                "seconds": line["seconds"],
                "mode": line["mode"],
                "commit": line["commit"],
            }


def _on(line: dict[str, Any]) -> str:
    return f"{line['device']} ({line['scale']})"


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in row.items()}
