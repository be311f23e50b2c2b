"""Permuted MNIST: final accuracy on twenty permutations of the pixels that are learned one after the other.

Each of 20 contexts has its own permutation of the pixels and the same labels; its beginning is not announced
(Goodfellow et al. (2014), arXiv:1312.6211). Each context shows 10,000 images; `--set dwell=60000` shows all, as the
literature does. At the end of a context, 500 held-out images are probed under every permutation; after the last
context, all of them. Learning rates are those of `mnist_rates`, whose stream has no permutation.
"""

from pcl.evaluation.summary import Record
from pcl.experiment import Arm, Experiment, StreamSpec, Table, each
from pcl.figures.curves import plasticity

from .split_mnist import NETWORK

LEARNERS = {"backprop": NETWORK, "pcn": NETWORK, "er": NETWORK, "er_pcn": NETWORK, "ncm": {}}


def stream(contexts: int, dwell: int) -> StreamSpec:
    """Each permutation once, `dwell` images of it."""
    settings = {"source": "mnist", "transform": "permutation", "contexts": contexts, "visits": contexts, "dwell": dwell}
    return StreamSpec("contexts", settings)


NOTE = """
`plasticity_slope`: slope of the prequential accuracy over permutations, in percentage points per 100 permutations.
"""


def _slope(record: Record) -> dict[str, float]:
    return {"plasticity_slope": plasticity(record)} if record["experiment"] == "plasticity" else {}


EXPERIMENT = Experiment(
    name="permuted_mnist",
    claim=__doc__,
    streams={"permuted_mnist": stream(20, 10_000)},
    learners=LEARNERS,
    arms=(
        Arm(seeds=5),
        Arm(("parallax",), settings=("max_contexts=24",), seeds=5),
    ),
    evaluation={"probe_every": 250, "probe_size": 500, "end_every": 20},
    smoke={
        "source": "digits",
        "contexts": 4,
        "visits": 4,
        "dwell": 200,
        "batch": 20,
        "probe_every": 5,
        "width": 8,
        "random_features": 8,
        "depth": 1,
        "inference_steps": 3,
    },
    tables=(
        Table(
            "tab_permuted_mnist",
            "Permuted MNIST: twenty permutations, and the slope of prequential accuracy over two hundred.",
            "acc,forgetting,learning_acc,prequential_acc,plasticity_slope,state_bytes,ms_per_step",
            beside=("plasticity",),
            measures=(each(_slope),),
            latex=True,
            note=NOTE,
        ),
    ),
)
