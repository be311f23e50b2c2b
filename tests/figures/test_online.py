"""The rates of comparisons are the winners of their searches."""

from pathlib import Path

import pytest

from experiments import electricity, ipmnist, online, online_cifar, plasticity
from pcl.runner import studies

RESULTS = Path(__file__).parents[2] / "results"
STUDIES = {
    "online": online,
    "online_pcn": online,
    "ipmnist": ipmnist,
    "online_cifar": online_cifar,
    "plasticity": plasticity,
    "electricity": electricity,
}


@pytest.mark.parametrize("study", STUDIES)
def test_the_searched_numbers_of_an_experiment_are_the_winners_of_its_study(study):
    learners = STUDIES[study].EXPERIMENT.learners
    for learner, winner in studies.named(RESULTS, study).about["winners"].items():
        ours = {name: learners[learner][name] for name in winner["settings"]}
        assert ours == {name: float(text) for name, text in winner["settings"].items()}


def test_every_rate_was_searched():
    winners = studies.named(RESULTS, "online").about["winners"]
    assert set(winners) == {name for name, settings in online.LEARNERS.items() if "lr" in settings}
    assert set(studies.named(RESULTS, "online_pcn").about["winners"]) == set(online.PREDICTIVE)
    assert set(studies.named(RESULTS, "ipmnist").about["winners"]) == {"moving_norm", "l2_init"}


def test_all_networks_on_cifar_learn_at_the_rate_that_was_searched_for_replay():
    (winner,) = studies.named(RESULTS, "online_cifar").about["winners"].values()
    rates = {settings["lr"] for settings in online_cifar.EXPERIMENT.learners.values()}
    assert rates == {float(winner["settings"]["lr"])}
    (winner,) = studies.named(RESULTS, "online_cifar_updates").about["winners"].values()
    assert f"lr={winner['settings']['lr']}" in online_cifar.UPDATES
