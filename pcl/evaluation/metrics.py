"""Task metrics of continual learning as pure functions of a record's arrays. Imports no JAX.

`accuracy` is [P, T]: accuracy of each task (in stream order) at each probe, in 0 .. 1; NaN where a probe drew no
sample of a task, which every mean, best and worst leaves out.
`steps` is [P]: steps run before each probe, increasing. `ends` is [T]: steps after which each task was
seen in full; tasks that share an end arrive together (an iid stream). Metrics that need one task to end
before another are NaN on streams where none does. All raise UsageError where these shapes disagree, and all but
ACC and AAA where the end of a task was not probed.
"""

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcl.errors import UsageError
from pcl.evaluation.checks import known_mean, ratio

Matrix = NDArray[np.floating]
Steps = NDArray[np.integer]


def task_accuracy(group_accuracy: ArrayLike, group_task: ArrayLike, group_count: ArrayLike) -> Matrix:
    """Accuracy of each task [P, T] from that of each group [P, G], weighted by the samples per group.

    A group that a probe did not draw is NaN and left out; a task without drawn groups is NaN. Records made before
    absent groups were NaN hold 0 there, which cannot be told from a score of 0: `group_count` counts all held-out
    samples.

    Raises:
      UsageError: the three do not agree on G.
    """
    accuracy, task, count = np.asarray(group_accuracy, float), np.asarray(group_task), np.asarray(group_count, float)
    if accuracy.ndim != 2 or not accuracy.shape[1:] == task.shape == count.shape:
        raise UsageError(
            f"group_accuracy {accuracy.shape}, group_task {task.shape}, group_count {count.shape}: must be [P, G], G, G"
        )
    known = np.isfinite(accuracy)
    by_task, weighted = np.argsort(task, kind="stable"), np.where(known, accuracy, 0.0) * count
    first = np.searchsorted(task[by_task], np.arange(np.max(task) + 1))
    total, drawn = (np.add.reduceat(part[:, by_task], first, 1) for part in (weighted, known * count))
    return ratio(total, np.where(np.bincount(task) > 0, drawn, 0))  # reduceat returns a neighbour for an empty stretch


