"""Fashion-MNIST, a replacement for MNIST. Source: Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747."""

from pcl.streams.sources import idx
from pcl.streams.sources.datasets import SourceEntry

ENTRY = SourceEntry(
    summary="70,000 articles of clothing, 28x28, 10 classes",
    shape=(28, 28),
    num_classes=10,
    files=idx.files_of(
        "fashion_mnist",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    parse=idx.mnist_like,
    tfds_name="fashion_mnist",
)
