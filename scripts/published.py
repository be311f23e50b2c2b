"""Every figure and table that is published: declared by an experiment or a bench, and made from the records."""

import importlib
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pcl.commands import called
from pcl.errors import NoResults, UsageError
from pcl.experiment import Figure, Table, experiment_names, load_experiment
from pcl.figures import grid, searches, tables
from pcl.runner import studies
from pcl.runner.store import Store

from . import bench


def published() -> dict[str, tuple[Figure | Table, str]]:
    """Every figure and table by name, with the experiment that publishes it; measurements are of none."""
    found: dict[str, tuple[Figure | Table, str]] = {one.name: (one, "") for one in bench.PUBLISHED}
    for name in experiment_names():
        experiment = load_experiment(name)
        shown: list[Figure | Table] = [*experiment.figures, *experiment.tables]
        for one in shown:
            if one.name in found:
                raise UsageError(f"experiment {name}: there is a figure or table '{one.name}' already; rename it")
            found[one.name] = (one, name)
    return dict(sorted(found.items()))


def make(declared: Figure | Table, experiment: str, results_dir: Path) -> list[Path]:
    """Draw a figure or write a table: as a row of data, or by the script that has its name."""
    if isinstance(declared, Table) and declared.metrics:
        return tables.write(declared, records_of(results_dir, experiment, *declared.beside), results_dir)
    if isinstance(declared, Figure) and declared.study:
        return searches.write(declared, studies.named(results_dir, declared.study), results_dir)
    if isinstance(declared, Figure) and declared.panels:
        return grid.write(declared, records_of(results_dir, experiment, *declared.beside), results_dir)
    return importlib.import_module(f"{__package__}.{declared.name}").main(results_dir)


class Made(NamedTuple):
    """What has no records or measurements and why, and causes with what each stopped."""

    missing: dict[str, UsageError]
    failed: dict[str, list[str]]


def make_all(names: Iterable[str], results_dir: Path) -> Made:
    """Make the named figures and tables, printing each file; one that cannot be made does not stop the others."""
    known = published()
    missing: dict[str, UsageError] = {}
    failed: dict[str, list[str]] = {}
    for name in names:
        try:
            for path in make(*known[name], results_dir):
                print(path, flush=True)
        except NoResults as error:
            missing[name] = error
        except FileNotFoundError as error:
            missing[name] = NoResults(f"{name} is drawn from {error.filename}, which is missing: measure it first")
        except UsageError as error:
            failed.setdefault(str(error), []).append(name)
        except OSError as error:
            failed.setdefault(unwritable(error, results_dir), []).append(name)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            cause = (
                f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno} ({error}): are records missing?"
            )
            failed.setdefault(cause, []).append(name)
    return Made(missing, failed)


def unwritable(error: OSError, results_dir: Path) -> str:
    """What a file that cannot be written asks for, on one line."""
    where = error.filename or results_dir
    return f"cannot write ({error.strerror or error}): {where} must be a writable place with room"


def write_index(results_dir: Path) -> Path:
    """`<results_dir>/README.md`: what each figure and table that was made shows, and the records that it rests on."""
    lines = ["# Figures and tables", "", f"Made from the records beside them by `{called('figures')}`.", ""]
    for name, (declared, experiment) in published().items():
        folder = "figures" if isinstance(declared, Figure) else "tables"
        files = {path.suffix: f"{folder}/{path.name}" for path in sorted((results_dir / folder).glob(f"{name}.*"))}
        if not files:
            continue
        lines += [f"## {name}", ""]
        if ".png" in files:
            lines += [f'<a href="{files[".pdf"]}"><img src="{files[".png"]}" width="420" alt="{name}"></a>', ""]
        lines += [declared.caption, ""]
        study = declared.study if isinstance(declared, Figure) else ""
        for source in filter(None, (experiment, *declared.beside)) if not study else ():
            lines += [f"- `{called()} --experiment={source}`: {_origin(results_dir, source)}"]
        lines += [f"- `{called('study')} {study}`: {_origin(results_dir / studies.FOLDER, study)}"] if study else []
        lines += ["- " + ", ".join(f"[{suffix[1:]}]({file})" for suffix, file in files.items()), ""]
    path = results_dir / "README.md"
    path.write_text("\n".join(lines))
    return path


def _origin(results_dir: Path, experiment: str) -> str:
    """How many runs there are, with which seeds, by which commits."""
    try:
        records = Store(results_dir, experiment).records()
    except NoResults:
        return "no records here"
    except UsageError as error:
        return str(error)
    seeds = sorted({record["seed"] for record in records})
    # The provenance of an installed copy names its version in the place of a commit.
    commits = sorted({c if " " in c else c[:7] for c in (record["provenance"]["commit"] for record in records)})
    of_seeds = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    return f"{len(records):,} runs, {of_seeds}, {'commit' if len(commits) == 1 else 'commits'} {', '.join(commits)}"


def records_of(results_dir: Path, *experiments: str) -> list[dict[str, Any]]:
    """All records of those of the experiments that have any; one line on stderr names each of the others.

    Raises:
      NoResults: none has any.
    """
    found: list[dict[str, Any]] = []
    missing: list[NoResults] = []
    for experiment in experiments:
        try:
            found += Store(results_dir, experiment).records()
        except NoResults as error:
            missing.append(error)
    if not found:
        raise missing[0]
    for why in missing:
        print(f"left out: {why}", file=sys.stderr)
    return found
