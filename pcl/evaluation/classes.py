"""Classes that come one at a time: accuracy by order of arrival, and by the number of later classes. Imports no JAX.

Accuracies are in per cent. A class that a probe did not draw is NaN, and left out of means.
"""

from collections.abc import Callable, Sequence

import numpy as np

from pcl.evaluation.catalogue import METRICS, Metric
from pcl.evaluation.checks import Vector, known_mean
from pcl.evaluation.metrics import Matrix, Steps
from pcl.evaluation.offline import shuffled_twins
from pcl.evaluation.retention import Retention
from pcl.evaluation.summary import Record, task_curves

AT = (100, 200, 400, 600, 1000, 1623)  # classes met, at which accuracy is asked for
FIRST = 100  # classes, and as many of the last
METRICS.update({f"acc_{n}": Metric("%", f"accuracy on the first {n} classes once these were met") for n in AT})


def class_accuracy(record: Record) -> tuple[Steps, Matrix]:
    """Classes met at each probe [P], and the accuracy [P, K] of each class by the order in which they came, in %."""
    met = np.asarray(np.searchsorted(record["task_ends"], record["probe_steps"], side="right"))
    by_arrival = np.argsort(record["group_task"])
    return met, 100 * np.asarray(list(record["probe_accuracy"]))[:, by_arrival]


def accuracy_of_met(record: Record, first: int | None = None) -> dict[int, float]:
    """Accuracy on the classes met so far, or on the `first` of them, at every probe, by the number of classes met."""
    met, accuracy = class_accuracy(record)
    return {int(n): float(known_mean(row[: min(n, first or n)])) for n, row in zip(met, accuracy, strict=True) if n}


def by_arrival(record: Record) -> dict[str, float]:
    """`acc_<n>`: accuracy on the first n classes once n were met, if probed then; first and last hundred at the end."""
    met, (*_, final) = accuracy_of_met(record), class_accuracy(record)[1]
    ends = {f"acc_first_{FIRST}": final[:FIRST], f"acc_last_{FIRST}": final[-FIRST:]}
    return {f"acc_{n}": met[n] for n in AT if n in met} | {name: float(known_mean(of)) for name, of in ends.items()}


def first_classes_shuffled(records: Sequence[Record]) -> Callable[[Record], dict[str, float]]:
    """`offline_first_100`: the final accuracy of the classes that came first in a run, when all were shuffled.

    It separates how hard these classes are from their age. Nothing for a run without a shuffled twin.
    """
    twin = shuffled_twins(records)

    def shuffled(record: Record) -> dict[str, float]:
        if (other := twin(record)) is None:
            return {}
        first = np.argsort(record["group_task"])[:FIRST]
        return {f"offline_first_{FIRST}": 100 * float(known_mean(np.asarray(other["probe_accuracy"][-1])[first]))}

    return shuffled


def tenths(record: Record) -> dict[str, float]:
    """Final accuracy of the tenth (rounded up) of the tasks that came first, and of the tenth that came last."""
    accuracy = 100 * task_curves(record)[-1]
    tenth = -(-len(accuracy) // 10)
    first, last = known_mean(accuracy[:tenth]), known_mean(accuracy[-tenth:])
    return {"first_tenth_acc": float(first), "last_tenth_acc": float(last)}


def by_age(curve: Retention, width: int) -> dict[float, float]:
    """Accuracy at age 0, and in bins of `width` later ages, each named by its mean age."""
    bins = np.ceil(curve.age / width)
    values = {}
    for number in np.unique(bins):
        met = bins == number
        age, accuracy = (_weighted(part[met], curve.pairs[met]) for part in (curve.age, curve.accuracy))
        values[age] = 100 * accuracy
    return values


def _weighted(values: Vector, weights: Steps) -> float:
    return float(np.average(values, weights=weights))
