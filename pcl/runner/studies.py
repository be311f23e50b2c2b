"""Studies: searches over settings, as files `<results_dir>/studies/<name>/study.json` and `trials.csv`. Imports no JAX.

The records of complete runs are parts beside them, so that `Store(<results_dir>/studies, <name>)` reads them. A setting
that is written `from:NAME` is that of the winner of a study, for the learner that it is set for.
"""

import csv
import dataclasses
import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from pcl.errors import NoResults, UsageError, shown, unknown
from pcl.evaluation.catalogue import described, number
from pcl.folders import write_whole

FOLDER = "studies"
FROM = "from:"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
COLUMNS = ("learner", "trial", "rung", "steps", "diverged", "value", "values")  # the settings follow

SHOWN = 5  # configurations of a learner

_results_dir = Path("results")


@dataclasses.dataclass(frozen=True)
class Trial:
    """A configuration of a learner on one rung, at which all its seeds have run for `steps` steps.

    settings: by name, as texts behind --set.
    values: of the objective, one per seed; empty until they are known.
    value: the aggregate of these, on which the search decides.
    diverged: number of runs that diverged or failed.
    """

    learner: str
    trial: int
    rung: int
    steps: int
    settings: Mapping[str, str]
    values: tuple[float, ...] = ()
    value: float = math.nan
    diverged: int = 0

    @property
    def known(self) -> bool:
        """Whether it was run."""
        return bool(self.values)

    def text(self) -> str:
        """The settings, as they are written after --set."""
        return " ".join(f"{name}={value}" for name, value in self.settings.items())


@dataclasses.dataclass
class Study:
    """A search: `about` is study.json, `trials` are in the order in which they were asked."""

    folder: Path
    about: dict[str, Any]
    trials: list[Trial] = dataclasses.field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether every learner has its winner."""
        return bool(self.about["finished"])

    def of(self, learner: str, rung: int | None = None) -> list[Trial]:
        """The trials of a learner, on one rung or all."""
        return [trial for trial in self.trials if trial.learner == learner and rung in (None, trial.rung)]

    def tell(self, known: Iterable[Trial]) -> None:
        """Replace asked trials by trials with known values."""
        by_place = {(trial.learner, trial.trial, trial.rung): trial for trial in known}
        self.trials = [by_place.get((old.learner, old.trial, old.rung), old) for old in self.trials]

    def best(self, learner: str, less: bool) -> list[Trial]:
        """The trials of a learner that went on to its last rung, the best first; of equals the first that was asked."""
        known = [trial for trial in self.of(learner) if trial.known]
        last = max((trial.rung for trial in known), default=0)
        return sorted((t for t in known if t.rung == last), key=lambda t: t.value if less else -t.value)

    def write(self) -> None:
        """Write both files, each whole or as it was.

        Raises:
          UsageError: the folder cannot be written.
        """
        names = list(dict.fromkeys(name for trial in self.trials for name in trial.settings))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*COLUMNS, *names])
        for trial in self.trials:
            values = " ".join(map(repr, trial.values))
            row = trial.learner, trial.trial, trial.rung, trial.steps, trial.diverged, repr(trial.value), values
            writer.writerow([*row, *(trial.settings.get(name, "") for name in names)])
        write_whole(self.folder / "trials.csv", text.getvalue().encode())
        write_whole(self.folder / "study.json", (json.dumps(self.about, indent=1) + "\n").encode())


def folder_of(results_dir: Path, name: str) -> Path:
    """The folder of a study.

    Raises:
      UsageError: the name is not allowed.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"--study={shown(name)}: a study is named with letters, digits and _ . -")
    return results_dir / FOLDER / name


def read(folder: Path) -> Study | None:
    """The study in a folder; None where there is none.

    Raises:
      UsageError: a file of it is damaged.
    """
    about, trials = folder / "study.json", folder / "trials.csv"
    if not about.exists():
        return None
    try:
        return Study(
            folder, json.loads(about.read_text()), list(map(_trial, csv.DictReader(io.StringIO(trials.read_text()))))
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"study {folder} is damaged ({shown(error)}): delete its folder, or name another") from error


def named(results_dir: Path, name: str) -> Study:
    """The study called `name`.

    Raises:
      NoResults: there is none.
    """
    found = read(folder_of(results_dir, name))
    if found is None:
        parent = results_dir / FOLDER
        there = sorted(path.parent.name for path in parent.glob("*/study.json"))
        raise NoResults(f"no study '{shown(name)}' in {parent}; there: {', '.join(there) or 'none'}")
    return found


def use_results_dir(folder: Path) -> None:
    """From now on `from:NAME` means a study below this results folder."""
    global _results_dir
    _results_dir = folder


def is_reference(value: object) -> bool:
    """Whether the value of a setting is that of a study's winner."""
    return isinstance(value, str) and value.startswith(FROM)


def winning(reference: str, learner: str, setting: str) -> str:
    """The text of a setting that is written `from:NAME`: that of the winner of the study for this learner.

    Raises:
      NoResults: there is no such study.
      UsageError: it is not finished, is not of this learner, or did not search this setting.
    """
    name = reference.removeprefix(FROM)
    study, what = named(_results_dir, name), f"{setting}={reference}"
    if not study.finished:
        raise UsageError(f"{what}: study '{name}' is not finished; the command that began it resumes it")
    winners = study.about["winners"]
    if learner not in winners:
        raise UsageError(f"{what}: {unknown(f'learner of study {name}', learner, winners)}")
    settings = winners[learner]["settings"]
    if setting not in settings:
        raise UsageError(f"{what}: {unknown(f'setting of study {name}', setting, settings)}")
    return str(settings[setting])


def summary(study: Study) -> str:
    """The best configurations of each learner, and what they rest on."""
    asked, body = study.about["asked"], []
    for learner in asked["learners"]:
        for trial in study.best(learner, described(asked["metric"]).less)[:SHOWN]:
            values = " ".join(number(asked["metric"], one) for one in trial.values)
            value = number(asked["metric"], trial.value)
            body.append((learner, trial.text(), trial.steps, value, values, trial.diverged))
    head = ("learner", "settings", "steps", asked["metric"], "by seed", "diverged")
    lived = study.about["steps"] / asked["rungs"][-1]
    state = "" if study.finished else "; not finished"
    return (
        f"{tabulate(body, head, disable_numparse=True)}\n\n{asked['method']} in {lived:.3g} whole runs, decided by"
        f" {asked['decided_by']}{state}"
    )


def _trial(row: dict[str, str]) -> Trial:
    settings = {name: text for name, text in row.items() if name not in COLUMNS and text}
    values = tuple(map(float, row["values"].split()))
    trial, rung, steps, diverged = (int(row[name]) for name in ("trial", "rung", "steps", "diverged"))
    return Trial(row["learner"], trial, rung, steps, settings, values, float(row["value"]), diverged)
