"""The rates of comparisons are the winners of their searches."""

from pathlib import Path

from experiments import ipmnist
from experiments.online import LEARNERS
from pcl.runner import studies

RESULTS = Path(__file__).parents[2] / "results"


def test_the_numbers_of_the_experiment_are_the_winners_of_its_study():
    winners = studies.named(RESULTS, "online").about["winners"]
    for learner, winner in winners.items():
        ours = {name: LEARNERS[learner][name] for name in winner["settings"]}
        assert ours == {name: float(text) for name, text in winner["settings"].items()}
    assert set(winners) == {name for name, settings in LEARNERS.items() if "lr" in settings}


def test_the_rates_on_permuted_inputs_are_the_winners_of_their_study():
    winners = studies.named(RESULTS, "ipmnist").about["winners"]
    assert set(winners) == {"moving_norm", "l2_init"}
    for learner, winner in winners.items():
        ours = {name: ipmnist.EXPERIMENT.learners[learner][name] for name in winner["settings"]}
        assert ours == {name: float(text) for name, text in winner["settings"].items()}
