"""The rates of `pc_offline`: learning rates, chosen on validation samples.

The same passes over four fifths of the training samples; the last fifth is scored. Clamped outputs need the smallest
rate, nudged ones hardly care. Categorical outputs were tried on MNIST alone.

    python -m experiments.run --experiment=pc_offline_rates --data_dir=FOLDER
    python -m experiments.run --experiment=pc_offline_rates --data_dir=FOLDER --learners=pcn \
        --set nudge=negative,centred --set lr=0.0005,0.001
    python -m experiments.run --experiment=pc_offline_rates --data_dir=FOLDER --streams=mnist --set output=categorical \
        --set nudge=none,positive --set lr=0.0005,0.001
    python -m scripts.make_figures --only=tab_pc_offline_rates
"""

from experiments.pc_offline import SMOKE, STREAMS, learners
from pcl.runner.experiment import Evaluation, Experiment

EXPERIMENT = Experiment(
    name="pc_offline_rates",
    streams=STREAMS,
    learners=learners(48_000),
    seeds=1,
    evaluation=Evaluation(probe_every=100_000, log_bins=20, probe_on="validation"),
    sweep=("lr=0.0005,0.001,0.002", "nudge=none,positive"),
    smoke=SMOKE,
)
