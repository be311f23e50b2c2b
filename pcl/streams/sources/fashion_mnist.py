"""Fashion-MNIST, in the place of MNIST. Source: Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747."""

from pcl.streams.sources import idx
from pcl.streams.sources.datasets import SourceEntry

ENTRY = SourceEntry(
    summary="70,000 articles of clothing, 28x28, 10 classes",
    shape=(28, 28),
    num_classes=10,
    files=idx.files_of("fashion_mnist"),
    parse=idx.mnist_like,
    tfds_name="fashion_mnist",
)
