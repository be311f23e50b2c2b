"""Handwritten digits that come with scikit-learn: the source that is always there.

Source: Alpaydin and Kaynak (1998), doi:10.24432/C50P49.
"""

import numpy as np

from pcl.streams.sources.arrays import Arrays
from pcl.streams.sources.datasets import SourceEntry


def embedded() -> Arrays:
    """All of them, a stratified fifth for the test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x.astype(np.uint8), y, test_size=0.2, stratify=y, random_state=0
    )
    return Arrays(x_train, y_train, x_test, y_test)


ENTRY = SourceEntry(
    "1,797 real 8x8 digits embedded in scikit-learn, 10 classes", (64,), 10, scale=1 / 16, embedded=embedded
)
