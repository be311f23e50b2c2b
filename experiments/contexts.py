"""Contexts are inferred: parallax beside an oracle that is told them, a single learner, and replay.

Three contexts (inversion: two) come, go and come back, one sample a step and unannounced. `visible` permutes the
pixels, `rotation` and `inversion` leave many digits looking like others, `invisible` permutes the labels, so that
nothing but errors tells. After the stream a copy of each learner lives through 60 more samples of every context.

Where pixels tell, parallax is as good as the oracle, which has a bank for each context. Where labels alone tell, it
loses the first sample or two of each visit, and while living is better than the oracle all the same, for its contexts
share one bank. On permuted digits one context for everything is hardly worse, and on inverted ones it is better while
living: there contexts are hardly needed.

Records: seeds 10 to 19 on digits and 10 to 14 on MNIST (there without the single learner). Thresholds of parallax
were tried on digits and MNIST with seeds below 10; `er` has the rates of its defaults.

Those of `parallax`, and of `parallax_told` on permuted and renamed digits, know labels in time (`without=past` does
not), which such streams give no use for: it costs them up to 0.2 points while living, and nothing on coming back. The
rows of `parallax_single`, and the others of `parallax_told`, are from before.

    python -m experiments.run --experiment=contexts --first_seed=10 --data_dir=FOLDER
    python -m scripts.make_figures --only=fig_contexts,fig_compute,tab_contexts
"""

from pcl.runner.experiment import Evaluation, Experiment, StreamSpec

DIGITS = {"source": "digits", "contexts": 3, "visits": 9, "dwell": 400, "batch": 1}
MNIST = DIGITS | {"source": "mnist", "dwell": 800}

EXPERIMENT = Experiment(
    name="contexts",
    streams={
        "digits_visible": StreamSpec("contexts", DIGITS | {"transform": "permutation"}),
        "digits_rotation": StreamSpec("contexts", DIGITS | {"transform": "rotation"}),
        "digits_inversion": StreamSpec("contexts", DIGITS | {"transform": "inversion", "contexts": 2}),
        "digits_invisible": StreamSpec("contexts", DIGITS | {"transform": "labels"}),
        "mnist_visible": StreamSpec("contexts", MNIST | {"transform": "permutation"}),
        "mnist_invisible": StreamSpec("contexts", MNIST | {"transform": "labels"}),
    },
    learners={"parallax": {}, "parallax_told": {}, "parallax_single": {}, "er": {}},
    seeds=10,
    evaluation=Evaluation(probe_every=1000, probe_size=100, end_every=0, log_bins=720, revisit_steps=60),
    # All streams shrink to one, which runs once.
    smoke={
        "source": "digits", "transform": "labels", "contexts": 2, "dwell": 40, "revisit_steps": 6,
        "width": 8, "depth": 1, "code": 8,
    },
)  # fmt: skip
