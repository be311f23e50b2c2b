"""MNIST: handwritten digits. Source: LeCun, Bottou, Bengio and Haffner (1998), doi:10.1109/5.726791."""

from pcl.streams.sources import idx
from pcl.streams.sources.datasets import SourceEntry

ENTRY = SourceEntry(
    summary="70,000 handwritten digits, 28x28, 10 classes",
    shape=(28, 28),
    num_classes=10,
    files=idx.files_of(
        "mnist",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    parse=idx.mnist_like,
    tfds_name="mnist",
)
