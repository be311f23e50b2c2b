"""The rates of comparisons are the winners of their searches."""

from pathlib import Path

import pytest

from experiments import ipmnist, online, online_cifar
from pcl.runner import studies

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize(
    "experiment", [one.EXPERIMENT for one in (online, ipmnist, online_cifar)], ids=lambda e: e.name
)
def test_the_searched_numbers_of_an_experiment_are_the_winners_of_its_study(experiment):
    for learner, winner in studies.named(RESULTS, experiment.name).about["winners"].items():
        ours = {name: experiment.learners[learner][name] for name in winner["settings"]}
        assert ours == {name: float(text) for name, text in winner["settings"].items()}


def test_every_rate_was_searched():
    winners = studies.named(RESULTS, "online").about["winners"]
    assert set(winners) == {name for name, settings in online.LEARNERS.items() if "lr" in settings}
    assert set(studies.named(RESULTS, "ipmnist").about["winners"]) == {"moving_norm", "l2_init"}


def test_all_networks_on_cifar_learn_at_the_rate_that_was_searched_for_replay():
    (winner,) = studies.named(RESULTS, "online_cifar").about["winners"].values()
    rates = {settings["lr"] for settings in online_cifar.EXPERIMENT.learners.values()}
    assert rates == {float(winner["settings"]["lr"])}
