"""One error, four preconditioners: the more of the past a synapse keeps, the less the order of classes matters.

The ladder on one code: least mean squares and the same normalised (`nlms`, what backpropagation and predictive
coding do to one linear layer), recursive least squares with a diagonal and with a full covariance (`rls`). Each lives
once through a class-incremental stream, two classes at a time in an order drawn from the key, and through the same
samples shuffled. In full precision both end at the same weights, and 20 orders at one accuracy.

Rates and ridge are to be chosen on shuffled validation samples, `--streams=digits_iid,mnist_iid` with
`--set probe_on=validation`.

    python -m experiments.run --experiment=order_free --data_dir=FOLDER
    python -m scripts.make_figures --only=fig_ladder,tab_ladder
"""

from pcl.runner.experiment import Evaluation, Experiment, StreamSpec

CODE = {"features": "random", "width": 500}

EXPERIMENT = Experiment(
    name="order_free",
    streams={
        "digits": StreamSpec("split", {"source": "digits"}),
        "digits_iid": StreamSpec("split", {"source": "digits", "order": "iid"}),
        "mnist": StreamSpec("split", {"source": "mnist"}),
        "mnist_iid": StreamSpec("split", {"source": "mnist", "order": "iid"}),
    },
    learners={"nlms": CODE, "rls": CODE},
    seeds=20,
    evaluation=Evaluation(probe_every=10_000, log_bins=50),
    sweep=("step=plain,normalised", "precision=diagonal,full"),
    smoke={"source": "digits", "width": 20, "batch": 50},
)
