"""Few labels: a learner that asks for the labels it wants against one that is handed as many at random.

Digits in five shuffled passes with 2, 10 and 30 % of the labels. Networks and class means ask where the margin between
their two best labels is smallest, and learn more from fewer labels. `bpc` asks where a label would tell its synapses
most, and loses 5 to 7 points by it: what tells most about the weights does not tell most about the classes.

    python -m experiments.run --experiment=label_requests
    python -m scripts.make_figures --only=tab_label_requests
"""

from pcl.runner.experiment import Evaluation, Experiment, StreamSpec

EXPERIMENT = Experiment(
    name="label_requests",
    streams={
        "split_digits_iid_5": StreamSpec("split", {"source": "digits", "order": "iid", "passes": 5}),
        "mnist_iid": StreamSpec("split", {"source": "mnist", "order": "iid"}),
        "fashion_iid": StreamSpec("split", {"source": "fashion_mnist", "order": "iid"}),
    },
    learners={"backprop": {}, "pcn": {}, "bpc": {}, "ncm": {}},
    seeds=10,
    evaluation=Evaluation(probe_every=100_000, probe_size=500, log_bins=50),
    sweep=("labelling=random,request", "labelled=0.02,0.05,0.1,0.2,0.5"),
    smoke={"source": "digits", "labelled": 0.3, "width": 8, "depth": 1, "inference_steps": 3, "batch": 50, "passes": 1},
)
