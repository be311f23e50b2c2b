"""What each mechanism of parallax is worth: the same streams with one of them taken away.

On permuted labels a belief that does not last costs 57 points (97.4 to 39.9) and samples that teach every context 47
(50.5): these carry the learner. Young labels that speak for new contexts cost 0.6, a missing lag memory 0.3. Surprise
without bounds changes nothing here, nor do votes without synapses, so that neither is shown to be needed; nor does
settling to the end at every sample, with 36 times the steps. Settling is cheap beside the votes that it reads: of all
operations those steps are 2 %. On permuted pixels, which tell their context themselves, nothing costs more than 0.6.

Records: seeds 10 to 14 of permuted labels and pixels; and seeds 10 to 109 of plain Split-Digits, nothing taken away,
for the question whether classes that come in turn are ever taken for contexts. Settings as in `contexts`.
All are of an older commit: labels had no place in time and latents could not move, which is ablated in `electricity`,
contexts were never merged in sleep, and those that differ little were not found.

    python -m experiments.run --experiment=ablations --first_seed=10 --seeds=5 --streams=digits_invisible \
        --set without=nothing,persistence,gating,bound,settling,lag,maturity,synapses
    python -m experiments.run --experiment=ablations --first_seed=10 --seeds=5 --streams=digits_visible \
        --set without=nothing,persistence,gating,lag,maturity,synapses
    python -m experiments.run --experiment=ablations --first_seed=10 --seeds=100 --streams=split_digits
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
