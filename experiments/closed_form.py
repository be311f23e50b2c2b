"""Closed-form classifiers on split images, in one pass: SLDA, RanDumb, RanPAC, ACIL and FlyModel, as published.

Two classes at a time (CIFAR-100: ten), in batches of 10, on raw pixels, without exemplars and without pre-training.
The authors of RanPAC, ACIL and FlyModel use the features of a pre-trained network. Random features: 2,000, and 5,000
for RanPAC. Published are 25,000 (RanDumb), 10,000 (RanPAC) and 8,192 (ACIL);
`--set random_features=10000 --set block=5000` runs 10,000. The authors of RanPAC choose its ridge on held-out samples
of each task. Here the ridge is a setting, and its default was not tuned.
"""

from typing import Any

from pcl.evaluation.facts import facts
from pcl.experiment import Arm, Experiment, Published, StreamSpec, Table

STREAMS: dict[str, dict[str, Any]] = {
    "split_mnist": {"source": "mnist"},
    "split_fashion": {"source": "fashion_mnist"},
    "split_cifar10": {"source": "cifar10"},
    "split_cifar100": {"source": "cifar100", "classes_per_task": 10},
}
LOOP = "closed forms in NumPy on the same pixels, one seed"
RANDUMB = "Prabhu et al. (2024), arXiv:2402.08823"
FEWER = "theirs: 25,000 random features; ours: 2,000"
FLY = "TrentBrick/SDMContinualLearner, best setting, one seed"
LEARNERS = ("slda", "randumb", "ranpac", "acil", "fly")

EXPERIMENT = Experiment(
    name="closed_form",
    claim=__doc__,
    streams={name: StreamSpec("split", settings) for name, settings in STREAMS.items()},
    learners={name: {} for name in LEARNERS},
    arms=(
        Arm(streams=("split_mnist", "split_fashion"), seeds=6),
        Arm(("ranpac",), ("split_mnist",), ("random_features=5000", "block=5000"), seeds=6),
        Arm(("fly",), ("split_mnist",), ("random_features=1000",), seeds=6),
        Arm(("randumb",), ("split_cifar10", "split_cifar100"), seeds=4),
    ),
    published=(
        Published("slda", "split_mnist", 87.7, LOOP),
        Published("ranpac", "split_mnist", 95.8, LOOP),
        Published("ranpac", "split_mnist", 97.2, LOOP, variant="block=5000 random_features=5000"),
        Published("randumb", "split_mnist", 98.3, RANDUMB, differs=FEWER),
        Published("randumb", "split_cifar10", 55.6, RANDUMB, differs=FEWER),
        Published("randumb", "split_cifar100", 28.6, RANDUMB, differs=FEWER),
        Published("fly", "split_mnist", 77.0, FLY, variant="random_features=1000"),
    ),
    evaluation={"probe_every": 1000, "probe_size": 1000},
    smoke={"source": "digits", "random_features": 40, "block": 100, "classes_per_task": 2, "probe_every": 50},
    smoke_seeds=1,
    tables=(
        Table(
            "tab_closed_form",
            "Split images in one pass: closed-form classifiers on pixels and on random features.",
            "acc,forgetting,prequential_acc,state_bytes,flops_per_sample,ms_per_sample,samples_stored,told_tasks,"
            "backpropagation",
            measures=(facts,),
            latex=True,
        ),
    ),
)
