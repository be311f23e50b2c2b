"""Memory capacity: how many random labels a learner stores, and how many older ones it loses.

Ten groups of 20 Gaussian inputs with random labels, each group shown ten times before the next; all 200 pairs
are recalled at the end of every group. Bits gained, lost and held, and bits held per byte of state.
"""

from pcl.experiment import Arm, Experiment, StreamSpec, Table

EXPERIMENT = Experiment(
    name="load",
    claim=__doc__,
    streams={"load_noise": StreamSpec("load", {"source": "noise"})},
    learners={"backprop": {}, "pcn": {}, "er": {}, "er_pcn": {}, "ncm": {}},
    arms=(
        Arm(),
        Arm(("parallax",)),
    ),
    evaluation={"probe_every": 20},
    smoke={"width": 8, "random_features": 8, "depth": 1, "inference_steps": 3, "groups": 3, "pairs": 10},
    tables=(
        Table(
            "tab_load",
            "Memory capacity: bits of random labels gained, lost and held, and their costs.",
            "bits_gained,bits_lost,bits_held,bits_gained_per_lost,bits_held_per_byte,state_bytes",
        ),
    ),
)
