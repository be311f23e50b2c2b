"""The figure of a search over settings: its configurations, the importance of settings, and the best value by cost.

Imports no JAX.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from pcl.errors import NoResults
from pcl.evaluation.catalogue import described
from pcl.experiment import Figure
from pcl.figures.style import learners, save_figure

Row = dict[str, Any]


Trial = Any  # `pcl.runner.studies.Trial`; figures read no files


def write(declared: Figure, study: Any, folder: Path) -> list[Path]:
    """Draw one row of panels per learner of a `pcl.runner.studies.Study`; returns the files written.

    The panels are parallel coordinates, the importance of the settings, and the best value against the budget.

    Raises:
      NoResults: nothing has been run yet.
    """
    known = [trial for trial in study.trials if trial.values]
    if not known:
        raise NoResults(f"{declared.name}: no trial of study '{declared.study}' has been run")
    names = learners([{"learner": trial.learner} for trial in known])
    figure, axes = plt.subplots(
        len(names), 3, figsize=(7.5, 2.2 * len(names)), squeeze=False, gridspec_kw={"wspace": 0.45, "hspace": 0.55}
    )
    metric, plotted = study.about["asked"]["metric"], list[Row]()
    for axes_of, (learner, label) in zip(axes, names.items(), strict=True):
        trials = [trial for trial in known if trial.learner == learner]
        rows = _coordinates(axes_of[0], trials, metric)
        rows += _importance(axes_of[1], study.about["importance"].get(learner, {}))
        rows += _best(axes_of[2], trials, study.about["asked"], metric)
        plotted += [{"learner": learner} | row for row in rows]
        axes_of[0].set_title(label, loc="left")
    return save_figure(figure, folder, declared.name, plotted)


def _row(panel: str, trial: int | str, name: str, x: Any, y: float) -> Row:
    return {"panel": panel, "trial": trial, "name": name, "x": x, "y": f"{y:.6g}"}


def _coordinates(axis: Axes, trials: Sequence[Trial], metric: str) -> list[Row]:
    """One line per configuration through its settings to its value on its last rung; better ones are darker."""
    last = {trial.trial: trial for trial in trials}
    names, rows = list(trials[0].settings), list[Row]()
    places = {name: _places([trial.settings[name] for trial in last.values()]) for name in names}
    order = sorted(last.values(), key=lambda t: (t.rung, t.value * (-1 if described(metric).less else 1)))
    for rank, trial in enumerate(order):
        value = _places([repr(one.value) for one in order])[repr(trial.value)]
        heights = [*(places[name][trial.settings[name]] for name in names), value]
        colour = plt.get_cmap("viridis_r")(rank / max(1, len(order) - 1))
        axis.plot(heights, color=colour, linewidth=1.5 if trial is order[-1] else 0.6, zorder=rank)
        rows += [_row("settings", trial.trial, name, trial.settings[name], trial.value) for name in names]
    axis.set_xticks(range(len(names) + 1), [*names, metric])
    axis.set_yticks([])
    axis.tick_params(axis="x", pad=9)
    for at, name in enumerate(names):
        ends = sorted(places[name].items(), key=lambda one: one[1])
        for text, height in (ends[0], ends[-1]):
            axis.annotate(text, (at, height), (0, 4 if height > 0.5 else -9), textcoords="offset points", fontsize=5)
    return rows


def _places(texts: Sequence[str]) -> dict[str, float]:
    """A height in 0 .. 1 for each value of an axis: by logarithm of positive numbers, else by size or by name."""
    try:
        numbers = {text: float(text) for text in texts}
    except ValueError:
        return {text: place / max(1, len(set(texts)) - 1) for place, text in enumerate(sorted(set(texts)))}
    finite = [number for number in numbers.values() if np.isfinite(number)]
    spread = min(finite) > 0 and max(finite) > 10 * min(finite)
    scaled = {text: np.log(number) if spread else number for text, number in numbers.items() if np.isfinite(number)}
    low, high = min(scaled.values()), max(scaled.values())
    return {text: float((scaled.get(text, low) - low) / ((high - low) or 1)) for text in numbers}


def _importance(axis: Axes, shares: Mapping[str, float]) -> list[Row]:
    """The share of the variance of the value that each setting explains."""
    axis.barh(list(shares), list(shares.values()), height=0.6)
    axis.set(xlim=(0, 1), xlabel="importance (share of variance)")
    axis.invert_yaxis()
    return [_row("importance", "", name, "", share) for name, share in shares.items()]


def _best(axis: Axes, trials: Sequence[Trial], asked: Mapping[str, Any], metric: str) -> list[Row]:
    """The best value so far against the number of whole runs so far, one line per rung."""
    spent, rows, before = 0.0, list[Row](), 0
    for rung in sorted({trial.rung for trial in trials}):
        of = [trial for trial in trials if trial.rung == rung]
        runs = spent + asked["seeds"] * (of[0].steps - before) / asked["rungs"][-1] * np.arange(1, len(of) + 1)
        better = np.minimum if described(metric).less else np.maximum
        best = better.accumulate([trial.value for trial in of])
        axis.step(runs, best, where="post", marker="o", markersize=2, linewidth=1, label=f"{of[0].steps} steps")
        points = zip(of, runs, best, strict=True)
        rows += [_row("best", trial.trial, f"{trial.steps} steps", f"{x:.6g}", y) for trial, x, y in points]
        spent, before = float(runs[-1]), of[0].steps
    axis.set(xlabel="whole runs", ylabel=f"best {metric}{' (%)' if described(metric).unit == '%' else ''}")
    axis.legend(fontsize=5)
    return rows
