"""The report on one learner on one stream, as a page to print and as an HTML page. Imports no JAX."""

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcl.evaluation.catalogue import described, number
from pcl.evaluation.checks import known_mean
from pcl.evaluation.reactions import reaction
from pcl.evaluation.statistics import METHOD, mean_interval
from pcl.evaluation.summary import Record, measure, setting_text, summarise
from pcl.figures import page
from pcl.figures.curves import Runs, half_life, learning_time, return_savings
from pcl.figures.panels import Drawing, draw, drawings
from pcl.figures.style import write_csv
from pcl.folders import write_whole

COLUMNS = 3  # panels beside each other on the printed page
SIZE = (3.5, 2.6)  # of a panel, in inches
COSTS = (
    "state_bytes",
    "flops_per_sample",
    "cost_ratio",
    "inference_steps",
    "residual",
    "ms_per_step",
    "ms_per_sample",
    "prequential_acc",
    "acc",
    "lived_less_retained",
)
SHORT = (
    *("acc", "aaa", "forgetting", "prequential_acc", "half_life", "samples_to_learn", "savings", "dip"),
    *("recovery_samples", "alarms", "noticed", "false_alarms", "revisit_acc", "bits_held", "calibration_error"),
    *("state_bytes", "flops_per_sample", "cost_ratio", "inference_steps", "ms_per_step"),
)
Numbers = dict[str, tuple[float, float, float]]


def write(runs: Runs, out: Path, command: str) -> list[Path]:
    """Write the report on `runs`, of one learner, stream and variant, into `out`: HTML, PDF, PNG and CSV.

    `command` is shown in the report, so that it can be repeated.
    """
    out.mkdir(parents=True, exist_ok=True)
    found, numbers = drawings(runs), measured(runs)
    parts = [
        *_names(runs[0])[:3],
        *_names(runs[0])[3].split(),
        *([f"seed={runs[0]['seed']}"] if len(runs) == 1 else []),
    ]
    stem = out / "-".join(parts).replace("=", "-").replace("/", "-")
    html, pdf, png = (stem.with_name(stem.name + suffix) for suffix in (".html", ".pdf", ".png"))
    with plt.rc_context({"savefig.bbox": "standard"}):  # the page as it is laid out
        figure = _printed(runs, found, numbers)
        figure.savefig(pdf, metadata={"CreationDate": None})
        figure.savefig(png)
    plt.close(figure)
    write_whole(html, _opened(runs, found, numbers, command).encode())
    rows = [row for drawing in found for row in drawing.rows()]
    return [html, pdf, png, write_csv(stem.with_name(stem.name + ".csv"), rows)]


def measured(runs: Runs) -> Numbers:
    """Mean and 95 % interval over seeds of every number that the records define.

    A number that some runs lack (the delay of alarms where none was raised) is the mean over those that have it.
    """
    numbers = {row.metric: (row.mean, row.low, row.high) for row in summarise(runs)}
    more = [_more(run) for run in runs]
    for name in dict.fromkeys(name for values in more for name in values):
        numbers[name] = mean_interval([values[name] for values in more if name in values])
    if {"acc", "prequential_acc"} <= set(numbers):
        acc, lived = ([measure(run)[name] for run in runs] for name in ("acc", "prequential_acc"))
        numbers["lived_less_retained"] = mean_interval(np.subtract(lived, acc))
    return numbers


def _more(run: Record) -> dict[str, float]:
    """Metrics of one run that tables of experiments lack, or lack for recurring tasks."""
    saved = list(return_savings(run).values())
    values = {
        "half_life": half_life(run),
        "samples_to_learn": learning_time(run),
        "savings": float(known_mean(saved)),
    }
    return {name: value for name, value in values.items() if not np.isnan(value)} | reaction(run)


def _names(run: Record) -> tuple[str, str, str, str]:
    return run["experiment"], run["stream"], run["learner"], setting_text(run["variant"])


def _headline(runs: Runs) -> tuple[str, str]:
    """Title, and the runs that are averaged."""
    experiment, stream, learner, variant = _names(runs[0])
    seeds = f"{len(runs)} seeds, means with {METHOD}s" if len(runs) > 1 else f"seed {runs[0]['seed']}"
    failed = [f"seed {run['seed']} {run['status']}" for run in runs if run["status"] != "ok"]
    of = f"experiment {experiment}, {seeds}" + (f"; {'; '.join(failed)}" if failed else "")
    return f"{learner}{f' ({variant})' if variant else ''} on {stream}", of


