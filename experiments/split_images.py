"""One pass over images, two classes at a time: what a synapse that adds up keeps, and what a gradient loses.

Conjugate synapses (`bpc`, `rls`), class Gaussians (`generative`), normalised least mean squares and nearest class
mean, each on the pixels and on random features; backpropagation with and without replay on the pixels. No task label,
class order drawn from the key, every image once; beside each stream the same images shuffled, where `acc` is each
learner's own offline bound: for conjugate synapses that of any number of passes, for the others that of one.

On features that do not change `rls` is recursive least squares and `generative` streaming LDA, both known in
class-incremental learning: ACIL, arXiv:2205.14922; RanPAC, arXiv:2307.02251; RanDumb, arXiv:2402.08823; SLDA,
arXiv:1909.01520. Rates and ridge are to be chosen on shuffled validation samples: `--set probe_on=validation`.

    python -m experiments.run --experiment=split_images --data_dir=FOLDER
    python -m scripts.make_figures --only=tab_split_images
"""

from pcl.runner.experiment import Evaluation, Experiment, StreamSpec

SOURCES = {"split_mnist": "mnist", "split_fashion": "fashion_mnist", "split_cifar10": "cifar10"}
CODE = {"width": 2000}
NETWORK = {"width": 256, "lr": 0.0003}

EXPERIMENT = Experiment(
    name="split_images",
    streams={
        name + suffix: StreamSpec("split", {"source": source, "order": order})
        for name, source in SOURCES.items()
        for suffix, order in (("", "random"), ("_iid", "iid"))
    },
    learners={
        "bpc": CODE,
        "rls": CODE,
        "generative": CODE,
        "nlms": CODE,
        "ncm": CODE,
        "er": NETWORK,
        "backprop": NETWORK,
    },
    seeds=3,
    evaluation=Evaluation(probe_every=500, probe_size=500),
    sweep=("features=raw,random",),
    smoke={"source": "digits", "width": 8, "depth": 0, "batch": 50, "probe_every": 10, "probe_size": 0},
)
