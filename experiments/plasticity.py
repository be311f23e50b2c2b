"""Loss of plasticity: whether a network learns the last of 200 permutations of MNIST as well as the first.

Small networks (three hidden layers of 100 units, as in the smallest network of Dohare et al. (2024),
doi:10.1038/s41586-024-07711-7) see 2,000 images of each permutation; Dohare et al. show 60,000. Measured are the
prequential accuracy on each permutation, and its slope over permutations. Inference with a fixed step size is shown
beside the default, whose step size follows the largest curvature of the energy.
"""

from typing import Any

from pcl.experiment import Arm, Experiment, Figure

from .permuted_mnist import LEARNERS, stream

SMALL = {"width": 100, "depth": 3}
BACKPROP = LEARNERS["backprop"] | SMALL
METHODS: dict[str, dict[str, Any]] = {
    "l2_init": BACKPROP | {"regeneration": 1e-3},
    "shrink_perturb": BACKPROP | {"shrink": 1e-5, "perturb": 5e-5},
    "continual_backprop": BACKPROP | {"replacement_rate": 1e-4},
    "snr": BACKPROP | {"rejection": 0.02},
    "upgd": BACKPROP | {"optimiser": "sgd", "lr": 0.01, "shrink": 1e-4, "direction_noise": 0.1},
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
