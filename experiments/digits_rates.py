"""Optimiser and learning rate of the networks on digits, chosen on validation samples.

Five shuffled passes; a fifth of the training samples is held out for validation. Adam with a learning rate of 0.003 is
the best for both networks, and their default. The accuracy of Adam at 0.001 lies within its interval. Class-incremental
streams were not used for the choice.
"""

from pcl.experiment import Arm, Experiment, Figure, StreamSpec, Table

EXPERIMENT = Experiment(
    name="digits_rates",
    claim=__doc__,
    streams={"split_digits_iid_5": StreamSpec("split", {"source": "digits", "order": "iid", "passes": 5})},
    learners={"pcn": {}, "backprop": {}},
    arms=(Arm(settings=("optimiser=sgd,adam", "lr=0.001,0.003,0.01,0.03,0.1,0.3"), seeds=5),),
    evaluation={"probe_every": 575, "log_bins": 10, "probe_on": "validation"},
    smoke={"width": 8, "depth": 1, "inference_steps": 3, "passes": 1},
    tables=(
        Table("tab_digits_rates", "Optimisers and learning rates: accuracy on validation samples of digits.", "acc"),
    ),
    figures=(
        Figure(
            "fig_digits_search",
            "A search for optimiser and learning rate by successive halving, on the same validation samples.",
            study="digits_rates",
        ),
    ),
)
