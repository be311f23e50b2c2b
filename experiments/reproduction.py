"""Published numbers, run again: each learner in the protocol of a paper or of the library that reports it.

Split-MNIST, class-incremental, classes in their order, each image once; networks, rates and memories as the source says
(`published` in `tab_reproduction`), nothing chosen here. Permuted MNIST: 20 permutations of 60,000 images each. Rows of
the closed forms and of input-permuted MNIST are from `closed_form` and `ipmnist`.
"""

from typing import Any

from pcl.experiment import Arm, Experiment, StreamSpec

MLP = {"activation": "relu", "output": "categorical", "init": "pytorch", "optimiser": "sgd"}
SMALL = MLP | {"layer_sizes": "100+100"}  # of the authors of DER, aimagelab/mammoth
LARGE = MLP | {"layer_sizes": "400+400"}

SPLIT = {"source": "mnist", "order": "natural"}
PERMUTED = {"source": "mnist", "transform": "permutation", "contexts": 20, "visits": 20, "dwell": 60_000, "batch": 128}

# Rates of the authors: utils/best_args.py of aimagelab/mammoth, and of NeurAI-Lab/CLS-ER for its own. Their penalties
# have no factor 1/2, so that a strength is twice theirs.
EXPERIMENT = Experiment(
    name="reproduction",
    claim=__doc__,
    streams={
        "split_mnist": StreamSpec("split", SPLIT),
        "split_mnist_5000": StreamSpec("split", SPLIT | {"train_samples": 5000, "order": "random"}),
        "permuted_mnist_60000": StreamSpec("contexts", PERMUTED),
    },
    learners={
        "backprop": SMALL | {"lr": 0.03},
        "ewc": SMALL | {"lr": 0.03, "strength": 180},
        "si": SMALL | {"lr": 0.1, "strength": 2.0, "damping": 0.9},
        "lwf": SMALL | {"lr": 0.03},
        "er": SMALL,
        "agem": SMALL | {"lr": 0.1},
        "mir": MLP | {"layer_sizes": "400", "lr": 0.05, "memory": 500},
        "der": SMALL | {"lr": 0.03},
        "derpp": SMALL | {"lr": 0.03},
        "cls_er": SMALL | {"consistency": 2.0, "plastic_rate": 0.01, "stable_rate": 0.009},
        "gdumb": LARGE | {"lr": 0.1, "retrain_every": 3000, "retrain_passes": 100, "retrain_batch": 16},
    },
    arms=(
        Arm(("backprop", "ewc", "si", "lwf"), ("split_mnist",), seeds=5),
        Arm(("er",), ("split_mnist",), ("memory=200", "lr=0.01"), seeds=5),
        Arm(("er",), ("split_mnist",), ("memory=500", "lr=0.1"), seeds=5),
        Arm(("er",), ("split_mnist",), ("memory=200", "lr=0.05", "layer_sizes=400+400"), seeds=5),
        Arm(("er",), ("split_mnist",), ("memory=1000", "lr=0.1", "layer_sizes=512", "keeps=balanced"), seeds=5),
        Arm(("der", "derpp"), ("split_mnist",), seeds=5),
        Arm(("cls_er",), ("split_mnist",), seeds=5),
        Arm(("agem",), ("split_mnist",), seeds=5),
        Arm(("gdumb",), ("split_mnist",), ("memory=500",), seeds=5),
        Arm(("mir",), ("split_mnist_5000",), seeds=5),
    ),
    evaluation={"probe_every": 2000, "probe_size": 1000, "log_bins": 50},
    smoke={"source": "digits", "layer_sizes": "8", "memory": 20, "dwell": 100, "contexts": 3, "visits": 3, "batch": 10},
    smoke_seeds=1,
)
