"""What each mechanism of parallax is worth: the same streams with one of them taken away.

On permuted labels a belief that does not last costs 56 points (97.3 to 41.4) and samples that teach every context 28
(69.5): these carry the learner. Learning but the newest of the samples that waited costs 2.7, and young labels that
speak for new contexts 0.5 there and 1.3 on permuted pixels; no lag memory 0.3. Where surprise is not
decomposed, five or six contexts are found on permuted pixels instead of three, at half a point. On plain
Split-Digits sums that fade by a thousandth a sample (`retention`) cost 1.5 points at the end, and learning but the
newest sample 2.0. Nothing is lost here without bounds of surprise, without synapses, sleep, the past or latents that
move, so that none of these is shown to be needed on digits; what synapses, the past and latents that move are worth on
Electricity says `electricity`, and what sleep and synapses are on MNIST and Fashion-MNIST, `contexts`. Settling to the
end at every sample changes nothing either, with 36 to 38 times the steps. Settling is cheap beside the votes that it
reads: of all operations those steps are 2 %.

Records: seeds 10 to 14 of permuted labels and pixels, 10 to 19 of plain Split-Digits; and seeds 10 to 109 of it with
nothing taken away, for the question whether classes that come in turn are ever taken for contexts: in one life of the
hundred, for a while. Settings as in `contexts`.
"""

from experiments.contexts import DIGITS
from pcl.evaluation.contexts import contexts_found, rightly_found
from pcl.evaluation.summary import Record
from pcl.experiment import Arm, Experiment, StreamSpec, Table, each


def _contexts(record: Record) -> dict[str, float]:
    return {"specialists": contexts_found(record), "right_number": rightly_found(record)}


CONTEXTS = ("digits_visible", "digits_invisible")
EVERY = "persistence,gating,bound,settling,lag,maturity,synapses,sleep,past,drift,decomposition,replay,retention"

EXPERIMENT = Experiment(
    name="ablations",
    claim=__doc__,
    streams={
        "digits_visible": StreamSpec("contexts", DIGITS | {"transform": "permutation"}),
        "digits_invisible": StreamSpec("contexts", DIGITS | {"transform": "labels"}),
        "split_digits": StreamSpec("split", {"source": "digits"}),
    },
    learners={"parallax": {}},
    arms=(
        Arm(streams=CONTEXTS, seeds=5, first_seed=10),
        Arm(streams=CONTEXTS, settings=(f"without={EVERY}",), seeds=5, first_seed=10),
        Arm(streams=("split_digits",), seeds=100, first_seed=10),
        Arm(streams=("split_digits",), settings=("without=decomposition,replay,retention",), first_seed=10),
    ),
    evaluation={"probe_every": 1000, "probe_size": 100, "log_bins": 720},
    smoke={"width": 8, "code": 8, "dwell": 40, "transform": "labels"},
    smoke_seeds=1,
    tables=(
        Table(
            "tab_ablations",
            "Parallax without one of its mechanisms: accuracy while living and at the end, contexts found, settling"
            " steps.",
            "prequential_acc,acc,specialists,right_number,inference_steps,surprise_error_correlation",
            measures=(each(_contexts),),
        ),
    ),
)
