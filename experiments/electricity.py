"""Electricity, one half-hour at a time: no network here predicts as well as the last label, and replay hurts.

45,312 samples in file order at batch 1, prequential accuracy. Beside our learners stand River's models on the
same samples (`scripts.river_electricity`). Learning rates, and the nudged outputs of predictive coding, were chosen on
another stream (`weather_rates`). `parallax`, at its defaults, is no better than replay: what drifts it takes for ever
other contexts, fills its six slots, and from then on refuses some hundreds more, whose samples teach it nothing.

    python -m experiments.run --experiment=electricity --data_dir=FOLDER
    python -m experiments.run --experiment=electricity --learners=parallax --data_dir=FOLDER
    python -m scripts.make_figures --only=tab_electricity
"""

from experiments.weather_rates import NETWORK, PCN
from pcl.runner.experiment import Evaluation, Experiment, StreamSpec

EXPERIMENT = Experiment(
    name="electricity",
    streams={"electricity": StreamSpec("recorded", {"source": "electricity"})},
    learners={
        "backprop": NETWORK | {"lr": 0.001},
        "pcn": PCN | {"lr": 0.001},
        "er": NETWORK | {"lr": 0.0003},
        "er_pcn": PCN | {"lr": 0.0003},
        "ncm": {},
    },
    seeds=5,
    evaluation=Evaluation(),
    smoke={"source": "digits", "width": 8, "depth": 1, "inference_steps": 3, "batch": 50},
)
