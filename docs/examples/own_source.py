"""Two interleaved half circles: 2,000 points in the plane, 2 classes."""

import numpy as np
from sklearn.datasets import make_moons

from pcl.streams.sources.arrays import Arrays
from pcl.streams.sources.datasets import SourceEntry


def embedded() -> Arrays:
    """All of them, every fifth for the test."""
    x, y = make_moons(2000, noise=0.1, random_state=0)
    test = np.arange(len(x)) % 5 == 0
    return Arrays(x[~test], y[~test], x[test], y[test])


ENTRY = SourceEntry("2,000 points on two half circles, 2 features, 2 classes", (2,), 2, scale=1.0, embedded=embedded)
