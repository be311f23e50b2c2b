"""The rates of the networks on a stream in time order: chosen on Weather, used on Electricity.

Prequential accuracy over 18,159 days, one sample a step, by small networks. Weather is another stream than the
one that the winners are used on, so that no rate was chosen on the numbers that it is judged by.

    python -m experiments.run --experiment=weather_rates --data_dir=FOLDER
    python -m scripts.make_figures --only=tab_weather_rates
"""

from pcl.runner.experiment import Evaluation, Experiment, StreamSpec

NETWORK = {"width": 32}

EXPERIMENT = Experiment(
    name="weather_rates",
    streams={"weather": StreamSpec("recorded", {"source": "weather"})},
    learners={"backprop": NETWORK, "pcn": NETWORK, "er": NETWORK, "er_pcn": NETWORK},
    seeds=2,
    evaluation=Evaluation(log_bins=10),
    sweep=("lr=0.00003,0.0001,0.0003,0.001,0.003,0.01",),
    smoke={"source": "digits", "width": 8, "depth": 1, "inference_steps": 3, "batch": 50},
)
