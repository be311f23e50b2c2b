"""Input-permuted MNIST: a million images, one at a time, 5,000 of each of 200 permutations of the pixels.

The protocol of Elsayed and Mahmood (2024), arXiv:2404.00781: ReLU networks with hidden layers of 300 and 150 units,
weights initialised as by PyTorch, biases at zero. The pixels of the first task are permuted, too. The score is the
prequential accuracy over the whole stream (`prequential_acc`). `backprop` (Adam without a mean of gradients and without
weight decay) and `upgd` have the authors' settings. `continual_backprop` has those of its authors on permuted MNIST,
with the same Adam. The learning rates of `moving_norm` and `l2_init` were chosen on 20 permutations of Fashion-MNIST
(study `ipmnist`). `parallax` has its defaults. Published: Adam 71.9, UPGD 77.9, Adam with continual backprop 80.1, SGD
with moving input normalisation 84.0, L2-init with it 86.5, best known 87.1.
"""

from pcl.evaluation.facts import facts
from pcl.experiment import Arm, Experiment, Published, StreamSpec, Table

NETWORK = {"layer_sizes": "300+150", "activation": "relu", "output": "categorical", "init": "pytorch"}
# Rates, decays and noise: core/experiments of mohmdelsayed/upgd (`statistics_input_permuted_mnist.py`), in which the
# learning rate multiplies decay and noise; continual backprop as on permuted MNIST, shibhansh/loss-of-plasticity.
SGD = NETWORK | {"optimiser": "sgd", "lr": 0.001}
ADAM = NETWORK | {"optimiser": "adam", "lr": 1e-4, "beta1": 0.0, "beta2": 0.99}
SOURCE = "ASI, a fork of lalalune/alberta: a rerun of the protocol of arXiv:2404.00781"

EXPERIMENT = Experiment(
    name="ipmnist",
    claim=__doc__,
    streams={"ipmnist": StreamSpec("input_permuted", {"source": "mnist"})},
    learners={
        "backprop": ADAM,
        "upgd": NETWORK | {"optimiser": "sgd", "lr": 0.01},
        "continual_backprop": ADAM,
        "l2_init": SGD | {"lr": 0.00375, "regeneration": 0.00473},  # winners of the study `ipmnist`
        "shrink_perturb": SGD,
        "snr": ADAM,
        "moving_norm": SGD | {"lr": 0.00352},
    },
    arms=(
        Arm(("parallax",), seeds=10),
        Arm(("moving_norm",), seeds=4),
        Arm(("l2_init",), settings=("input_norm=moving",), seeds=4),
        Arm(("backprop", "upgd", "continual_backprop"), seeds=6),
    ),
    published=tuple(
        Published(learner, "ipmnist", value, SOURCE, variant=variant, metric="prequential_acc", within=1.0)
        for learner, variant, value in (
            ("backprop", "", 71.9),
            ("upgd", "", 77.9),
            ("continual_backprop", "", 80.1),
            ("moving_norm", "", 84.0),
            ("l2_init", "input_norm=moving", 86.5),
        )
    ),
    evaluation={"log_bins": 1000},
    smoke={
        "source": "digits",
        "contexts": 4,
        "dwell": 60,
        "batch": 4,
        "layer_sizes": "8+6",
        "window": 50,
        "maturity": 5.0,
        "replacement_rate": 0.02,
    },
    smoke_seeds=1,
    tables=(
        Table(
            "tab_ipmnist",
            "Input-permuted MNIST in its published protocol: prequential accuracy over the whole stream.",
            "prequential_acc,state_bytes,flops_per_sample,ms_per_sample,samples_stored,told_tasks,backpropagation",
            measures=(facts,),
            latex=True,
        ),
    ),
)
