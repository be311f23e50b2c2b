"""Learning rates of the networks on MNIST and Fashion-MNIST, chosen on validation samples.

One shuffled pass by MLPs with two hidden layers of 256 units; a fifth of the training samples is held out for
validation. The best learning rates are used on the split streams of the same images, which were not used for the
choice.
"""

from pcl.experiment import Arm, Experiment, Figure, StreamSpec, Table

EXPERIMENT = Experiment(
    name="mnist_rates",
    claim=__doc__,
    streams={
        name: StreamSpec("split", {"source": name.removesuffix("_iid"), "order": "iid"})
        for name in ("mnist_iid", "fashion_mnist_iid")
    },
    learners={"pcn": {"width": 256}, "backprop": {"width": 256}},
    arms=(Arm(settings=("lr=0.0001,0.0003,0.001,0.003",), seeds=2),),
    evaluation={"probe_every": 10_000, "log_bins": 10, "probe_on": "validation"},
    smoke={"source": "digits", "width": 8, "depth": 1, "inference_steps": 3, "batch": 50},
    tables=(
        Table("tab_mnist_rates", "Learning rates: accuracy on validation samples of MNIST and Fashion-MNIST.", "acc"),
    ),
    figures=(
        Figure(
            "fig_mnist_search",
            "A search for learning rates on MNIST by successive halving, on the same validation samples.",
            study="mnist_rates",
        ),
    ),
)
