"""Context inference: parallax beside an oracle that is told the contexts, a single context, replay, and fresh networks.

Contexts recur unannounced, and samples arrive one at a time. After the stream, a copy of each learner continues on 60
more samples of every context. Digits use seeds 10 to 19, other sources seeds 10 to 14, because thresholds of parallax
were tried with seeds below 10 and 20 to 26. Findings, limits and the choice of settings: docs/findings.md.
"""

from collections.abc import Mapping
from typing import Any

from pcl.evaluation.contexts import (
    beside_oracle,
    contexts_found,
    refusals,
    rightly_found,
    samples_on_first_visit,
    samples_to_recover,
    settling,
)
from pcl.evaluation.summary import Record
from pcl.experiment import Arm, Experiment, Figure, StreamSpec, Table, each

DIGITS = {"source": "digits", "contexts": 3, "visits": 9, "dwell": 400, "batch": 1}
MNIST = DIGITS | {"source": "mnist", "dwell": 800}
FASHION = MNIST | {"source": "fashion_mnist"}
CLASSES = {"contexts": 3, "revisits": 12, "revisit_dwell": 60, "batch": 1}  # and so many samples of two classes:
DIGITS_CLASSES = CLASSES | {"source": "digits", "samples_per_task": 100}
MNIST_CLASSES = CLASSES | {"source": "mnist", "samples_per_task": 250}
FASHION_CLASSES = MNIST_CLASSES | {"source": "fashion_mnist"}


def _recurring(settings: Mapping[str, Any], transform: str, contexts: int = 3) -> StreamSpec:
    """Three visits to each context."""
    return StreamSpec("contexts", {**settings, "transform": transform, "contexts": contexts, "visits": 3 * contexts})


def _classes(settings: Mapping[str, Any], transform: str) -> StreamSpec:
    return StreamSpec("class_contexts", {**settings, "transform": transform})


INFERRED = ("parallax", "parallax_told", "parallax_single")  # losses of other learners are not in the same unit


def _found(record: Record) -> dict[str, float]:
    found = {
        "samples_on_first_visit": samples_on_first_visit(record),
        "samples_to_recover": samples_to_recover(record),
        "specialists": contexts_found(record),
        "refused": refusals(record),
    }
    # The others are told, or have one context.
    return found | ({"right_number": rightly_found(record)} if record["learner"] == "parallax" else {})


ALL = ("parallax", "parallax_told", "parallax_single", "er", "fresh")
GRADUAL = ("parallax", "parallax_told", "parallax_single", "er")
TOLD = ("parallax", "parallax_told")
KINDS = ("visible", "rotation", "inversion", "weak", "invisible", "both")
INFERRING_DIGITS = (
    *(f"digits_{kind}" for kind in KINDS),
    *(f"digits_classes_{kind}" for kind in ("visible", "invisible", "both", "weak")),
)
IMAGES = (
    *(f"{source}_{kind}" for source in ("mnist", "fashion") for kind in KINDS),
    *(f"mnist_classes_{kind}" for kind in ("rotation", "invisible", "weak")),
    *(f"fashion_classes_{kind}" for kind in ("visible", "invisible")),
)
MORE = (
    "digits_five_invisible", "digits_five_both", "mnist_five_invisible", "mnist_five_both", "fashion_five_both",
    "fashion_gradual_invisible", "fashion_classes_weak",
)  # fmt: skip
SYNAPSES = ("mnist_invisible", "mnist_weak", "fashion_invisible", "fashion_weak")
TEN = ("digits_ten_visible", "digits_ten_invisible", "digits_ten_both", "mnist_ten_invisible", "mnist_ten_both")

