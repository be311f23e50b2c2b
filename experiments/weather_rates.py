"""Learning rates of the networks on streams in time order: chosen on Weather, used on Electricity.

Prequential accuracy over 18,159 days, one sample a step, by small networks. Predictive coding clamps its output to the
label, or nudges it a tenth of the way there. `drift` and `sequences` take the width and the nudging from here.
"""

from pcl.experiment import Arm, Experiment, StreamSpec, Table

NETWORK = {"width": 32}
PCN = NETWORK | {"nudge": "positive", "beta": 0.1}

EXPERIMENT = Experiment(
    name="weather_rates",
    claim=__doc__,
    streams={"weather": StreamSpec("recorded", {"source": "weather"})},
    learners={"backprop": NETWORK, "pcn": PCN, "er": NETWORK, "er_pcn": PCN},
    arms=(Arm(settings=("lr=0.00003,0.0001,0.0003,0.001,0.003,0.01", "nudge=none,positive"), seeds=2),),
    evaluation={"log_bins": 10},
    smoke={"source": "digits", "width": 8, "depth": 1, "inference_steps": 3, "batch": 50},
    tables=(
        Table(
            "tab_weather_rates",
            "Learning rates: prequential accuracy on Weather.",
            "prequential_acc,ms_per_step",
        ),
    ),
)
