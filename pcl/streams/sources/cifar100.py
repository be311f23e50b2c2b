"""CIFAR-100. Source: Krizhevsky (2009), Learning multiple layers of features from tiny images."""

from pcl.streams.sources.datasets import SourceEntry

ENTRY = SourceEntry("60,000 small photographs in colour, 32x32x3, 100 classes", (32, 32, 3), 100, tfds_name="cifar100")
