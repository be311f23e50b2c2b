"""Kuzushiji-MNIST, a replacement for MNIST. Source: Clanuwat et al. (2018), arXiv:1812.01718."""

from pcl.streams.sources import idx
from pcl.streams.sources.datasets import SourceEntry

ENTRY = SourceEntry(
    summary="70,000 cursive Japanese characters, 28x28, 10 classes",
    shape=(28, 28),
    num_classes=10,
    files=idx.files_of(
        "kmnist",
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ),
    parse=idx.mnist_like,
    tfds_name="kmnist",
)
