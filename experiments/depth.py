"""Depth: accuracy with 2 to 64 hidden layers, under muPC and the standard parametrisation.

Networks of 32 tanh units per layer, five shuffled passes over digits, 64 inference steps: one for each hidden layer of
the deepest network. `init=mupc` is the parametrisation of Innocenti, Achour and Buckley (2025), arXiv:2505.13124, with
skip connections; `init=lecun` is the standard one, without them. Initial weights of muPC are larger, so the two may
need different learning rates; both are shown at all of them. Accuracies are on validation samples, since no learning
rate was chosen beforehand.
"""

from pcl.experiment import Arm, Experiment, Figure, StreamSpec

EXPERIMENT = Experiment(
    name="depth",
    claim=__doc__,
    streams={"digits": StreamSpec("split", {"source": "digits", "order": "iid", "passes": 5, "batch": 32})},
    learners={"pcn": {"width": 32, "depth": 64, "inference_steps": 64, "inference_lr": 0.3, "step_share": 0.9}},
    arms=(
        Arm(settings=("init=lecun,mupc", "lr=0.003,0.01,0.03"), seeds=3),
        Arm(settings=("depth=2,4,8,16,32", "init=lecun,mupc", "lr=0.003,0.01,0.03"), seeds=3),
    ),
    evaluation={"probe_every": 1000, "log_bins": 10, "probe_on": "validation"},
    smoke={"passes": 1, "batch": 50, "depth": 2, "inference_steps": 3},
    figures=(
        Figure(
            "fig_depth", "Accuracy against depth: muPC beside the standard parametrisation, one line per learning rate."
        ),
    ),
)
