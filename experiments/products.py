"""Rounded products: networks learn as well with factors of 8 bits (bfloat16) or 11 (TF32) as with those of float32.

Digits in turn, the same shuffled, and sequences under linear dynamics. Learners on a code keep sums over the whole run
in float32; only the products of the code are rounded.
"""

from pcl.evaluation.rounding import rounding_losses
from pcl.experiment import Arm, Experiment, StreamSpec, Table

EXPERIMENT = Experiment(
    name="products",
    claim=__doc__,
    streams={
        "split_digits": StreamSpec("split", {"source": "digits"}),
        "split_digits_iid": StreamSpec("split", {"source": "digits", "order": "iid"}),
        "dynamics": StreamSpec("sequence", {"batch": 4}),
    },
    learners={
        "pcn": {},
        "backprop": {},
        "er": {},
        "tpc": {},
        "rls": {"features": "random", "random_features": 300},
        "parallax": {},
    },
    arms=(
        Arm(
            ("pcn", "backprop", "er", "rls"),
            settings=("products=float32,tensorfloat32,bfloat16",),
            seeds=5,
        ),
        Arm(("tpc",), ("dynamics",), ("products=float32,tensorfloat32,bfloat16",), seeds=5),
        Arm(("parallax",), ("split_digits",), ("products=float32,tensorfloat32,bfloat16",), seeds=5),
    ),
    evaluation={"probe_every": 50},
    smoke={
        "products": "bfloat16",
        "width": 8,
        "random_features": 8,
        "depth": 1,
        "inference_steps": 3,
        "batch": 50,
        "visit_steps": 50,
    },
    tables=(
        Table(
            "tab_precision",
            "Products with rounded factors: accuracy (of `dynamics`: share of variance explained), and its loss against"
            " products of float32 under the same seeds.",
            "acc,rounding_loss,prequential_acc,online_rounding_loss",
            measures=(rounding_losses,),
        ),
    ),
)
