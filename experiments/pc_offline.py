"""Offline, predictive coding learns what backpropagation learns: MLPs of 3 x 128 on MNIST and Fashion-MNIST.

Twenty shuffled passes in batches of 128, all training samples, accuracy on the test samples after the last one (not
the best pass). Weights learn by AdamW, its rate falling to zero along a cosine; both learners share everything but
the rule. Rates were chosen by `pc_offline_rates` on validation samples. To be read beside table 1 of Pinchetti et
al. (2025), arXiv:2407.01163, whose variants these are:

    python -m experiments.run --experiment=pc_offline --data_dir=FOLDER
    python -m experiments.run --experiment=pc_offline --data_dir=FOLDER --learners=pcn \
        --set nudge=positive,negative,centred
    python -m experiments.run --experiment=pc_offline --data_dir=FOLDER --set output=categorical
    python -m experiments.run --experiment=pc_offline --data_dir=FOLDER --learners=pcn --set inference=ipc \
        --set anneal_steps=46900 --set lr=0.0004
    python -m scripts.make_figures --only=tab_pc_offline
"""

from pcl.runner.experiment import Evaluation, Experiment, StreamSpec

PASSES, BATCH = 20, 128
SMOKE = {"source": "digits", "width": 8, "depth": 1, "inference_steps": 3, "batch": 50, "passes": 1, "anneal_steps": 30}


def network(samples: int) -> dict[str, object]:
    """Settings of the network that lives through `samples` samples in each pass."""
    return {
        "depth": 3,
        "activation": "gelu",
        "optimiser": "adamw",
        "lr": 0.002,
        "weight_decay": 0.1,
        "anneal_steps": PASSES * samples // BATCH,
    }


def learners(samples: int) -> dict[str, dict[str, object]]:
    """Predictive coding and backpropagation on the same network."""
    return {"pcn": network(samples) | {"inference_steps": 5, "inference_lr": 0.3}, "backprop": network(samples)}


STREAMS = {
    name: StreamSpec("split", {"source": name, "order": "iid", "passes": PASSES, "batch": BATCH})
    for name in ("mnist", "fashion_mnist")
}

EXPERIMENT = Experiment(
    name="pc_offline",
    streams=STREAMS,
    learners=learners(60_000),
    seeds=5,
    evaluation=Evaluation(probe_every=100_000, log_bins=20),
    smoke=SMOKE,
)
