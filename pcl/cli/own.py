"""An experiment on the user's file: its samples as the usual streams, and fast learners."""

from pathlib import Path

from pcl.errors import UsageError
from pcl.experiment import Arm, Experiment, StreamSpec, experiment_names, load_experiment, register
from pcl.fields import as_dict
from pcl.streams import sources
from pcl.streams.sources import Source, own

LEARNERS = ("ncm", "rls", "pcn", "backprop")
PROBES = 50  # evaluations on held-out samples during a pass, about
BATCH = 10


def experiment_of(path: str, options: str) -> Experiment:
    """The experiment on the file at `path`; the experiment and its source have the name of the file.

    Raises:
      UsageError: the file or an option is wrong, or the name is taken.
    """
    try:
        chosen = own.options(options)
        name = own.name_of(path, chosen)
    except UsageError as error:
        raise UsageError(f"--source_options: {error}") from None
    if name in experiment_names() or name in sources.SOURCES:
        raise UsageError(f"--source_file={path}: the name '{name}' is taken; add --source_options=name={name}_2")
    source = own.from_file(path, **as_dict(chosen))
    sources.register(source, name=name)
    register(_experiment(path, name, source), name, path)
    return load_experiment(name)


def _experiment(path: str, name: str, source: Source) -> Experiment:
    return Experiment(
        name=name,
        claim=f"{Path(path).name}: {own.summary(source)}",
        streams=_streams(name, source),
        learners={learner: {} for learner in LEARNERS},
        arms=(Arm(seeds=5),),
        evaluation={"probe_every": max(1, len(source.y_train) // (BATCH * PROBES))},
        smoke={"width": 8, "depth": 1, "inference_steps": 3},
    )


def _streams(name: str, source: Source) -> dict[str, StreamSpec]:
    """Streams by class, shuffled and by session; if nothing is held out, one stream in the order of the file."""
    if not len(source.y_test):
        return {f"recorded_{name}": StreamSpec("recorded", {"source": name})}
    split = {"source": name, "classes_per_task": _together(source.num_classes), "batch": BATCH}
    found = {
        f"split_{name}": StreamSpec("split", split),
        f"split_{name}_iid": StreamSpec("split", split | {"order": "iid"}),
    }
    if source.sessions:
        by_session = {"source": name, "content": "sessions", "order": "natural", "batch": BATCH}
        found[f"sessions_{name}"] = StreamSpec("split", by_session)
    return found


def _together(classes: int) -> int:
    """Classes per task: the smallest divisor above one that leaves at least two tasks; else one."""
    return next((k for k in range(2, classes // 2 + 1) if classes % k == 0), 1)
