"""Handwritten digits that come with scikit-learn: the source that is always there."""

import numpy as np

from pcl.streams.sources.arrays import Source, make_source


def digits() -> Source:
    """1,797 handwritten digits of 8x8 pixels, a stratified fifth of them for the test.

    Embedded in scikit-learn; source: Alpaydin and Kaynak (1998), doi:10.24432/C50P49.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x.astype(np.uint8), y, test_size=0.2, stratify=y, random_state=0
    )
    return make_source(x_train, y_train, x_test, y_test, scale=1 / 16)
