"""A thousand classes, one at a time: how much networks forget of the first ones.

Omniglot, 15 images per class, each shown once: the first 600 classes, and all 1,623, in an order drawn from the key.
All held-out images, five per class, are probed after every 50th class. Learning rate and output of the networks were
chosen for `er` on validation images of the 600 classes (learning rates of 0.0003 to 0.01, Gaussian and categorical
outputs). ER-ACE and DER++, on the 600 classes alone, have that rate, and DER++ the weights of `online`.
"""

from typing import Any

from pcl.evaluation.classes import tenths
from pcl.experiment import Arm, Experiment, Figure, StreamSpec, Table, each

from .online import LEARNERS as ONLINE

NETWORK: dict[str, Any] = {"width": 256, "output": "categorical", "lr": 0.001}
REPLAY = NETWORK | {"memory": 1000}
ONE_BY_ONE = {"source": "omniglot", "classes_per_task": 1, "batch": 5}

EXPERIMENT = Experiment(
    name="omniglot",
    claim=__doc__,
    streams={
        "omniglot_600": StreamSpec("split", ONE_BY_ONE | {"classes": 600}),
        "omniglot_1623": StreamSpec("split", ONE_BY_ONE),
    },
    learners={
        "ncm": {},
        "backprop": NETWORK,
        "er": REPLAY,
        "pcn": NETWORK,
        "er_ace": REPLAY,
        "derpp": REPLAY | {name: ONLINE["derpp"][name] for name in ("logit_weight", "label_weight")},
    },
    arms=(
        Arm(("ncm", "backprop", "er", "pcn"), seeds=5),
        Arm(("er_ace", "derpp"), ("omniglot_600",), seeds=5),
        Arm(("parallax",), seeds=5),
    ),
    evaluation={"probe_every": 10**9, "end_every": 50},
    # Both streams shrink to the same ten classes, which run once.
    smoke={
        "source": "digits",
        "classes": 0,
        "batch": 50,
        "end_every": 2,
        "width": 8,
        "random_features": 8,
        "depth": 1,
        "inference_steps": 3,
    },
    tables=(
        Table(
            "tab_omniglot",
            "Omniglot one class at a time: accuracy on all classes at the end, and on those that came first and last.",
            "acc,first_tenth_acc,last_tenth_acc,aaa,half_life,prequential_acc,state_bytes,ms_per_step",
            measures=(each(tenths),),
        ),
    ),
    figures=(
        Figure(
            "fig_retention",
            "Retention by age: accuracy on a class against the number of classes taught since.",
            panels={"retention": ()},
            streams={"omniglot_600": "omniglot, 600 classes", "omniglot_1623": "omniglot, 1623 classes"},
        ),
    ),
)