def _text(name: str, values: tuple[float, float, float]) -> str:
    """`mean [low, high]`, the interval where there is one that is not a point."""
    mean, low, high = (number(name, value) for value in values)
    return f"{mean} [{low}, {high}]" if np.isfinite(values[1]) and low != high else mean


def _printed(runs: Runs, found: Sequence[Drawing], numbers: Numbers) -> Figure:
    """One page of paper: all panels, the main numbers, where they come from."""
    height = -(-len(found) // COLUMNS)
    free = COLUMNS * height - len(found)
    rows = [SIZE[1]] * height + [1.2] * (free == 0)
    figure, axes = plt.subplots(
        len(rows),
        COLUMNS,
        figsize=(COLUMNS * SIZE[0], sum(rows) + 1),
        layout="constrained",
        squeeze=False,
        height_ratios=rows,
    )
    for axis, drawing in zip(axes.flat, found, strict=False):
        draw(axis, drawing, runs)
    _list(list(axes.flat)[len(found) :], [(name, _text(name, numbers[name])) for name in SHORT if name in numbers])
    title, of = _headline(runs)
    figure.suptitle(f"{title}\n", fontsize=12, x=0.01, ha="left")
    figure.text(0.01, 1 - 0.34 / figure.get_figheight(), of, fontsize=8, va="top")
    about = runs[0]["provenance"]
    foot = f"commit {about['commit']}, {about['device']}, {about['machine']}; accuracies in %"
    foot = "\n".join(textwrap.fill(text, 190) for text in (summarise(runs)[0].command, foot))
    figure.supxlabel(foot, fontsize=6.5, x=0.01, ha="left")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, for both files
    return figure


def _list(axes: Sequence[Axes], lines: Sequence[tuple[str, str]]) -> None:
    """Names and values as text, spread over the axes."""
    each = -(-len(lines) // len(axes))
    for i, axis in enumerate(axes):
        axis.axis("off")
        for j, (name, value) in enumerate(lines[i * each : (i + 1) * each]):
            y = 1 - j / max(each, 6)
            axis.text(0, y, name.replace("_", " "), va="top", fontsize=7.5)
            axis.text(0.45, y, value, va="top", fontsize=7.5)


def _opened(runs: Runs, found: Sequence[Drawing], numbers: Numbers, command: str) -> str:
    """The page as HTML."""
    figures = []
    for drawing in found:
        figure, axis = plt.subplots(figsize=SIZE)
        draw(axis, drawing, runs)
        figures.append(page.drawing(figure, drawing.panel.name, drawing.caption(runs)))
    config = json.loads(runs[0]["config"])
    settings = [
        (part, name, value)
        for part in ("stream", "learner", "evaluation")
        for name, value in config[part].items()
    ]  # fmt: skip
    title, of = _headline(runs)
    others = [name for name in numbers if name not in COSTS]
    return page.document(
        title,
        of,
        [
            page.section("Curves", page.panels(figures)),
            page.section("Numbers", _table(numbers, others)),
            page.section("Cost, and what it bought", _table(numbers, [name for name in COSTS if name in numbers])),
            page.section("Settings", page.table(("of", "setting", "value"), settings)),
            page.section(
                "Where this comes from",
                page.table(("", ""), _provenance(runs)),
                page.paragraph("The same runs, and this page of them:"),
                page.preformatted(f"{summarise(runs)[0].command}\n{command}"),
            ),
        ],
    )


def _table(numbers: Numbers, names: Sequence[str]) -> str:
    rows = [(described(name).meaning, described(name).unit, name, _text(name, numbers[name])) for name in names]
    return page.table(("what", "unit", "name", f"mean [{METHOD}]"), rows, numbers=(3,))


def _provenance(runs: Runs) -> list[tuple[str, str]]:
    """Code and machine that made the records; where runs differ, every value that occurs."""
    about = [
        {name: value for name, value in run["provenance"].items() if name != "created"}
        | {"data": json.loads(run["config"])["data"]}
        for run in runs
    ]
    rows = [(name, ", ".join(dict.fromkeys(str(one[name]) for one in about))) for name in about[0]]
    made = sorted(run["provenance"]["created"] for run in runs)
    runs_text = ", ".join(f"{run['run_id']} (seed {run['seed']})" for run in runs)
    return [("runs", runs_text), *rows, ("created", made[0] if made[0] == made[-1] else f"{made[0]} to {made[-1]}")]
