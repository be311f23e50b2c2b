"""Real-time evaluation: accuracy when samples keep arriving while a learner computes.

Digits, shuffled and class-incremental, once with free updates and once with updates that are charged by their FLOPs. A
charged learner that needs c times the FLOPs of backpropagation on the same architecture learns from one sample in c.
The other samples are predicted, but not learned from. Findings: docs/findings.md.
"""

from pcl.experiment import Arm, Experiment, StreamSpec, Table

CHARGES = ("charge=nothing,flops",)

EXPERIMENT = Experiment(
    name="charged",
    claim=__doc__,
    streams={
        "split_digits": StreamSpec("split", {"source": "digits"}),
        "split_digits_iid_5": StreamSpec("split", {"source": "digits", "order": "iid", "passes": 5}),
    },
    learners={"backprop": {}, "pcn": {}, "er": {}, "er_pcn": {}, "ncm": {}},
    arms=(
        Arm(settings=CHARGES),
        Arm(("parallax",), settings=CHARGES),
    ),
    evaluation={"probe_every": 50, "log_bins": 50},
    smoke={"width": 8, "random_features": 8, "depth": 1, "inference_steps": 3, "batch": 50, "passes": 1},
    tables=(
        Table(
            "tab_charged",
            "Real-time evaluation: accuracy with free updates, and with updates charged by their FLOPs.",
            "acc,aaa,prequential_acc,labelled,cost_ratio,flops_per_sample",
        ),
    ),
)
