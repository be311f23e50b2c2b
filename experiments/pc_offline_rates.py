"""Learning rates and weight decay of `pc_offline`, chosen on validation samples.

The same passes over four fifths of the training samples; the last fifth is held out for validation. Categorical
outputs, Gauss-Newton inference and the incremental rule (`ipc`, whose weights take eight steps per batch) were tried on
MNIST alone.
"""

from pcl.experiment import Arm, Experiment, Table

from .pc_offline import SMOKE, STREAMS, learners

MNIST = ("mnist",)
GAUSS_NEWTON = ("inference=gauss_newton", "inference_steps=2")

EXPERIMENT = Experiment(
    name="pc_offline_rates",
    claim=__doc__,
    streams=STREAMS,
    learners=learners(48_000),
    arms=(
        Arm(settings=("lr=0.0005,0.001,0.002", "nudge=none,positive"), seeds=1),
        Arm(("pcn",), settings=("nudge=negative,centred", "lr=0.0005,0.001"), seeds=1),
        Arm(("pcn",), MNIST, ("nudge=negative", "lr=0.002"), seeds=2),
        Arm((), MNIST, ("output=categorical", "nudge=none,positive", "lr=0.0005,0.001"), seeds=1),
        Arm(("pcn",), MNIST, ("nudge=positive", "lr=0.0005,0.001", "weight_decay=0.3,1.0"), seeds=2),
        Arm(("pcn",), MNIST, ("nudge=positive", "lr=0.001", "weight_decay=3.0"), seeds=2),
        Arm(("pcn",), ("fashion_mnist",), ("nudge=positive", "lr=0.0005,0.001", "weight_decay=1.0"), seeds=2),
        Arm(("backprop",), MNIST, ("lr=0.001", "weight_decay=1.0"), seeds=2),
        Arm(("pcn",), MNIST, ("nudge=positive,negative", "lr=0.0005,0.001", *GAUSS_NEWTON), seeds=2),
        Arm(("pcn",), MNIST, ("nudge=none", "lr=0.0001,0.0003", "inference=ipc", "anneal_steps=60000"), seeds=2),
    ),
    evaluation={"probe_every": 100_000, "log_bins": 20, "probe_on": "validation"},
    smoke=SMOKE,
    tables=(
        Table(
            "tab_pc_offline_rates",
            "Learning rates of MLPs of 3 x 128: accuracy on validation samples of MNIST and Fashion-MNIST.",
            "acc",
        ),
    ),
)
