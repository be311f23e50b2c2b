"""One pass over Split-CIFAR-10 and Split-CIFAR-100 by convolutional networks: backpropagation with and without replay.

The protocol of online class-incremental learning: each image once, in batches of 10; 5 tasks of CIFAR-10 and 20 tasks
of CIFAR-100. The small network has three convolutions of 32, 64 and 128 channels with group normalisation; the other is
a slim ResNet-18 (20 channels). Networks learn by stochastic gradient descent. With each batch, 10 images are replayed,
randomly flipped and cropped, from a memory of 1,000 images of CIFAR-10, or 5,000 of CIFAR-100. On the streams
`…_ascending` classes come in ascending order, the memory balances classes, and each batch makes three updates, each
with its own images from the memory. On the others the order is drawn from the key, the memory is a reservoir, and a
batch makes one update. Learning rates were searched for replay with the small network on 10,000 images and validation
samples of CIFAR-10: for one update (study `online_cifar`) and for three (study `online_cifar_updates`), 6
configurations and two seeds each. For the ResNet no rate was searched.
"""

from typing import Any

from pcl.evaluation.facts import facts
from pcl.experiment import Arm, Experiment, Published, StreamSpec, Table

SMALL: dict[str, Any] = {"architecture": "convnet", "width": 32, "output": "categorical", "optimiser": "sgd"}
REPLAY = SMALL | {"replay_augment": "flip_crop"}
UPDATES = ("keeps=balanced", "updates=3", "lr=0.0888")  # the winner of the study `online_cifar_updates`
SLIM = ("architecture=resnet18", "width=20")
STREAMS = {"split_cifar10": ("cifar10", 2, 1000), "split_cifar100": ("cifar100", 5, 5000)}  # and images stored
LEARNERS: dict[str, dict[str, Any]] = {
    "backprop": SMALL | {"lr": 0.0195},
    "er": REPLAY | {"lr": 0.0195},
}

AVALANCHE = "ContinualAI/continual-learning-baselines, README"
THEIRS = "theirs: ascending classes, balanced memory, batch normalisation, learning rate 0.1"

EXPERIMENT = Experiment(
    name="online_cifar",
    claim=__doc__,
    streams={
        name + suffix: StreamSpec("split", {"source": source, "classes_per_task": classes} | order)
        for name, (source, classes, _) in STREAMS.items()
        for suffix, order in (("", {}), ("_ascending", {"order": "natural"}))
    },
    learners=LEARNERS,
    arms=(
        *(Arm(("er",), (stream,), (f"memory={stored}",), seeds=4) for stream, (_, _, stored) in STREAMS.items()),
        *(
            Arm(("er",), (f"{stream}_ascending",), (f"memory={stored}", *UPDATES), seeds=4)
            for stream, (_, _, stored) in STREAMS.items()
        ),
        Arm(("backprop",), ("split_cifar10",), seeds=4),
        Arm(("er",), ("split_cifar10",), ("memory=1000", *SLIM), seeds=2),
    ),
    evaluation={"probe_every": 10**9, "probe_size": 500, "log_bins": 60},
    smoke={
        "source": "digits",
        "classes_per_task": 2,
        "architecture": "convnet",
        "width": 2,
        "batch": 50,
        "replay_augment": "none",
        "probe_every": 20,
        "memory": 50,
    },
    smoke_seeds=1,
    published=(
        Published(
            "er",
            "split_cifar10_ascending",
            50.0,
            AVALANCHE,
            variant=" ".join(sorted((*UPDATES, "memory=1000"))),
            differs="ours: small network, three updates a batch; theirs: slim ResNet-18, batch normalisation, rate 0.1",
        ),
        Published(
            "er", "split_cifar10", 50.0, AVALANCHE, variant="architecture=resnet18 memory=1000 width=20", differs=THEIRS
        ),
    ),
    tables=(
        Table(
            "tab_online_cifar",
            "Split-CIFAR in one pass by convolutional networks: final accuracy, and accuracy over the whole stream.",
            "acc,aaa,forgetting,prequential_acc,state_bytes,flops_per_sample,ms_per_sample,samples_stored,told_tasks,"
            "backpropagation",
            measures=(facts,),
            latex=True,
        ),
    ),
)
