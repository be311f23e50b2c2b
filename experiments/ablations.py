"""Ablations of parallax: the same streams with one mechanism removed.

The streams are digits with permuted labels, digits with permuted pixels, and Split-Digits, which has one context. On
Split-Digits, a hundred runs without ablation measure how often a second context is opened by mistake. Settings are
those of the experiment `contexts`. Findings: docs/findings.md.
"""

from pcl.evaluation.contexts import contexts_found, rightly_found
from pcl.evaluation.summary import Record
from pcl.experiment import Arm, Experiment, StreamSpec, Table, each

from .contexts import DIGITS


def _contexts(record: Record) -> dict[str, float]:
    return {"specialists": contexts_found(record), "right_number": rightly_found(record)}


CONTEXTS = ("digits_visible", "digits_invisible")
EVERY = "persistence,gating,bound,settling,lag,maturity,synapses,sleep,past,drift,decomposition,replay,retention"

EXPERIMENT = Experiment(
    name="ablations",
    claim=__doc__,
    streams={
        "digits_visible": StreamSpec("contexts", DIGITS | {"transform": "permutation"}),
        "digits_invisible": StreamSpec("contexts", DIGITS | {"transform": "labels"}),
        "split_digits": StreamSpec("split", {"source": "digits"}),
    },
    learners={"parallax": {}},
    arms=(
        Arm(streams=CONTEXTS, seeds=5, first_seed=10),
        Arm(streams=CONTEXTS, settings=(f"without={EVERY}",), seeds=5, first_seed=10),
        Arm(streams=("split_digits",), seeds=100, first_seed=10),
        Arm(streams=("split_digits",), settings=("without=decomposition,replay,retention",), first_seed=10),
    ),
    evaluation={"probe_every": 1000, "probe_size": 100, "log_bins": 720},
    smoke={"width": 8, "random_features": 8, "code": 8, "dwell": 40, "transform": "labels"},
    smoke_seeds=1,
    tables=(
        Table(
            "tab_ablations",
            "Ablations of parallax: prequential and final accuracy, number of contexts found, settling steps.",
            "prequential_acc,acc,specialists,right_number,inference_steps,surprise_error_correlation",
            measures=(each(_contexts),),
        ),
    ),
)
