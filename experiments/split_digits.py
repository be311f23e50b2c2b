"""Catastrophic forgetting: a network that learns digits when they are shuffled forgets them when they come in turn.

Predictive coding and backpropagation on one architecture, and nearest class mean, make one pass over Split-Digits
(5 tasks of 2 classes, order of the classes drawn from the key). References are one pass and five passes over the same
samples shuffled.
"""

from pcl.experiment import Arm, Experiment, Figure, StreamSpec, Table

EXPERIMENT = Experiment(
    name="split_digits",
    claim=__doc__,
    streams={
        "split_digits": StreamSpec("split", {"source": "digits"}),
        "split_digits_iid": StreamSpec("split", {"source": "digits", "order": "iid"}),
        "split_digits_iid_5": StreamSpec("split", {"source": "digits", "order": "iid", "passes": 5}),
    },
    learners={"pcn": {}, "backprop": {}, "ncm": {}},
    arms=(
        Arm(),
        Arm(("parallax",)),
    ),
    evaluation={"probe_every": 2},
    smoke={"width": 8, "random_features": 8, "depth": 1, "inference_steps": 3, "batch": 50},
    tables=(
        Table(
            "tab_split_digits",
            "Split-Digits: every learner with tasks in turn and with samples shuffled.",
            "acc,aaa,forgetting,learning_acc,min_acc,prequential_acc,state_bytes,ms_per_step",
            latex=True,
        ),
    ),
    figures=(
        Figure(
            "fig_wall",
            "Catastrophic forgetting: accuracy of each task over the stream, one panel per learner.",
        ),
    ),
)
