"""Concept drift: how well learners track concepts that change abruptly, rotate, move, or change one bit at a time.

The streams are generated. Three have labels: SEA concepts, a rotating hyperplane and moving radial-basis centroids. A
slowly changing regression has real targets, and is scored by the share of variance explained. Learning rates are the
defaults; those of the networks were chosen on digits (`digits_rates`). Findings: docs/findings.md.
"""

from pcl.experiment import Arm, Experiment, StreamSpec, Table

from .weather_rates import NETWORK, PCN

STREAMS = {
    "sea": StreamSpec("drift", {"concept": "sea"}),
    "hyperplane": StreamSpec("drift", {"concept": "hyperplane"}),
    "rbf": StreamSpec("drift", {"concept": "rbf"}),
    "regression": StreamSpec("regression", {"flip_every": 5000, "samples": 50_000}),
}

EXPERIMENT = Experiment(
    name="drift",
    claim=__doc__,
    streams=STREAMS,
    learners={"backprop": NETWORK, "pcn": PCN, "er": NETWORK, "er_pcn": PCN, "rls": {}},
    arms=(
        Arm(settings=("nudge=none,positive",), seeds=5),
        Arm(("parallax",), ("sea", "hyperplane", "rbf"), seeds=5),
    ),
    evaluation={"probe_every": 100, "probe_size": 200},
    smoke={
        "nudge": "positive",
        "width": 8,
        "random_features": 8,
        "depth": 1,
        "inference_steps": 3,
        "samples": 4000,
        "flip_every": 1000,
    },
    tables=(
        Table(
            "tab_drift",
            "Concept drift: prequential scores, mean scores on held-out samples of the present concept, and costs.",
            "prequential_acc,aaa,surprise_error_correlation,flops_per_sample,ms_per_sample",
        ),
    ),
)
