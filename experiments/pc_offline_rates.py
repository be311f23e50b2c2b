"""The rates of `pc_offline`: learning rates, chosen on validation samples.

The same passes over four fifths of the training samples; the last fifth is scored. Clamped outputs need the smallest
rate, nudged ones hardly care. Categorical outputs, Gauss-Newton inference and the incremental rule (`ipc`, whose
weights take eight steps a batch) were tried on MNIST alone.

    python -m experiments.run --experiment=pc_offline_rates --data_dir=FOLDER
    python -m experiments.run --experiment=pc_offline_rates --data_dir=FOLDER --learners=pcn \
        --set nudge=negative,centred --set lr=0.0005,0.001
    python -m experiments.run --experiment=pc_offline_rates --data_dir=FOLDER --streams=mnist --set output=categorical \
        --set nudge=none,positive --set lr=0.0005,0.001
    R="--experiment=pc_offline_rates --data_dir=FOLDER --seeds=2"
    python -m experiments.run $R --streams=mnist --set nudge=positive --set lr=0.0005,0.001 --set weight_decay=0.3,1.0
    python -m experiments.run $R --streams=mnist --set nudge=positive --set lr=0.001 --set weight_decay=3.0
    python -m experiments.run $R --streams=fashion_mnist --set nudge=positive --set lr=0.0005,0.001 \
        --set weight_decay=1.0
    python -m experiments.run $R --streams=mnist --learners=pcn --set nudge=positive,negative --set lr=0.0005,0.001 \
        --set inference=gauss_newton --set inference_steps=2
    python -m experiments.run $R --streams=mnist --learners=pcn --set nudge=none --set lr=0.0001,0.0003 \
        --set inference=ipc
    python -m scripts.make_figures --only=tab_pc_offline_rates
"""

from experiments.pc_offline import SMOKE, STREAMS, learners
from pcl.experiment import Experiment, Table

EXPERIMENT = Experiment(
    name="pc_offline_rates",
    streams=STREAMS,
    learners=learners(48_000),
    seeds=1,
    evaluation={"probe_every": 100_000, "log_bins": 20, "probe_on": "validation"},
    sweep=("lr=0.0005,0.001,0.002", "nudge=none,positive"),
    smoke=SMOKE,
    tables=(
        Table(
            "tab_pc_offline_rates",
            "Rates of MLPs of 3 x 128 on the validation samples of MNIST and Fashion-MNIST.",
            "acc",
        ),
    ),
)
