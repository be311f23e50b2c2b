"""Recurring contexts: how much networks forget of earlier contexts, and how fast they relearn them.

Three contexts of digits in nine visits of 400 samples, unannounced. `contexts_visible` permutes the pixels, so
that inputs depend on the context; `contexts_invisible` permutes the labels, so that only errors reveal it.
After the stream, a copy of each learner continues on ten more batches of every context.
"""

from pcl.experiment import Arm, Experiment, Figure, StreamSpec, Table

RECURRING = {"source": "digits", "contexts": 3, "visits": 9, "dwell": 400}

EXPERIMENT = Experiment(
    name="recurring_contexts",
    claim=__doc__,
    streams={
        "contexts_visible": StreamSpec("contexts", RECURRING | {"transform": "permutation"}),
        "contexts_invisible": StreamSpec("contexts", RECURRING | {"transform": "labels"}),
    },
    learners={"backprop": {}, "pcn": {}, "er": {}, "er_pcn": {}, "ncm": {}},
    arms=(
        Arm(),
        Arm(("parallax",)),
    ),
    evaluation={"probe_every": 40, "log_bins": 360, "revisit_steps": 10},
    smoke={
        "width": 8,
        "random_features": 8,
        "depth": 1,
        "inference_steps": 3,
        "batch": 50,
        "dwell": 100,
        "revisit_steps": 3,
    },
    tables=(
        Table(
            "tab_recurring_contexts",
            "Recurring contexts: prequential accuracy, accuracy on held-out samples of all contexts, and accuracy when"
            " a context returns.",
            "prequential_acc,acc,revisit_acc,revisit_first_acc,state_bytes,ms_per_step",
        ),
    ),
    figures=(
        Figure(
            "fig_recurring_contexts",
            "Accuracy over recurring contexts: one panel per stream, one line per learner. Grey lines are switches of"
            " context.",
            panels={"accuracy": ()},
            streams={"contexts_visible": "permuted pixels", "contexts_invisible": "permuted labels"},
            size=(7.2, 1.9),
            legend=3,
            across=False,
        ),
    ),
)
