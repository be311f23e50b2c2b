"""From records to a long table: one row per stream, learner, variant and metric. Imports no JAX."""

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from tabulate import tabulate

from pcl.commands import called
from pcl.evaluation import metrics
from pcl.evaluation.acquisition import samples_to_learn
from pcl.evaluation.calibration import expected_calibration_error, told_by_surprise
from pcl.evaluation.catalogue import METRICS, described, number
from pcl.evaluation.checks import known_mean, ratio
from pcl.evaluation.prequential import prequential_accuracy, samples_at
from pcl.evaluation.retention import absorption, ages, half_life, retention_curve
from pcl.evaluation.statistics import mean_interval
from pcl.registry import declared

Record = Mapping[str, Any]


class Row(NamedTuple):
    """One cell of a table, accuracies in per cent, with a 95 % interval over seeds (`statistics.METHOD`).

    `seeds`: number of runs that define the metric; `runs`: number of all runs; `diverged`: number of runs that
    diverged.
    """

    experiment: str
    stream: str
    learner: str
    variant: str
    metric: str
    mean: float
    low: float
    high: float
    seeds: int
    runs: int
    diverged: int
    commits: str  # of the code that made the runs, each once; a plus marks uncommitted changes
    jax: str  # versions of JAX
    command: str


TASK_METRICS: dict[str, Callable[..., float]] = {
    "acc": metrics.average_accuracy,
    "aaa": metrics.average_anytime_accuracy,
    "forgetting": metrics.forgetting,
    "bwt": metrics.backward_transfer,
    "fwt": metrics.forward_transfer,
    "learning_acc": metrics.learning_accuracy,
    "min_acc": metrics.minimum_accuracy,
    "wc_acc": metrics.worst_case_accuracy,
    "stability_gap": metrics.stability_gap,
}
ANYTIME = ("acc", "aaa")  # those that do not need a probe at every end of a task


def task_curves(record: Record) -> np.ndarray:
    """Accuracy of each task at each probe [P, T], in 0 .. 1."""
    return metrics.task_accuracy(record["probe_accuracy"], record["group_task"], record["group_count"])


def measure(record: Record) -> dict[str, float]:
    """Every metric of one run; NaN where its stream or learner does not define it, inf for never.

    `half_life` is in tasks, `samples_to_learn` in samples of the stream, averaged over tasks, both of accuracy
    above chance; `bits_*` are the absorption of a load of random labels. Tasks that never end (recurring contexts,
    blurred boundaries) are measured as if all of them ended with the stream. Where not every end of a task was
    probed, metrics that need all of them are left out. A stream without held-out samples has prequential metrics
    alone. `revisit_acc` is over the episodes run after the stream, `revisit_first_acc` over the first batch of
    each, before anything was relearned. `labelled` is the share of samples that were learned from. Real targets are
    scored by explained variance, in the place of accuracy. Numbers that the learner logged follow under their own
    names (`logged`).
    """
    values = _probed(record) if len(record["probe_steps"]) else {}
    values["prequential_acc"] = 100 * prequential_accuracy(record["hits"], record["seen"])
    if record["revisit_accuracy"] is not None:
        values["revisit_acc"] = revisit_accuracy(record)
        values["revisit_first_acc"] = 100 * float(np.mean(record["revisit_accuracy"], axis=0)[0])
    values["labelled"] = 100 * float(ratio(np.sum(record["taught"]), np.sum(record["seen"])))
    values["calibration_error"] = 100 * expected_calibration_error(
        record["confidence"], record["confident_hits"], record["confident"]
    )
    values |= told_by_surprise(record) | logged(record)
    batch, ms = json.loads(record["config"])["stream"]["batch"], record["timing"]["ms_per_step"]
    costs = {name: record[name] for name in ("state_bytes", "flops_per_sample", "cost_ratio")}
    return values | costs | {"ms_per_step": ms, "ms_per_sample": ms / batch}


def logged(record: Record) -> dict[str, float]:
    """One number per run for everything that its learner logged, in the order of `METRICS`, without curves.

    By `Logged.per`: means over the samples that taught or arrived, sums of events, values at the end, means over steps.
    Each entry of an array is a number of its own, `<name>_1` the first.
    """
    values, order = {}, {name: place for place, name in enumerate(METRICS)}
    for name in sorted(record["logged"], key=lambda name: (order.get(name, len(order)), name)):
        if not described(name).curve:
            total = _total(record, np.asarray(record[name], float), record["logged"][name])
            for place, value in np.ndenumerate(total):
                values["_".join((name, *(str(1 + at) for at in place)))] = float(value)
    return values


