"""Active learning: labels that a learner requests, compared with equally many random labels.

Digits in five shuffled passes, MNIST in one, with 2 to 30 % of the labels. Networks and class means ask where the
margin between their two likeliest labels is smallest, `parallax` where the entropy of its predicted label is largest,
`bpc` where the information gain about its weights is largest. Findings: docs/findings.md.
"""

from pcl.experiment import Arm, Experiment, Figure, StreamSpec, Table

DIGITS, MNIST = ("split_digits_iid_5",), ("mnist_iid",)
SELDOM = ("probe_every=100000", "probe_size=500")  # probed

EXPERIMENT = Experiment(
    name="label_requests",
    claim=__doc__,
    streams={
        "split_digits_iid_5": StreamSpec("split", {"source": "digits", "order": "iid", "passes": 5}),
        "mnist_iid": StreamSpec("split", {"source": "mnist", "order": "iid"}),
    },
    learners={"backprop": {}, "pcn": {}, "bpc": {}, "ncm": {}},
    arms=(
        Arm(streams=DIGITS, settings=("labelling=random,request", "labelled=0.02,0.1,0.3")),
        Arm(("parallax",), DIGITS, ("labelling=random", "labelled=0.02,0.05,0.1,0.2", *SELDOM), seeds=5),
        Arm(("parallax",), DIGITS, ("labelling=request", "labelled=0.02,0.05,0.1", *SELDOM), seeds=5),
        Arm(("parallax",), MNIST, ("labelling=random", "labelled=0.1,0.2", *SELDOM), seeds=3),
        Arm(("parallax",), MNIST, ("labelling=request", "labelled=0.05,0.1", *SELDOM), seeds=3),
    ),
    evaluation={"probe_every": 50, "log_bins": 50},
    smoke={
        "source": "digits",
        "labelled": 0.3,
        "width": 8,
        "random_features": 8,
        "depth": 1,
        "inference_steps": 3,
        "batch": 50,
        "passes": 1,
    },
    tables=(
        Table(
            "tab_label_requests",
            "Active learning: accuracy by the share of labels, random or requested.",
            "acc,prequential_acc,labelled",
        ),
    ),
    figures=(
        Figure(
            "fig_active",
            "Active learning: accuracy by the share of labels, requested or random, and the labels that requests save."
            " A triangle is a lower bound: no measured share of random labels was as good.",
        ),
    ),
)
