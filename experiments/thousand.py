"""A thousand classes, one at a time, 15 drawings each: the first hundred are kept as well as the last.

Omniglot, all 1,623 characters in an order drawn from the key, every drawing once, no task label and no replay. Class
Gaussians with one covariance (`generative`) learn from few samples what a regression of 1,623 outputs (`rls`) does
not; nearest class mean shows what the covariance is worth. Accuracy is over the classes met so far: what it loses
from 100 to 1,623 is confusion among more classes, unless the first hundred fare worse than the last.

The two are known on a frozen code: SLDA, arXiv:1909.01520; ACIL, arXiv:2205.14922; RanPAC, arXiv:2307.02251.
The ridge is to be chosen on validation drawings, shuffled: `--set order=iid --set probe_on=validation`.

    python -m experiments.run --experiment=thousand --data_dir=FOLDER
    python -m scripts.make_figures --only=fig_thousand,tab_thousand
"""

from pcl.runner.experiment import Evaluation, Experiment, StreamSpec

CODE = {"features": "random", "width": 2000}

EXPERIMENT = Experiment(
    name="thousand",
    streams={
        "omniglot": StreamSpec("split", {"source": "omniglot", "classes_per_task": 1, "batch": 15}),
        "omniglot_iid": StreamSpec("split", {"source": "omniglot", "classes_per_task": 1, "batch": 15, "order": "iid"}),
    },
    learners={"generative": CODE, "rls": CODE, "ncm": CODE},
    seeds=3,
    evaluation=Evaluation(probe_every=100_000, log_bins=100, end_every=100),
    smoke={"source": "digits", "width": 20, "end_every": 2},
)
