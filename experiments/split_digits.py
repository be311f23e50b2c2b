"""The wall: a network that learns digits when they are shuffled forgets them when they come in turn.

Predictive coding and backpropagation on one architecture, and nearest class mean, live once through
Split-Digits (5 tasks of 2 classes, order of the classes drawn from the key) and through the same samples
shuffled: once, which is the bound that a single pass could reach, and five times.

    python -m experiments.run --experiment=split_digits
    python -m scripts.make_figures --only=fig_wall,tab_split_digits
"""

from pcl.runner.experiment import Evaluation, Experiment, StreamSpec

EXPERIMENT = Experiment(
    name="split_digits",
    streams={
        "split_digits": StreamSpec("split", {"source": "digits"}),
        "split_digits_iid": StreamSpec("split", {"source": "digits", "order": "iid"}),
        "split_digits_iid_5": StreamSpec("split", {"source": "digits", "order": "iid", "passes": 5}),
    },
    learners={"pcn": {}, "backprop": {}, "ncm": {}},
    seeds=10,
    evaluation=Evaluation(probe_every=2),
    smoke={"width": 8, "depth": 1, "inference_steps": 3, "batch": 50},
)
