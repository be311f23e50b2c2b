"""MNIST: handwritten digits. Source: LeCun, Bottou, Bengio and Haffner (1998), doi:10.1109/5.726791."""

from pcl.streams.sources import idx
from pcl.streams.sources.datasets import SourceEntry

ENTRY = SourceEntry(
    summary="70,000 handwritten digits, 28x28, 10 classes",
    shape=(28, 28),
    num_classes=10,
    files=idx.files_of("mnist"),
    parse=idx.mnist_like,
    tfds_name="mnist",
)
