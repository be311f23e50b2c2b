"""Kuzushiji-MNIST, in the place of MNIST. Source: Clanuwat et al. (2018), arXiv:1812.01718."""

from pcl.streams.sources import idx
from pcl.streams.sources.datasets import SourceEntry

ENTRY = SourceEntry(
    summary="70,000 cursive Japanese characters, 28x28, 10 classes",
    shape=(28, 28),
    num_classes=10,
    files=idx.files_of("kmnist"),
    parse=idx.mnist_like,
    tfds_name="kmnist",
)
