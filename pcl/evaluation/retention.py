"""Retention of accuracy by age, and absorption of random labels under load. Imports no JAX.

An item is a class, task, context or group of pairs, whichever the accuracies are given for.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcl.errors import UsageError
from pcl.evaluation.metrics import begins

Matrix = NDArray[np.floating]


class Retention(NamedTuple):
    """Accuracy by age; A ages, increasing."""

    age: Matrix  # [A] segments of other items that ended since the item was last taught
    accuracy: Matrix  # [A] mean over all probes of items of that age
    pairs: NDArray[np.integer]  # [A] how many pairs of probe and item these are


class Absorption(NamedTuple):
    """Information gained, lost and held, in bits, and its ratio to losses and to the size of the state."""

    gained: float  # on items in the interval of probes in which they were taught, summed
    lost: float  # on items taught before, net of what they gained since, summed
    held: float  # at the last probe
    gained_per_lost: float  # inf where nothing was lost
    gained_per_byte: float
    held_per_byte: float


def ages(steps: ArrayLike, ends: ArrayLike, items: ArrayLike) -> Matrix:
    """[P, K]: how many segments of other items have ended at each probe since the item's own last one did.

    `steps` [P] are steps run before each probe; segment s taught item `items[s]` (0 .. K - 1) until step
    `ends[s]`, from the end before it on. NaN before an item's first end and while it is taught again.
    Segments that share an end arrived together and do not age each other.

    Raises:
      UsageError: `ends` and `items` are not 1-d and equally long.
    """
    steps, ends, items = np.asarray(steps), np.asarray(ends), np.asarray(items)
    if ends.ndim != 1 or ends.shape != items.shape or not ends.size:
        raise UsageError(f"ends {ends.shape}, items {items.shape}: must be 1-d, not empty and of one length")
    last = np.full((len(steps), items.max() + 1), np.nan)
    for s in np.argsort(ends):
        last[steps >= ends[s], items[s]] = ends[s]
    for begin, end, item in zip(begins(ends), ends, items, strict=True):
        last[(begin < steps) & (steps < end), item] = np.nan
    # NaN sorts behind every end, so its count is meaningless and is masked.
    ended = np.searchsorted(np.sort(ends), np.column_stack([steps, last]), side="right")
    return np.where(np.isnan(last), np.nan, ended[:, :1] - ended[:, 1:])


def retention_curve(accuracy: ArrayLike, age: ArrayLike) -> Retention:
    """Mean accuracy at each age, from accuracy and age [P, K] (see `ages`); pairs with either NaN are left out.

    Pass the probes at the ends of segments alone if age 0 shall mean just taught: between ends, forgetting
    by the segment under way is counted under the age before it.

    Raises:
      UsageError: the shapes differ, or no pair has an age.
    """
    accuracy, age = np.asarray(accuracy, float), np.asarray(age, float)
    known = np.isfinite(age) & np.isfinite(accuracy) if accuracy.shape == age.shape else np.zeros(0, bool)
    if not known.any():
        raise UsageError(f"accuracy {accuracy.shape}, age {age.shape}: must be of one shape, with one age at least")
    distinct, place, pairs = np.unique(age[known], return_inverse=True, return_counts=True)
    return Retention(distinct, np.bincount(place, weights=accuracy[known]) / pairs, pairs)


def half_life(curve: Retention) -> float:
    """The age at which retained accuracy crosses half of its value at age 0.

    Estimator: the curve's least-squares fit that never rises, weighted by pairs (isotonic regression), so that
    noise cannot cross early; between two ages it is read linearly. inf where the fit stays above half at all
    ages observed: the half-life is then longer than the stream shows. NaN where there is one age only, or
    accuracy 0 at age 0. Chance is not subtracted: give accuracy above chance where chance exceeds half.

    Raises:
      UsageError: the curve does not start at age 0.
    """
    if curve.age[0] != 0:
        raise UsageError(f"the first age is {curve.age[0]:g}: a half-life needs accuracy at age 0")
    from scipy.optimize import isotonic_regression  # half a second to import, which every command would wait for

    fit = isotonic_regression(curve.accuracy, weights=curve.pairs, increasing=False).x
    half = fit[0] / 2
    if len(fit) < 2 or half == 0:
        return np.nan
    if fit[-1] > half:
        return np.inf
    after = int(np.argmax(fit <= half))
    share = (fit[after - 1] - half) / (fit[after - 1] - fit[after])
    return float(curve.age[after - 1] + share * (curve.age[after] - curve.age[after - 1]))


def label_information(accuracy: ArrayLike, n_labels: int) -> Matrix:
    """Bits that an answer carries about one of `n_labels` equally likely labels, at an accuracy in 0 .. 1.

    log2 C + a log2 a + (1 - a) log2((1 - a) / (C - 1)), the mutual information across a symmetric channel
    whose errors are spread evenly; 0 at chance and, by definition here, below it. Cover and Thomas,
    Elements of Information Theory, chapter 7.

    Raises:
      UsageError: fewer than two labels, or accuracies outside 0 .. 1.

    Examples:
      >>> label_information([1.0, 1 / 8], n_labels=8).tolist()
      [3.0, 0.0]
    """
    a = np.asarray(accuracy, float)
    if n_labels < 2 or (a < 0).any() or (a > 1).any():
        raise UsageError(f"n_labels={n_labels}: must be at least 2, with accuracies in 0 .. 1")
    right = a * np.log2(a, where=a > 0, out=np.zeros_like(a))
    wrong = (1 - a) * np.log2((1 - a) / (n_labels - 1), where=a < 1, out=np.zeros_like(a))
    return np.where(a > 1 / n_labels, np.maximum(np.log2(n_labels) + right + wrong, 0), 0)


def absorption(
    recall: ArrayLike, steps: ArrayLike, ends: ArrayLike, n_items: ArrayLike, n_labels: int, state_bytes: int
) -> Absorption:
    """Information that a learner gains under a load of random labels, and the information that it loses.

    `recall` [P, G] is the accuracy on each group of taught pairs at each probe, `steps` [P] the steps run
    before it, `ends` [G] the step after which a group was taught in full, `n_items` [G] its pairs. Between two
    probes, the groups that ended there gain the change of their bits, n_items `label_information`; the groups
    that ended before lose minus the change of theirs. A group that a probe did not draw (NaN) holds what it held at the
    probe before, and nothing before the first. Labels are random, so that nothing can be inferred and
    every bit held was stored.

    Raises:
      UsageError: shapes disagree.
    """
    recall, steps, ends, n_items = (np.asarray(part) for part in (recall, steps, ends, n_items))
    if recall.shape != (*steps.shape, *ends.shape) or ends.shape != n_items.shape or len(steps) < 2:
        raise UsageError(
            f"recall {recall.shape}, steps {steps.shape}, ends {ends.shape}, n_items {n_items.shape}:"
            " must be [P, G], P, G, G with at least two probes"
        )
    bits = np.where(np.isnan(recall), np.nan, n_items * label_information(recall, n_labels))
    bits[0] = np.nan_to_num(bits[0])
    for row, last in zip(bits[1:], bits[:-1], strict=True):
        np.copyto(row, last, where=np.isnan(row))
    change, before, after = np.diff(bits, axis=0), steps[:-1, None], steps[1:, None]
    gained = float(change[(before < ends) & (ends <= after)].sum())
    lost = float(-change[ends <= before].sum())
    held = float(bits[-1, ends <= steps[-1]].sum())
    ratio = gained / lost if lost > 0 else np.inf
    return Absorption(gained, lost, held, ratio, gained / state_bytes, held / state_bytes)
