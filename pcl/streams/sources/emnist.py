"""EMNIST, balanced: letters and digits, which its files hold transposed and which are turned upright here.

No checksum of these files is published. Source: Cohen, Afshar, Tapson and van Schaik (2017), arXiv:1702.05373.
"""

from pcl.streams.sources import idx, prepared
from pcl.streams.sources.arrays import Arrays
from pcl.streams.sources.datasets import SourceEntry


def upright(arrays: Arrays) -> Arrays:
    """`arrays` with the two axes of every image exchanged."""
    return arrays._replace(x_train=arrays.x_train.swapaxes(1, 2), x_test=arrays.x_test.swapaxes(1, 2))


ENTRY = SourceEntry(
    summary="131,600 handwritten digits and letters (EMNIST balanced), 28x28, 47 classes",
    shape=(28, 28),
    num_classes=47,
    files=idx.files_of("emnist", train="emnist-balanced-train", test="emnist-balanced-test"),
    parse=lambda *paths: upright(idx.mnist_like(*paths)),
    tfds_name="emnist/balanced",
    collect=lambda folder: upright(prepared.images(folder)),
)
