"""Worlds that move: how well learners follow concepts that jump, rotate, wander or change by a bit.

Streams without a source, drawn on the device: labels of SEA concepts, of a rotating hyperplane and of moving
radial-basis centroids; the real targets of a slowly changing regression. Prequential scores; for real targets they
are the share of variance explained. Rates are the defaults, those of the networks chosen on digits (`digits_rates`):
none was chosen on a stream that moves. Predictive coding with its output clamped to the target, and nudged a tenth of
the way there as on Weather (`weather_rates`). `parallax`, for streams of labels, is ahead of
backpropagation where centroids wander (75.3 to 66.9) and behind it where a hyperplane rotates (76.7 to 85.1) or
thresholds jump (86.7 to 88.4); how soon its latents move was chosen on these streams and Weather (`electricity`).
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
    smoke={"nudge": "positive", "width": 8, "depth": 1, "inference_steps": 3, "samples": 4000, "flip_every": 1000},
    tables=(
        Table(
            "tab_drift",
            "Streams that move: prequential scores, mean scores on the present concept, and what they cost.",
            "prequential_acc,aaa,surprise_error_correlation,flops_per_sample,ms_per_sample",
        ),
    ),
)
