"""Label noise: a mean that forgets follows noisy labels, one that does not averages them.

pcl --import=own_learner.py,own_stream.py --experiment=own_experiment.py
pcl figures --import=own_experiment.py --only=tab_own,fig_own
"""

from pcl.experiment import Arm, Experiment, Figure, StreamSpec, Table

EXPERIMENT = Experiment(
    name="own_experiment",
    claim=__doc__,
    streams={
        "clean": StreamSpec("own_stream", {"source": "digits", "noise": 0.0}),
        "noisy": StreamSpec("own_stream", {"source": "digits", "noise": 0.4}),
    },
    learners={"own_learner": {"forget": 0.2}, "ncm": {}},
    arms=(Arm(seeds=3),),
    smoke={"batch": 50},
    tables=(Table("tab_own", "Digits with and without label noise.", "acc,prequential_acc,state_bytes"),),
    figures=(
        Figure(
            "fig_own", "Accuracy before each label.", {"accuracy": ()}, {"clean": "no noise", "noisy": "40 % noise"}
        ),
    ),
)