EXPERIMENT = Experiment(
    name="contexts",
    claim=__doc__,
    streams={
        "digits_visible": _recurring(DIGITS, "permutation"),
        "digits_rotation": _recurring(DIGITS, "rotation"),
        "digits_inversion": StreamSpec("contexts", DIGITS | {"transform": "inversion", "contexts": 2}),
        "digits_weak": _recurring(DIGITS, "weak"),
        "digits_invisible": _recurring(DIGITS, "labels"),
        "digits_both": _recurring(DIGITS, "both"),
        "digits_gradual_visible": _recurring(DIGITS | {"fade": 0.5}, "permutation"),
        "digits_gradual_invisible": _recurring(DIGITS | {"fade": 0.5}, "labels"),
        "digits_five_invisible": _recurring(DIGITS, "labels", 5),
        "digits_five_both": _recurring(DIGITS, "both", 5),
        "digits_ten_visible": _recurring(DIGITS, "permutation", 10),
        "digits_ten_invisible": _recurring(DIGITS, "labels", 10),
        "digits_ten_both": _recurring(DIGITS, "both", 10),
        "digits_classes_visible": _classes(DIGITS_CLASSES, "permutation"),
        "digits_classes_invisible": _classes(DIGITS_CLASSES, "labels"),
        "digits_classes_both": _classes(DIGITS_CLASSES, "both"),
        "digits_classes_weak": _classes(DIGITS_CLASSES, "weak"),
        "mnist_visible": _recurring(MNIST, "permutation"),
        "mnist_rotation": _recurring(MNIST, "rotation"),
        "mnist_inversion": StreamSpec("contexts", MNIST | {"transform": "inversion", "contexts": 2}),
        "mnist_weak": _recurring(MNIST, "weak"),
        "mnist_invisible": _recurring(MNIST, "labels"),
        "mnist_both": _recurring(MNIST, "both"),
        "mnist_gradual_visible": _recurring(MNIST | {"fade": 0.5}, "permutation"),
        "mnist_gradual_invisible": _recurring(MNIST | {"fade": 0.5}, "labels"),
        "mnist_five_invisible": _recurring(MNIST, "labels", 5),
        "mnist_five_both": _recurring(MNIST, "both", 5),
        "mnist_ten_invisible": _recurring(MNIST, "labels", 10),
        "mnist_ten_both": _recurring(MNIST, "both", 10),
        "mnist_classes_rotation": _classes(MNIST_CLASSES, "rotation"),
        "mnist_classes_invisible": _classes(MNIST_CLASSES, "labels"),
        "mnist_classes_weak": _classes(MNIST_CLASSES, "weak"),
        "fashion_visible": _recurring(FASHION, "permutation"),
        "fashion_rotation": _recurring(FASHION, "rotation"),
        "fashion_inversion": StreamSpec("contexts", FASHION | {"transform": "inversion", "contexts": 2}),
        "fashion_weak": _recurring(FASHION, "weak"),
        "fashion_invisible": _recurring(FASHION, "labels"),
        "fashion_both": _recurring(FASHION, "both"),
        "fashion_gradual_invisible": _recurring(FASHION | {"fade": 0.5}, "labels"),
        "fashion_five_both": _recurring(FASHION, "both", 5),
        "fashion_classes_visible": _classes(FASHION_CLASSES, "permutation"),
        "fashion_classes_invisible": _classes(FASHION_CLASSES, "labels"),
        "fashion_classes_weak": _classes(FASHION_CLASSES, "weak"),
    },
    learners={"parallax": {}, "parallax_told": {}, "er": {}, "fresh": {}},
    arms=(
        Arm(ALL, INFERRING_DIGITS, first_seed=10),
        Arm(GRADUAL, ("digits_gradual_visible", "digits_gradual_invisible"), first_seed=10),
        Arm(GRADUAL, ("mnist_gradual_visible", "mnist_gradual_invisible"), seeds=5, first_seed=10),
        Arm(ALL, IMAGES, seeds=5, first_seed=10),
        Arm(TOLD, MORE, seeds=5, first_seed=10),
        Arm(TOLD, TEN, ("max_contexts=12",), seeds=5, first_seed=10),
        Arm(("parallax",), ("mnist_weak", "fashion_weak"), ("without=sleep",), seeds=5, first_seed=10),
        Arm(("parallax",), SYNAPSES, ("without=synapses",), seeds=5, first_seed=10),
    ),
    evaluation={"probe_every": 1000, "probe_size": 100, "end_every": 0, "log_bins": 720, "revisit_steps": 60},
    # All streams of a kind shrink to one, which runs once.
    smoke={
        "source": "digits",
        "transform": "labels",
        "contexts": 2,
        "dwell": 40,
        "samples_per_task": 40,
        "visits": 3,
        "revisits": 2,
        "revisit_dwell": 20,
        "revisit_steps": 6,
        "width": 8,
        "random_features": 8,
        "depth": 1,
        "code": 8,
    },
    tables=(
        Table(
            "tab_contexts",
            "Recurring contexts: accuracy beside the oracle's, samples to recover, contexts found, and settling steps.",
            "prequential_acc,revisit_acc,oracle_acc,revisit_share_of_oracle,revisit_acc_behind_first,"
            "oracle_acc_behind_first,samples_on_first_visit,samples_to_recover,specialists,right_number,refused,"
            "mean_k_quiet,mean_k_predicted,spearman_k_surprise,input_surprise",
            measures=(lambda records: beside_oracle(records, "parallax_told"), each(_found), each(settling)),
        ),
    ),
    figures=(
        Figure(
            "fig_contexts",
            "Accuracy, surprise at labels and at inputs, belief and settling steps around a switch of context, mean"
            " over all switches.",
            panels={
                "accuracy at a switch": (),
                "surprise at a switch": INFERRED,
                "input surprise at a switch": INFERRED,
                "belief at a switch": ("parallax",),
                "settling at a switch": INFERRED,
            },
            streams={
                "digits_visible": "digits, pixels permuted",
                "digits_invisible": "digits, labels permuted",
                "mnist_visible": "MNIST, pixels permuted",
                "mnist_invisible": "MNIST, labels permuted",
            },
            learners={
                "parallax": "parallax",
                "parallax_told": "told the context",
                "parallax_single": "one context",
                "er": "replay, backpropagation",
                "fresh": "fresh network each visit",
            },
            size=(2.4, 1.44),
            legend=5,
        ),
        Figure(
            "fig_compute",
            "Cost of inference: settling steps against surprise, and accuracy against operations of inference.",
            beside=("ablations",),
        ),
    ),
)
