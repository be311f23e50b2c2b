"""One pass over Split-CIFAR-10 and Split-CIFAR-100 by convolutional networks: backpropagation with and without replay.

The protocol of online class-incremental learning: batches of 10, each image once; 5 tasks of CIFAR-10, 10 and 20 tasks
of CIFAR-100. Images that arrive are randomly flipped and cropped. The networks are a slim ResNet-18 (20 channels) with
group normalisation, and a small network of three convolutions. Replay buffers hold a reservoir sample of 1,000 images.
The full size needs an accelerator. No records yet. Learning rates were not tuned.
"""

from pcl.experiment import Arm, Experiment, StreamSpec, Table

SLIM = {"architecture": "resnet18", "width": 20, "output": "categorical", "optimiser": "sgd", "lr": 0.05}
SMALL = ("architecture=convnet", "width=32")
STREAMS = {
    "split_cifar10": {"source": "cifar10", "classes_per_task": 2},
    "split_cifar100": {"source": "cifar100", "classes_per_task": 10},
    "split_cifar100_20": {"source": "cifar100", "classes_per_task": 5},
}

EXPERIMENT = Experiment(
    name="online_cifar",
    claim=__doc__,
    streams={name: StreamSpec("split", settings | {"augment": "flip_crop"}) for name, settings in STREAMS.items()},
    learners={"er": SLIM | {"memory": 1000}, "backprop": SLIM},
    arms=(Arm(seeds=3), Arm(settings=SMALL, seeds=3)),
    evaluation={"probe_every": 1000, "probe_size": 1000},
    smoke={
        "source": "digits",
        "classes_per_task": 2,
        "architecture": "convnet",
        "width": 2,
        "batch": 50,
        "augment": "none",
        "probe_every": 20,
        "memory": 50,
    },
    smoke_seeds=1,
    tables=(
        Table(
            "tab_online_cifar",
            "Split-CIFAR in one pass by convolutional networks: final accuracy, and accuracy over the whole stream.",
            "acc,aaa,forgetting,prequential_acc,flops_per_sample,state_bytes,ms_per_sample",
            latex=True,
        ),
    ),
)