def _total(record: Record, curve: np.ndarray, per: str) -> Any:
    if per == "last":
        return curve[-1]
    if per == "mean":
        ends = np.minimum(np.arange(1, len(curve) + 1) * record["log_every"], record["steps"])
        return np.average(curve, axis=0, weights=np.diff(ends, prepend=0))
    return curve.sum(0) if per == "count" else ratio(curve.sum(0), np.sum(record[per]))


def revisit_accuracy(record: Record, first: int = 0) -> float:
    """Accuracy in % over the episodes run after the stream, from their step `first` on.

    Where labels alone distinguish contexts, no learner can know of the switch at the first one.
    """
    return 100 * float(np.mean(np.asarray(record["revisit_accuracy"])[:, first:]))


def _probed(record: Record) -> dict[str, float]:
    """The metrics of held-out samples."""
    accuracy = task_curves(record)
    record = {**record, "task_ends": record["task_ends"] or [record["steps"]] * accuracy.shape[1]}
    complete = set(record["task_ends"]) <= set(record["probe_steps"])
    values = {
        name: 100 * f(accuracy, record["probe_steps"], record["task_ends"])
        for name, f in TASK_METRICS.items()
        if complete or name in ANYTIME
    }
    values["half_life"] = _half_life(record, accuracy)
    if complete:
        values["samples_to_learn"] = _samples_to_learn(record, accuracy)
    stream = json.loads(record["config"])["stream"]
    recalls = declared("pcl.streams", "recall").get(stream["kind"], False)
    return values | (_absorbed(record, accuracy, stream["labels"]) if recalls else {})


def _half_life(record: Record, accuracy: np.ndarray) -> float:
    """Half-life in tasks, from the probes at the ends of tasks; NaN if no task was probed at its own end."""
    steps, ends = np.asarray(record["probe_steps"]), record["task_ends"]
    at_ends = np.isin(steps, ends)
    age = ages(steps[at_ends], ends, np.arange(len(ends)))
    above_chance = np.maximum(accuracy[at_ends] - record["chance"], 0) / (1 - record["chance"])
    return half_life(retention_curve(above_chance, age)) if (np.isfinite(above_chance) & (age == 0)).any() else np.nan


def _absorbed(record: Record, accuracy: np.ndarray, n_labels: int) -> dict[str, float]:
    """Bits gained, lost and held, and their ratios, of a load of random labels.

    From the probes at the ends of groups, so that all that a group gained while it was taught is one interval.
    """
    steps, ends = np.asarray(record["probe_steps"]), np.asarray(record["task_ends"])
    at_ends = np.isin(steps, [0, *ends])
    of_group = np.asarray(record["group_count"])
    found = absorption(accuracy[at_ends], steps[at_ends], ends, of_group, n_labels, record["state_bytes"])
    return {f"bits_{name}": value for name, value in found._asdict().items()}


def _samples_to_learn(record: Record, accuracy: np.ndarray) -> float:
    """Mean over tasks, each from its start to its end."""
    steps, ends = np.asarray(record["probe_steps"]), record["task_ends"]
    samples = samples_at(steps, record["seen"], record["log_every"], record["steps"])
    needed = []
    for task, (begin, end) in enumerate(zip(metrics.begins(ends), ends, strict=True)):
        met = (begin <= steps) & (steps <= end) & np.isfinite(accuracy[:, task])
        if not met.any():
            continue
        needed.append(samples_to_learn(accuracy[met, task], samples[met], chance=record["chance"]))
    return float(known_mean(needed))


