"""Worlds that move: how well learners follow concepts that jump, rotate, wander or change by a bit.

Streams without a source, drawn on the device: labels of SEA concepts, of a rotating hyperplane and of moving
radial-basis centroids; the real targets of a slowly changing regression. Prequential scores; for real targets they
are the share of variance explained. Rates are the defaults, those of the networks chosen on digits (`digits_rates`):
none was chosen on a stream that moves.

    python -m experiments.run --experiment=drift
    python -m scripts.make_figures --only=tab_drift
"""

from pcl.runner.experiment import Evaluation, Experiment, StreamSpec

NETWORK = {"width": 32}
STREAMS = {
    "sea": StreamSpec("drift", {"concept": "sea"}),
    "hyperplane": StreamSpec("drift", {"concept": "hyperplane"}),
    "rbf": StreamSpec("drift", {"concept": "rbf"}),
    "regression": StreamSpec("regression", {"flip_every": 5000, "samples": 50_000}),
}

EXPERIMENT = Experiment(
    name="drift",
    streams=STREAMS,
    learners={"backprop": NETWORK, "pcn": NETWORK, "er": NETWORK, "er_pcn": NETWORK, "rls": {}},
    seeds=5,
    evaluation=Evaluation(probe_every=100, probe_size=200),
    smoke={"width": 8, "depth": 1, "inference_steps": 3, "samples": 4000, "flip_every": 1000},
)
