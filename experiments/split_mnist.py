"""Experience replay against forgetting: Split-MNIST in a single pass, with a replay buffer of 200 or 1,000 images.

Class-incremental: 5 tasks of 2 classes in an order drawn from the key, each of 60,000 images once, batches of 10. The
reference is the same images shuffled. Experience replay is combined with backpropagation (`er`) and with predictive
coding (`er_pcn`). For comparison: nearest class mean, `parallax` on 64 random projections of the image, and both
networks without replay. Learning rates are those of `mnist_rates`.
"""

from pcl.evaluation.facts import facts
from pcl.experiment import Arm, Experiment, StreamSpec, Table

NETWORK = {"width": 256, "lr": 0.0003}


TABLE = Table(
    "tab_split_mnist",
    "Split-MNIST and Split-Fashion-MNIST: backpropagation and predictive coding with replay, beside learners without.",
    "acc,aaa,forgetting,learning_acc,min_acc,stability_gap,prequential_acc,state_bytes,flops_per_sample,ms_per_step,"
    "samples_stored,told_tasks,backpropagation",
    measures=(facts,),
    beside=("split_fashion_mnist",),
    latex=True,
)


def on(source: str, claim: str, *tables: Table) -> Experiment:
    """The experiment on the images of `source`, which has ten classes."""
    name = f"split_{source}"
    return Experiment(
        name=name,
        claim=claim,
        streams={
            name: StreamSpec("split", {"source": source}),
            f"{name}_iid": StreamSpec("split", {"source": source, "order": "iid"}),
        },
        learners={"backprop": NETWORK, "pcn": NETWORK, "er": NETWORK, "er_pcn": NETWORK, "ncm": {}},
        arms=(
            Arm(settings=("memory=200,1000",), seeds=5),
            Arm(("parallax",), seeds=5),
        ),
        evaluation={"probe_every": 100, "probe_size": 500},
        smoke={
            "source": "digits",
            "width": 8,
            "random_features": 8,
            "depth": 1,
            "inference_steps": 3,
            "batch": 50,
            "probe_every": 10,
        },
        tables=tables,
    )


EXPERIMENT = on("mnist", __doc__, TABLE)
