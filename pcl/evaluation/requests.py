"""Labels saved by active learning: requested labels against random ones. Imports no JAX."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcl.evaluation.checks import Vector, vectors


class Saved(NamedTuple):
    """Labels saved by requests, at the shares that random labels allow to compare."""

    share: Vector  # of labels that were asked for
    times: Vector  # as many random labels give the same accuracy
    reached: NDArray[np.bool_]  # whether some share of random labels was as good; else `times` is a lower bound


def labels_saved(asked: ArrayLike, accuracy: ArrayLike, random: ArrayLike, random_accuracy: ArrayLike) -> Saved:
    """The factor by which random labels must outnumber requested ones for the same accuracy.

    `accuracy` [A] is that with the shares `asked` [A], `random_accuracy` [R] that with the shares `random` [R], which
    increase. Between two of these accuracy is taken to rise in a straight line over the logarithm of the share, and
    never to fall. Shares asked for whose accuracy is below that of the fewest random labels are left out. Where no
    share of random labels was as good, the largest of them counts.

    Raises:
      UsageError: shapes disagree.
    """
    asked, accuracy = vectors(asked=asked, accuracy=accuracy)
    random, random_accuracy = vectors(random=random, random_accuracy=random_accuracy)
    risen = np.maximum.accumulate(random_accuracy)
    within = accuracy >= risen[0]
    equal = np.exp(np.interp(accuracy[within], risen, np.log(random)))
    return Saved(asked[within], equal / asked[within], accuracy[within] <= risen[-1])
