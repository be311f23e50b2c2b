"""CIFAR-100 with its fine labels: sheets of tiles as those of CIFAR-10, 500 images each in one column, all exact.

Source: Krizhevsky (2009), Learning multiple layers of features from tiny images.
"""

import functools

from pcl.streams.sources import cifar10
from pcl.streams.sources.datasets import SourceEntry

ENTRY = SourceEntry(
    summary="60,000 small photographs in colour, 32x32x3, 100 classes",
    shape=(32, 32, 3),
    num_classes=100,
    files={
        "cifar100/train_images.zip": ("2b0086d53fa6a55a326b3b9b697d3f6e61262c5906f6893deb703533e4ddb475",),
        "cifar100/test_images.zip": ("8660ecb94a676aeffc9926b1eb60f762a55bc7f5be7c6b346aec5943216ff9cf",),
        "cifar100/labels.npz": ("e3869ea62925885583b35e3695240f2b206b0bc396e1d1f851ed38ad1242527e",),
    },
    parse=functools.partial(cifar10.sheets, grid=(500, 1)),
    tfds_name="cifar100",
)
