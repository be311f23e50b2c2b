"""Sequences: explained variance of the next observation, and the benefit of a latent state.

Four sequences side by side under three linear dynamics that change unannounced (`dynamics`), with half of the state
observed; and the days of a weather station, one at a time. Only `tpc` keeps a state from one observation to the next.
Prequential share of variance explained; rates are the defaults. Outputs of predictive coding are clamped, or nudged a
tenth of the way to their targets as on Weather's labels (`weather_rates`).
"""

from pcl.experiment import Arm, Experiment, StreamSpec, Table

from .weather_rates import NETWORK, PCN

EXPERIMENT = Experiment(
    name="sequences",
    claim=__doc__,
    streams={
        "dynamics": StreamSpec("sequence", {"batch": 4}),
        "weather": StreamSpec("sequence", {"source": "weather"}),
    },
    learners={"backprop": NETWORK, "pcn": PCN, "er": NETWORK, "nlms": {}, "rls": {}, "tpc": {}},
    arms=(Arm(settings=("nudge=none,positive",), seeds=5),),
    smoke={"source": "dynamics", "width": 8, "depth": 1, "inference_steps": 3, "visit_steps": 50},
    tables=(
        Table(
            "tab_sequences",
            "Sequences: the share of variance of the next observation that was predicted, and costs.",
            "prequential_acc,surprise_error_correlation,flops_per_sample,state_bytes,ms_per_sample",
        ),
    ),
)
