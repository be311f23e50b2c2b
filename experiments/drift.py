"""Concept drift: how well learners track concepts that jump, rotate, wander or change by a bit.

Streams without a source, drawn on the device: labels of SEA concepts, of a rotating hyperplane and of moving
radial-basis centroids; the real targets of a slowly changing regression, scored by the share of variance explained.
Rates are defaults, those of the networks chosen on digits (`digits_rates`). Findings: docs/findings.md.
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
            "Concept drift: prequential scores, mean scores on the present concept, and costs.",
            "prequential_acc,aaa,surprise_error_correlation,flops_per_sample,ms_per_sample",
        ),
    ),
)
