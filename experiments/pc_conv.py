"""Convolutions: VGG-5 on CIFAR-10, variants of predictive coding beside backpropagation.

Fifty shuffled passes in batches of 128, without augmentation; accuracy on the test samples after the last pass. For
comparison: table 1 of Pinchetti et al. (2025), arXiv:2407.01163. The full size needs an accelerator. There are no
records yet, and learning rates were not tuned.
"""

from pcl.experiment import Experiment, StreamSpec, Table

PASSES, BATCH = 50, 128
NETWORK = {
    "architecture": "vgg5",
    "width": 128,
    "activation": "gelu",
    "init": "he",
    "optimiser": "adamw",
    "lr": 0.001,
    "weight_decay": 0.1,
    "anneal_steps": PASSES * 50_000 // BATCH,
}

EXPERIMENT = Experiment(
    name="pc_conv",
    claim=__doc__,
    streams={"cifar10": StreamSpec("split", {"source": "cifar10", "order": "iid", "passes": PASSES, "batch": BATCH})},
    learners={"pcn": NETWORK | {"inference_steps": 12, "inference_lr": 0.1, "step_share": 0.9}, "backprop": NETWORK},
    arms=(),
    evaluation={"probe_every": 100_000, "log_bins": 50},
    smoke={
        "source": "digits",
        "width": 2,
        "inference_steps": 3,
        "batch": 50,
        "passes": 1,
        "anneal_steps": 30,
    },
    smoke_seeds=1,
    tables=(
        Table(
            "tab_pc_conv",
            "VGG-5 on CIFAR-10: variants of predictive coding beside backpropagation.",
            "acc,inference_steps,flops_per_sample,ms_per_sample",
            latex=True,
        ),
    ),
)
