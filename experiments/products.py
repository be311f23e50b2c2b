"""Reduced precision: networks learn as well with matrix products of bfloat16 (8 bits) or TF32 (11 bits) as of float32.

Streams: class-incremental digits, shuffled digits, and sequences under linear dynamics. Learners on a code keep sums
over the whole run in float32; only the products of the code are rounded.
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
            "Matrix products with rounded factors: accuracy (for `dynamics`: share of variance explained), and its loss"
            " relative to float32 with the same seeds.",
            "acc,rounding_loss,prequential_acc,online_rounding_loss",
            measures=(rounding_losses,),
        ),
    ),
)
