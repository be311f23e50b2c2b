"""Recorded streams in time order: parallax follows Electricity better than the last label and a random forest do.

Prequential accuracy at batch 1 over the samples in file order: 45,312 half-hours of Electricity, 18,159 days of
Weather, 4,000 views of 40 objects (Outdoor), beside River's models (`scripts.river_electricity`). Learning rates and
nudging were chosen on Weather (`weather_rates`). Those of DER++ and of methods against the loss of plasticity were
searched there (study `electricity`: 8 configurations, two seeds each). The time constant of parallax's recent means is
100 samples; it was chosen among 30, 50, 100 and 200 on Weather and the streams of `drift`. Nothing was chosen on
Electricity. Findings: docs/findings.md.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pcl.errors import UsageError
from pcl.evaluation.statistics import mean_interval
from pcl.evaluation.summary import Row
from pcl.experiment import Arm, Experiment, StreamSpec, Table

from .weather_rates import NETWORK, PCN

NOTE = """
Prequential accuracy in % over all samples in file order, one sample a step: Electricity (45,312 samples of 6
features), Weather (18,159 of 8, on which rates and some numbers of `parallax` were chosen), Outdoor (4,000 of 21, 40
labels); models of River with its default settings. Repeating the last label, *no change*, is right on 85.3, 68.0 and
90.2 % of them. **Caveat**: labels of neighbouring half-hours agree, and Outdoor shows each object some ten times in
turn, so that *no change*, which learns nothing, scores this high. A learner below it has not been shown to track
anything. A learner above it may follow recent labels rather than adapt to drift (Zliobaite (2013), How good is the
Electricity benchmark for evaluating concept drift adaptation, arXiv:1301.3524). `parallax` follows recent labels by
design; the variant `without=past` does not. The other learners do not read the last label, but those that learn fast
follow it too.
"""


def _river(results_dir: Path) -> Iterator[Row]:
    """One row for each of River's models, with its interval over seeds.

    Raises:
      UsageError: the folder has no river_electricity.csv.
    """
    path = results_dir / "river_electricity.csv"
    if not path.exists():
        raise UsageError(f"no {path}: run `python -m scripts.river_electricity` first")
    with open(path, newline="") as file:
        runs = {(line["model"], line["seed"]): line for line in csv.DictReader(file)}  # the last line of each run
    models: dict[str, list[float]] = {}
    for (name, _), line in runs.items():
        models.setdefault(f"{name} (River {line['river']})", []).append(100 * float(line["accuracy"]))
    for model, values in models.items():
        about = ("electricity", "electricity", model, "", "prequential_acc")
        seeds = (len(values), len(values), 0)
        yield Row(*about, *mean_interval(values), *seeds, *("", ""), "python -m scripts.river_electricity")


# Winners of the study `electricity`, on Weather.
SEARCHED: dict[str, dict[str, Any]] = {
    "derpp": NETWORK | {"lr": 0.00205, "logit_weight": 1.34, "label_weight": 1.79},
    "upgd": NETWORK | {"optimiser": "sgd", "lr": 0.00506, "shrink": 1.63e-06, "direction_noise": 0.196},
    "continual_backprop": NETWORK | {"lr": 0.00187, "replacement_rate": 0.000196},
    "moving_norm": NETWORK | {"lr": 0.00205},
}

EXPERIMENT = Experiment(
    name="electricity",
    claim=__doc__,
    streams={
        "electricity": StreamSpec("recorded", {"source": "electricity"}),
        "weather": StreamSpec("recorded", {"source": "weather"}),
        "outdoor": StreamSpec("recorded", {"source": "outdoor"}),
    },
    learners={
        "backprop": NETWORK | {"lr": 0.001},
        "pcn": PCN | {"lr": 0.001},
        "er": NETWORK | {"lr": 0.0003},
        "er_pcn": PCN | {"lr": 0.0003},
        "ncm": {},
        **SEARCHED,
    },
    arms=(
        Arm(("backprop", "pcn", "er", "er_pcn", "ncm"), ("electricity",), seeds=5),
        Arm(tuple(SEARCHED), ("electricity",), seeds=5),
        Arm(("backprop", "pcn", "ncm"), ("weather", "outdoor"), seeds=5),
        Arm(("parallax",), seeds=5),
        Arm(("parallax",), ("electricity",), ("without=past,drift,sleep,retention,synapses",), seeds=5),
    ),
    smoke={"source": "digits", "width": 8, "random_features": 8, "depth": 1, "inference_steps": 3, "batch": 50},
    tables=(
        Table(
            "tab_electricity",
            "Prequential accuracy on recorded streams: learners of this project, on Electricity beside River's models.",
            "prequential_acc,state_bytes,ms_per_step",
            more=_river,
            note=NOTE,
        ),
    ),
)
