"""The wall: a network that learns digits when they are shuffled forgets them when they come in turn.

Predictive coding and backpropagation on one architecture, and nearest class mean, live once through
Split-Digits (5 tasks of 2 classes, order of the classes drawn from the key) and through the same samples
shuffled: once, which is the bound that a single pass could reach, and five times.
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
            "Split-Digits: every learner in turn-by-turn and in shuffled order.",
            "acc,aaa,forgetting,learning_acc,min_acc,prequential_acc,state_bytes,ms_per_step",
            latex=True,
        ),
    ),
    figures=(
        Figure(
            "fig_wall",
            "The wall of catastrophic forgetting: accuracy of each task over the stream, one panel a learner.",
        ),
    ),
)
