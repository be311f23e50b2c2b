"""One page for one learner on one stream: curves, retention by age, reaction to shifts, cost.

python -m scripts.stream_report split_digits:split_digits:pcn
python -m scripts.stream_report split_mnist:split_mnist:er:memory=200
python -m scripts.stream_report 3f2a 91bc --results_dir=results --out=reports

RUN names all seeds of a cell as experiment:stream:learner[:variant], the variant as it is written behind --set, or
one run by the beginning of its id. Several may be named if they are of one learner, stream and variant. Written are
`<out>/<experiment>-<stream>-<learner>.html`, which opens without a network, `.png`, `.pdf`, and the numbers that are
drawn as `.csv`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from pcl.command import folder_flag, launch
from pcl.commands import called
from pcl.errors import UsageError, unknown
from pcl.evaluation.summary import setting_text
from pcl.figures.report import write
from pcl.runner import store
from pcl.runner.store import Store

FLAGS = flags.FLAGS
folder_flag("results_dir", "results", "Folder of the records.")
folder_flag("out", None, "Folder of the pages (default: <results_dir>/reports).")

ARGUMENTS = "experiment:stream:learner[:variant] or the beginning of a run's id"


def main(*names: str) -> None:
    """Write the page of the runs called `names` and print every file written."""
    results_dir = Path(FLAGS.results_dir)
    runs = select(results_dir, names)
    out = Path(FLAGS.out) if FLAGS.out else results_dir / "reports"
    try:
        written = write(runs, out, " ".join((called("report"), *names)))
    except OSError as error:
        raise UsageError(
            f"cannot write to {out} ({error.strerror or error}): name another folder with --out"
        ) from error
    for path in written:
        print(path)


def select(results_dir: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """The records called `names`, each once, by seed.

    Raises:
      UsageError: there are no results, a name fits none or several, or the runs are not of one cell.
    """
    experiments = store.experiments(results_dir)
    runs: dict[str, dict[str, Any]] = {}
    for name in names:
        found = _cell(results_dir, experiments, name) if ":" in name else _by_id(results_dir, experiments, name)
        runs |= {run["run_id"]: run for run in found}
    cells = sorted({(r["experiment"], r["stream"], r["learner"], setting_text(r["variant"])) for r in runs.values()})
    if len(cells) > 1:
        texts = ", ".join(":".join(cell).rstrip(":") for cell in cells)
        raise UsageError(f"one page shows one learner on one stream in one variant; these runs are of {texts}")
    return sorted(runs.values(), key=lambda run: run["seed"])


def _cell(results_dir: Path, experiments: Sequence[str], name: str) -> list[dict[str, Any]]:
    """All seeds of experiment:stream:learner[:variant]; without a variant, the experiment's own settings."""
    if name.count(":") < 2:
        raise UsageError(f"{name}: write {ARGUMENTS}")
    experiment, stream, learner, *variant = name.split(":", 3)
    if experiment not in experiments:
        raise unknown("experiment", experiment, experiments)
    records = Store(results_dir, experiment).records()
    records = _chosen(records, "stream", stream, f"stream of {experiment}")
    records = _chosen(records, "learner", learner, f"learner on {stream}")
    cells: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        cells.setdefault(setting_text(record["variant"]), []).append(record)
    wanted = variant[0] if variant else next(iter(cells)) if len(cells) == 1 else ""
    if wanted not in cells:
        raise unknown(f"variant of {learner} on {stream}", wanted, cells)
    return cells[wanted]


def _chosen(records: list[dict[str, Any]], column: str, value: str, kind: str) -> list[dict[str, Any]]:
    if value not in (known := {record[column] for record in records}):
        raise unknown(kind, value, known)
    return [record for record in records if record[column] == value]


def _by_id(results_dir: Path, experiments: Sequence[str], prefix: str) -> list[dict[str, Any]]:
    """The one run whose id begins with `prefix`."""
    found = {
        run_id: experiment
        for experiment in experiments
        for run_id in Store(results_dir, experiment).ids()
        if run_id.startswith(prefix)
    }
    if not found:
        raise UsageError(
            f"no run's id begins with '{prefix}'; write {ARGUMENTS}, with one of the experiments"
            f" {', '.join(experiments)}"
        )
    if len(found) > 1:
        some = ", ".join(sorted(found)[:5])
        raise UsageError(f"'{prefix}' begins the ids of {len(found)} runs: {some}{', …' if len(found) > 5 else ''}")
    ((run_id, experiment),) = found.items()
    return Store(results_dir, experiment).records({run_id})


if __name__ == "__main__":
    launch(main, ARGUMENTS)
