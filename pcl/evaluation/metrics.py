"""Continual-learning metrics as pure functions of a record's arrays. Imports no JAX.

`accuracy` is [P, T]: accuracy of each task (in stream order) at each probe, in 0 .. 1.
`steps` is [P]: steps lived before each probe. `ends` is [T]: steps after which each task was seen in
full; tasks that share an end arrive together (an iid stream). Metrics that need one task to end before
another are NaN on streams where none does.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.floating]


def task_accuracy(group_accuracy: ArrayLike, group_task: ArrayLike, group_count: ArrayLike) -> Matrix:
    """Accuracy of each task [P, T] from that of each group [P, G], weighted by samples a group."""
    count = np.asarray(group_count, float)
    member = np.asarray(group_task)[:, None] == np.arange(np.max(group_task) + 1)
    weight = member * count[:, None]
    return np.asarray(group_accuracy, float) @ weight / weight.sum(0)


def average_accuracy(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """ACC: mean over tasks at the last probe. Lopez-Paz and Ranzato (2017), arXiv:1706.08840, equation 2."""
    return float(accuracy[-1].mean())


def average_anytime_accuracy(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """AAA: mean over all probes after the first step of the mean over the tasks begun by then.

    Caccia et al. (2022), arXiv:2104.05025, section 5.
    """
    begun = _begins(ends) < np.asarray(steps)[:, None]
    living = begun.any(1)
    return float(np.mean((accuracy * begun).sum(1)[living] / begun.sum(1)[living]))


def learning_accuracy(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """Mean over tasks of the accuracy at the task's own end. Riemer et al. (2019), arXiv:1810.11910."""
    return float(np.diag(_at_ends(accuracy, steps, ends)).mean()) if _sequential(ends) else np.nan


def backward_transfer(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """BWT: mean over all tasks but the last of final accuracy minus accuracy at the task's own end.

    Lopez-Paz and Ranzato (2017), arXiv:1706.08840, equation 3.
    """
    if not _sequential(ends):
        return np.nan
    at_ends = _at_ends(accuracy, steps, ends)
    return float((at_ends[-1] - np.diag(at_ends))[:-1].mean())


def forgetting(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """Mean over all tasks but the last of the best accuracy at an earlier task's end minus the final one.

    Chaudhry et al. (2018), arXiv:1801.10112, equation 3 (the best is sought from the task's own end on).
    """
    if not _sequential(ends):
        return np.nan
    at_ends = _at_ends(accuracy, steps, ends)
    return float(np.mean([at_ends[i:-1, i].max() - at_ends[-1, i] for i in range(len(at_ends) - 1)]))


def minimum_accuracy(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """min-ACC: mean over all tasks but the last of the worst accuracy at any probe after the task's end.

    De Lange, van de Ven and Tuytelaars (2023), arXiv:2205.13452, definition 3.
    """
    if not _sequential(ends):
        return np.nan
    after = np.asarray(steps)[:, None] > np.asarray(ends)
    return float(np.mean([accuracy[after[:, i], i].min() for i in range(accuracy.shape[1] - 1)]))


def prequential_accuracy(hits: ArrayLike, seen: ArrayLike) -> float:
    """Share of samples predicted correctly before they were learned from.

    Gama, Sebastiao and Rodrigues (2013), doi:10.1007/s10994-012-5320-9.
    """
    return float(np.sum(hits) / np.sum(seen))


def _begins(ends: ArrayLike) -> NDArray[np.integer]:
    """Steps before each task: the largest end before its own."""
    distinct = np.unique(ends)
    return np.concatenate(([0], distinct))[np.searchsorted(distinct, ends)]


def _sequential(ends: ArrayLike) -> bool:
    return len(np.unique(ends)) == np.size(ends) > 1


def _at_ends(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> Matrix:
    """[T, T]: row i is the probe at the end of task i."""
    return accuracy[np.searchsorted(steps, ends)]
