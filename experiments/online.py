"""Online class-incremental learning: common baselines, each with hyper-parameters from the same search.

Split-MNIST and Split-Fashion-MNIST, class-incremental: two classes at a time in an order drawn from the key, each image
once, batches of 10, a single head. Networks have two hidden layers of 100 rectified units (ReLU), and learn by plain
stochastic gradient descent. Outputs are categorical (softmax) under backpropagation and Gaussian under predictive
coding. Replay buffers hold 500 images, 10 of which are replayed with each batch. The learning rate and the
hyper-parameters that a method adds were searched for every network with the same budget: 12 configurations, two seeds,
validation samples of Split-MNIST (studies `online` and `online_pcn`). Split-Fashion-MNIST had no part in the choice.

Two references stand beside them: `er` with a memory of all images (`memory=60000`, cumulative training), and `backprop`
on the same images shuffled (`split_…_iid`, joint training in one pass). No rate was searched for these: they have that
of `er` with 500 images, and that of `backprop` on the stream in order.
"""

from typing import Any

from pcl.evaluation.facts import facts
from pcl.experiment import Arm, Experiment, Figure, StreamSpec, Table

NETWORK: dict[str, Any] = {
    "layer_sizes": "100+100",
    "activation": "relu",
    "output": "categorical",
    "init": "pytorch",
    "optimiser": "sgd",
}
REPLAY = NETWORK | {"memory": 500}
CODING = NETWORK | {"output": "gaussian"}
CODING_REPLAY = REPLAY | CODING
# Numbers are the winners of the studies `online` and `online_pcn`, which a test holds them to.
LEARNERS: dict[str, dict[str, Any]] = {
    "backprop": NETWORK | {"lr": 0.0808},
    "ewc": NETWORK | {"lr": 0.0482, "strength": 15.1},
    "si": NETWORK | {"lr": 0.0398, "strength": 0.431},
    "mas": NETWORK | {"lr": 0.00398, "strength": 0.107},
    "lwf": NETWORK | {"lr": 0.0305, "distilled": 0.897},
    "agem": REPLAY | {"lr": 0.0482},
    "er": REPLAY | {"lr": 0.209},
    "er_ace": REPLAY | {"lr": 0.103},
    "mir": REPLAY | {"lr": 0.0808},
    "der": REPLAY | {"lr": 0.0376, "logit_weight": 0.699},
    "derpp": REPLAY | {"lr": 0.0225, "logit_weight": 1.34, "label_weight": 1.79},
    "cls_er": REPLAY | {"lr": 0.0305, "consistency": 3.95},
    "gdumb": REPLAY | {"lr": 0.103, "retrain_every": 1000, "retrain_passes": 50},
    "ncm": {},
    "slda": {},
    "parallax": {},
}
PREDICTIVE: dict[str, dict[str, Any]] = {
    "pcn": CODING | {"lr": 0.00336},
    "ewc_pcn": CODING | {"lr": 0.00479, "strength": 3.09},
    "er_pcn": CODING_REPLAY | {"lr": 0.0934},
    "er_ace_pcn": CODING_REPLAY | {"lr": 0.0808},
    "derpp_pcn": CODING_REPLAY | {"lr": 0.0225, "logit_weight": 1.34, "label_weight": 1.79},
}
IN_TURN = ("split_mnist", "split_fashion_mnist")
# Whose records the figures show beside those of this experiment.
BESIDE = (
    "split_mnist",
    "split_fashion_mnist",
    "closed_form",
    "split_images",
    "online_cifar",
    "permuted_mnist",
    "thousand",
    "ipmnist",
)

EXPERIMENT = Experiment(
    name="online",
    claim=__doc__,
    streams={
        name + suffix: StreamSpec("split", {"source": name.removeprefix("split_")} | order)
        for name in IN_TURN
        for suffix, order in (("", {}), ("_iid", {"order": "iid"}))
    },
    learners=LEARNERS | PREDICTIVE,
    arms=(
        Arm(tuple(LEARNERS), IN_TURN, seeds=6),
        Arm(tuple(PREDICTIVE), IN_TURN, seeds=6),
        Arm(("er",), IN_TURN, ("memory=60000",), seeds=6),
        Arm(("backprop",), tuple(f"{name}_iid" for name in IN_TURN), seeds=6),
    ),
    evaluation={"probe_every": 300, "probe_size": 500, "log_bins": 60},
    smoke={
        "source": "digits",
        "layer_sizes": "8",
        "memory": 20,
        "batch": 50,
        "probe_every": 10,
        "retrain_every": 10,
        "retrain_passes": 2,
        "inference_steps": 3,
    },
    smoke_seeds=1,
    tables=(
        Table(
            "tab_online",
            "Online class-incremental Split-MNIST and Split-Fashion-MNIST: common baselines, tuned by one search.",
            "acc,aaa,forgetting,learning_acc,min_acc,prequential_acc,state_bytes,flops_per_sample,ms_per_sample,samples_stored,"
            "told_tasks,backpropagation",
            measures=(facts,),
            latex=True,
        ),
    ),
    figures=(
        Figure(
            "fig_costs",
            "All learners: accuracy against the bytes of the state and the FLOPs of a learned sample, one to ten seeds"
            " a point. A learner with several settings has a line through those that no other one equals or beats at"
            " less cost. Settings and batches are those of each experiment. The vertical axis is logarithmic in the"
            " error.",
            beside=BESIDE,
        ),
        Figure(
            "fig_online",
            "All learners: final accuracy against prequential accuracy, one to six seeds a point. A learner with"
            " several settings has a line through those that no other one equals or beats in both. The vertical axis is"
            " logarithmic in the error.",
            beside=BESIDE[:6],
        ),
    ),
)