def summarise(records: Iterable[Record], measured: Callable[[Record], Mapping[str, float]] = measure) -> list[Row]:
    """Mean and interval of every metric that `measured` finds, over the seeds of each stream, learner and variant.

    A metric that some runs do not define (their stream or learner has none, they are older than its column, or they
    diverged) is averaged over the others, with their number; one that no run defines is left out. One that is never
    reached by some run (inf) has mean inf and no interval. A run that diverged counts with the accuracy that it had.
    """

    def cell(record: Record) -> tuple[str, str, str, str]:
        return record["experiment"], record["stream"], record["learner"], record["variant"]

    rows = []
    for (experiment, stream, learner, variant), group in itertools.groupby(sorted(records, key=cell), cell):
        runs = list(group)
        found = [measured(run) for run in runs]
        settings, command = setting_text(variant), _command(runs)
        commits, jax = _made_by(runs)
        for metric in dict.fromkeys(name for values in found for name in values):
            values = [value for one in found if not np.isnan(value := one.get(metric, np.nan))]
            if values:
                row = Row(
                    *(experiment, stream, learner, settings, metric),
                    *mean_interval(values),
                    *(len(values), len(runs), diverged(runs)),
                    *(commits, jax, command),
                )
                rows.append(row)
    return rows


def _command(runs: Sequence[Record]) -> str:
    """The command that makes these runs of one cell again."""
    first, lowest = runs[0], min(run["seed"] for run in runs)
    versions = (json.loads((run["provenance"] or {}).get("versions") or "{}") for run in runs)
    imported = dict.fromkeys(name for said in versions for name in said.get("imported", "").split(",") if name)
    flags = [f"--import={','.join(imported)}"] if imported else []
    flags += [f"--{flag}={first[flag.rstrip('s')]}" for flag in ("experiment", "streams", "learners")]
    flags += [f"--seeds={len(runs)}", *([f"--first_seed={lowest}"] if lowest else [])]
    return " ".join((called(), *flags, *(f"--set {text}" for text in setting_text(first["variant"]).split())))


def diverged(runs: Iterable[Record]) -> int:
    """Number of runs that diverged or failed."""
    return sum(run["status"] != "ok" for run in runs)


def _made_by(runs: Iterable[Record]) -> tuple[str, str]:
    """Commits and JAX versions that made the runs, each once, in alphabetical order."""
    about = [run["provenance"] for run in runs]
    commits = {f"{one['commit'][:8]}{'+' if one['dirty'] else ''}" for one in about}
    return " ".join(sorted(commits)), " ".join(sorted({json.loads(one["versions"])["jax"] for one in about}))


def setting_text(variant: str) -> str:
    """`name=value` pairs of a variant's JSON, as they are written after --set."""
    return " ".join(f"{name}={value}" for name, value in sorted(json.loads(variant).items()))


def table(rows: Sequence[Row], wanted: Sequence[str], style: str = "simple") -> str:
    """A table: one line per stream, learner and variant, one column per metric, `mean [low, high]`.

    In brackets after the number of runs: how many of them diverged, and the number of commits or versions of JAX, if
    more than one; after a metric: the number of its runs, if it differs. `style` is a format of tabulate (`simple`,
    `github`, `latex_booktabs`).
    """
    cells: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        cells.setdefault((row.stream, row.learner, row.variant), []).append(row)
    has_variants = any(variant for _, _, variant in cells)
    head = ["stream", "learner", *(["variant"] if has_variants else []), "seeds", *wanted]
    body = []
    for (stream, learner, variant), line in cells.items():
        texts = {row.metric: _text(row, line[0]) for row in line}
        names = [stream, learner, *([variant] if has_variants else [])]
        body.append([*names, _runs(line[0]), *(texts.get(metric, "-") for metric in wanted)])
    return tabulate(body, head, tablefmt=style, disable_numparse=True)


def _runs(row: Row) -> str:
    counts = (row.diverged, "diverged"), (len(row.commits.split()), "commits"), (len(row.jax.split()), "JAX versions")
    marks = [f"{n} {what}" for n, what in counts if n > (what != "diverged")]
    return str(row.runs) + _bracketed(marks)


def _bracketed(marks: Sequence[str]) -> str:
    return f" ({', '.join(marks)})" if marks else ""


def _text(row: Row, line: Row) -> str:
    mean, low, high = (number(row.metric, value) for value in (row.mean, row.low, row.high))
    interval = f" [{low}, {high}]" if np.isfinite(row.low) and described(row.metric).varies else ""
    marks = [f"{row.seeds} seeds"] if row.seeds != line.runs else []
    marks += [f"{row.diverged} diverged"] if row.diverged != line.diverged else []
    return mean + interval + _bracketed(marks)
