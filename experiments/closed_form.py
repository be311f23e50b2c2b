"""One pass over split images by classifiers that are sums: SLDA, RanDumb, RanPAC, ACIL and FlyModel, as published.

Two classes at a time (CIFAR-100: five, and ten), in batches of 10, raw pixels, no exemplars, no pre-training; the
authors of RanPAC, ACIL and FlyModel put a pre-trained network below. Random features: 2,000, and as many as published
(RanDumb and RanPAC 10,000, ACIL 8,192; FlyModel 3,200 cells). RanPAC's authors choose its ridge by held-out samples of
each task; here it is a setting, whose default nothing has been chosen on. No records yet.
"""

from typing import Any

from pcl.experiment import Arm, Experiment, StreamSpec, Table

STREAMS: dict[str, dict[str, Any]] = {
    "split_mnist": {"source": "mnist"},
    "split_fashion": {"source": "fashion_mnist"},
    "split_cifar10": {"source": "cifar10"},
    "split_cifar100": {"source": "cifar100", "classes_per_task": 10},
    "split_cifar100_20": {"source": "cifar100", "classes_per_task": 5},
}
LEARNERS = ("slda", "randumb", "ranpac", "acil", "fly")

EXPERIMENT = Experiment(
    name="closed_form",
    claim=__doc__,
    streams={name: StreamSpec("split", settings) for name, settings in STREAMS.items()},
    learners={name: {} for name in LEARNERS},
    arms=(
        Arm(streams=("split_mnist", "split_fashion"), seeds=3),
        Arm(streams=("split_cifar10", "split_cifar100", "split_cifar100_20"), seeds=3),
        Arm(("randumb", "ranpac"), settings=("random_features=10000", "block=5000"), seeds=3),
        Arm(("acil",), settings=("random_features=8192", "block=5000"), seeds=3),
    ),
    evaluation={"probe_every": 1000, "probe_size": 1000},
    smoke={"source": "digits", "random_features": 40, "block": 100, "classes_per_task": 2, "probe_every": 50},
    smoke_seeds=1,
    tables=(
        Table(
            "tab_closed_form",
            "Split images in one pass: classifiers that are sums over samples, on pixels and random features.",
            "acc,forgetting,prequential_acc,state_bytes,ms_per_sample",
            latex=True,
        ),
    ),
)
