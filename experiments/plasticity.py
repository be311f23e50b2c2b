"""Loss of plasticity: whether a network learns the last of 200 permutations of MNIST as well as the first.

Small networks (three hidden layers of 100 units, as in the smallest network of Dohare et al. (2024),
doi:10.1038/s41586-024-07711-7) see 2,000 images of each permutation; Dohare et al. show 60,000. Measured are the
prequential accuracy on each permutation, and its slope over permutations. Inference with a fixed step size is shown
beside the default, whose step size follows the largest curvature of the energy.

Methods against the loss of plasticity stand around the same network and Adam, UPGD on plain stochastic gradient descent
at the learning rate of its authors (0.01). The numbers that a method adds were searched on twenty permutations of
Fashion-MNIST (study `plasticity`: 8 configurations, two seeds each).
"""

from typing import Any

from pcl.experiment import Arm, Experiment, Figure

from .permuted_mnist import LEARNERS, stream

SMALL = {"width": 100, "depth": 3}
BACKPROP = LEARNERS["backprop"] | SMALL
# Numbers are the winners of the study `plasticity`, which a test holds them to.
METHODS: dict[str, dict[str, Any]] = {
    "l2_init": BACKPROP | {"regeneration": 0.00473},
    "shrink_perturb": BACKPROP | {"shrink": 1.63e-06, "perturb": 1.83e-06},
    "continual_backprop": BACKPROP | {"replacement_rate": 0.000123},
    "snr": BACKPROP | {"rejection": 0.0473},
    "upgd": BACKPROP | {"optimiser": "sgd", "lr": 0.01, "shrink": 1.63e-06, "direction_noise": 0.00164},
    "moving_norm": BACKPROP,
}

EXPERIMENT = Experiment(
    name="plasticity",
    claim=__doc__,
    streams={"permuted_mnist_200": stream(200, 2_000)},
    learners={name: LEARNERS[name] | SMALL for name in ("backprop", "pcn", "er")} | METHODS,
    arms=(
        Arm(("backprop", "pcn", "er"), seeds=5),
        Arm(tuple(METHODS), seeds=5),
        Arm(("backprop",), settings=("norm=layer",), seeds=5),
        Arm(("pcn",), settings=("step_limit=nothing", "inference_lr=0.03,0.1"), seeds=5),
        Arm(("parallax",), seeds=5),
    ),
    evaluation={"probe_every": 10**9, "probe_size": 10, "log_bins": 1000, "end_every": 0},
    smoke={
        "source": "digits",
        "contexts": 6,
        "visits": 6,
        "dwell": 100,
        "batch": 10,
        "width": 8,
        "random_features": 8,
        "depth": 1,
        "inference_steps": 3,
    },
    figures=(
        Figure(
            "fig_plasticity",
            "Loss of plasticity: prequential accuracy on each of two hundred permutations, with its slope.",
        ),
    ),
)