def average_accuracy(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """ACC: mean over tasks at the last probe. Lopez-Paz and Ranzato (2017), arXiv:1706.08840, equation 2.

    Examples:
      >>> accuracy = np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.8]])  # of two tasks, before, between and behind them
      >>> round(average_accuracy(accuracy, steps=[0, 10, 20], ends=[10, 20]), 2)
      0.65
    """
    _checked(accuracy, steps, ends, probed_ends=False)
    return float(known_mean(accuracy[-1]))


def average_anytime_accuracy(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """AAA: mean over all steps but the zeroth of the mean over the tasks begun by then.

    Each probe stands for the steps since the one before, so that probes added at the ends of tasks, where
    accuracy peaks, do not count more than others. A probe of none of these tasks is passed over.
    Caccia et al. (2022), arXiv:2104.05025, equation 4.
    """
    steps, ends = _checked(accuracy, steps, ends, probed_ends=False)
    begun = begins(ends) < steps[:, None]
    anytime = known_mean(np.where(begun, accuracy, np.nan), 1)
    living = np.isfinite(anytime)
    stood_for = np.diff(steps[living], prepend=0)
    return float(ratio(anytime[living] @ stood_for, stood_for.sum()))


def learning_accuracy(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """Mean over tasks of the accuracy at the task's own end. Riemer et al. (2019), arXiv:1810.11910.

    Examples:
      >>> accuracy = np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.8]])  # of two tasks, before, between and behind them
      >>> round(learning_accuracy(accuracy, steps=[0, 10, 20], ends=[10, 20]), 2)
      0.85
    """
    steps, ends = _checked(accuracy, steps, ends)
    return float(known_mean(np.diag(_at_ends(accuracy, steps, ends)))) if _sequential(ends) else np.nan


def backward_transfer(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """BWT: mean over all tasks but the last of final accuracy minus accuracy at the task's own end.

    Lopez-Paz and Ranzato (2017), arXiv:1706.08840, equation 3.

    Examples:
      >>> accuracy = np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.8]])  # of two tasks, before, between and behind them
      >>> round(backward_transfer(accuracy, steps=[0, 10, 20], ends=[10, 20]), 2)
      -0.4
    """
    steps, ends = _checked(accuracy, steps, ends)
    if not _sequential(ends):
        return np.nan
    at_ends = _at_ends(accuracy, steps, ends)
    return float(known_mean((at_ends[-1] - np.diag(at_ends))[:-1]))


def forward_transfer(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """FWT: mean over all tasks but the first of accuracy just before the task, minus that of the untrained learner.

    The untrained learner is this run's own at probe 0. Lopez-Paz and Ranzato (2017), arXiv:1706.08840, equation 4.

    Examples:
      >>> accuracy = np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.8]])  # of two tasks, before, between and behind them
      >>> round(forward_transfer(accuracy, steps=[0, 10, 20], ends=[10, 20]), 2)
      0.0
    """
    steps, ends = _checked(accuracy, steps, ends)
    if not _sequential(ends):
        return np.nan
    if steps[0] != 0:
        raise UsageError(f"the first probe is after step {steps[0]}: forward transfer needs one before learning")
    return float(known_mean(np.diag(_at_ends(accuracy, steps, ends), k=1) - accuracy[0, 1:]))


def forgetting(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """Mean over all tasks but the last of the best accuracy at the end of any earlier task minus the final one.

    Chaudhry et al. (2018), arXiv:1801.10112, equation 3.

    Examples:
      >>> accuracy = np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.8]])  # of two tasks, before, between and behind them
      >>> round(forgetting(accuracy, steps=[0, 10, 20], ends=[10, 20]), 2)
      0.4
    """
    steps, ends = _checked(accuracy, steps, ends)
    if not _sequential(ends):
        return np.nan
    at_ends = _at_ends(accuracy, steps, ends)
    return float(known_mean((np.fmax.reduce(at_ends[:-1]) - at_ends[-1])[:-1]))


def intransigence(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike, reference: ArrayLike) -> float:
    """Mean over tasks of a reference learner's accuracy [T] minus the accuracy at the task's own end.

    `reference[k]` is the accuracy on task k of a learner trained jointly on tasks 0 .. k.
    Chaudhry et al. (2018), arXiv:1801.10112, equation 4, which is stated for one task and averaged here.
    """
    steps, ends = _checked(accuracy, steps, ends)
    reference = np.asarray(reference, float)
    if reference.shape != ends.shape:
        raise UsageError(f"reference {reference.shape}: must hold one accuracy for each of the {len(ends)} tasks")
    return float(reference.mean()) - learning_accuracy(accuracy, steps, ends)


def minimum_accuracy(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """min-ACC: mean over all tasks but the last of the worst accuracy at any probe after the task's end.

    De Lange, van de Ven and Tuytelaars (2023), arXiv:2205.13452. It rises with the distance between probes.

    Examples:
      >>> accuracy = np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.8]])  # of two tasks, before, between and behind them
      >>> round(minimum_accuracy(accuracy, steps=[0, 10, 20], ends=[10, 20]), 2)
      0.5
    """
    steps, ends = _checked(accuracy, steps, ends)
    if not _sequential(ends):
        return np.nan
    return float(known_mean([np.fmin.reduce(accuracy[steps > end, i]) for i, end in enumerate(ends[:-1])]))


def worst_case_accuracy(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """WC-ACC at the last probe: 1/T of the last task's accuracy and 1 - 1/T of min-ACC.

    De Lange, van de Ven and Tuytelaars (2023), arXiv:2205.13452.

    Examples:
      >>> accuracy = np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.8]])  # of two tasks, before, between and behind them
      >>> round(worst_case_accuracy(accuracy, steps=[0, 10, 20], ends=[10, 20]), 2)
      0.65
    """
    old = minimum_accuracy(accuracy, steps, ends)
    n_tasks = accuracy.shape[1]
    return float(accuracy[-1, -1] / n_tasks + (1 - 1 / n_tasks) * old)


def stability_gap(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike) -> float:
    """How far the tasks learned so far fall, at worst, while the next one is learned; at least 0.

    For each switch of task, the mean over the tasks before it of accuracy at the switch minus the lowest at
    any probe from there to the end of the next task; then the mean over switches. A fall counts whether it
    is recovered later (the gap proper) or not (forgetting). The phenomenon: De Lange, van de Ven and
    Tuytelaars (2023), arXiv:2205.13452, who report it as min-ACC; this measure of its depth is ours.

    Examples:
      >>> accuracy = np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.8]])  # of two tasks, before, between and behind them
      >>> round(stability_gap(accuracy, steps=[0, 10, 20], ends=[10, 20]), 2)
      0.4
    """
    steps, ends = _checked(accuracy, steps, ends)
    if not _sequential(ends):
        return np.nan
    falls = []
    for k, (switch, end) in enumerate(itertools.pairwise(ends)):
        old = accuracy[(steps >= switch) & (steps <= end), : k + 1]
        falls.append(known_mean(old[0] - np.fmin.reduce(old)))
    return float(known_mean(falls))


def begins(ends: ArrayLike) -> Steps:
    """Steps before each task: the largest end before its own."""
    distinct = np.unique(ends)
    return np.concatenate(([0], distinct))[np.searchsorted(distinct, ends)]


def _checked(accuracy: Matrix, steps: ArrayLike, ends: ArrayLike, probed_ends: bool = True) -> tuple[Steps, Steps]:
    """`steps` and `ends` as arrays that fit `accuracy` and each other; with `probed_ends` every end has its probe."""
    steps, ends = np.asarray(steps), np.asarray(ends)
    if accuracy.ndim != 2 or accuracy.shape != (*steps.shape, *ends.shape) or not accuracy.size:
        raise UsageError(f"accuracy {accuracy.shape}, steps {steps.shape}, ends {ends.shape}: must be [P, T], P, T")
    if (np.diff(steps) <= 0).any() or (np.diff(ends) < 0).any():
        raise UsageError("steps must increase, and ends must be in stream order")
    if probed_ends and not np.isin(ends, steps).all():
        raise UsageError(f"no probe at the end of a task: ends {ends.tolist()} must be among the probes' steps")
    return steps, ends


def _sequential(ends: Steps) -> bool:
    return len(np.unique(ends)) == np.size(ends) > 1


def _at_ends(accuracy: Matrix, steps: Steps, ends: Steps) -> Matrix:
    """[T, T]: row i is the probe at the end of task i."""
    return accuracy[np.searchsorted(steps, ends)]
