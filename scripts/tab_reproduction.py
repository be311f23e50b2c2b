"""Published numbers beside ours in the same protocol, and whether they are reproduced (`Experiment.published`)."""

from collections.abc import Iterator
from pathlib import Path

from tabulate import tabulate

from pcl.errors import NoResults
from pcl.evaluation.statistics import METHOD
from pcl.evaluation.summary import Row, summarise
from pcl.experiment import Published, experiment_names, load_experiment
from pcl.figures.style import write_csv
from pcl.registry import declared
from pcl.runner.store import Store

NOTE = f"""
Mean over seeds [{METHOD}] in %. A number is reproduced if the mean is at most `within` points from the published number
or range.
"""
SHOWN = ("stream", "method", "variant", "published", "ours", "verdict", "within", "seeds", "source", "differs")


def main(results_dir: Path) -> list[Path]:
    """Write the table from the records of all experiments that publish such numbers; returns the files written.

    Raises:
      NoResults: none of them has records.
    """
    found = [line for name in experiment_names() for line in _lines(results_dir, name)]
    if not found:
        raise NoResults(f"tab_reproduction: no records in {results_dir} of an experiment with published numbers")
    stem = results_dir / "tables" / "tab_reproduction"
    written = [write_csv(stem.with_suffix(".csv"), found)]
    path = stem.with_suffix(".md")
    shown = [{name: line[name] for name in SHOWN} for line in found]
    path.write_text(tabulate(shown, headers="keys", tablefmt="github", disable_numparse=True) + f"\n{NOTE}")
    return [*written, path]


def _lines(results_dir: Path, experiment: str) -> Iterator[dict[str, object]]:
    """One line for each published number of an experiment."""
    published = load_experiment(experiment).published
    if not published:
        return
    try:
        rows = summarise(Store(results_dir, experiment).records())
    except NoResults:
        return
    for one in published:
        mine = [row for row in rows if _is_of(row, one)]
        yield _line(experiment, one, mine[0] if mine else None)


def _is_of(row: Row, one: Published) -> bool:
    return (row.stream, row.learner, row.variant, row.metric) == (one.stream, one.learner, one.variant, one.metric)


def _line(experiment: str, one: Published, row: Row | None) -> dict[str, object]:
    """One line: the published number, ours, and the verdict."""
    line = {
        "experiment": experiment,
        "stream": one.stream,
        "learner": one.learner,
        "method": declared("pcl.learners", "label").get(one.learner) or one.learner,
        "variant": one.variant,
        "metric": one.metric,
        "published": f"{one.low:g}" if one.high is None else f"{one.low:g} to {one.high:g}",
        "within": one.within,
    }
    ours = {name: getattr(row, name) if row else "" for name in ("mean", "low", "high", "seeds", "command")}
    told = {"ours": f"{row.mean:.1f} [{row.low:.1f}, {row.high:.1f}]" if row else "-"}
    return line | ours | told | {"verdict": verdict(one, row), "source": one.source, "differs": one.differs}


def verdict(one: Published, row: Row | None) -> str:
    """Whether a number is reproduced, and if not, by how much ours is above or below it."""
    if row is None:
        return "not run"
    distance = one.distance(row.mean)
    if abs(distance) <= one.within:
        return "reproduced"
    return f"{abs(distance):.1f} {'above' if distance > 0 else 'below'}"
