"""What each mechanism of parallax is worth: the same streams with one of them taken away.

python -m experiments.run --experiment=ablations \
    --set without=nothing,persistence,gating,bound,lag,settling,maturity,synapses
python -m scripts.make_figures --only=tab_ablations
"""

from experiments.contexts import DIGITS
from pcl.runner.experiment import Evaluation, Experiment, StreamSpec

EXPERIMENT = Experiment(
    name="ablations",
    streams={
        "digits_visible": StreamSpec("contexts", DIGITS | {"transform": "permutation"}),
        "digits_invisible": StreamSpec("contexts", DIGITS | {"transform": "labels"}),
        "split_digits": StreamSpec("split", {"source": "digits"}),
    },
    learners={"parallax": {}},
    seeds=10,
    evaluation=Evaluation(probe_every=1000, probe_size=100, log_bins=720),
    smoke={"width": 8, "code": 8, "dwell": 40, "transform": "labels"},
    smoke_seeds=1,
)
