"""Published numbers beside ours: the distance, its verdict, and the row that it is of."""

import csv

import pytest

from pcl.evaluation.summary import Row
from pcl.experiment import Published, load_experiment
from scripts import tab_reproduction
from scripts.tab_reproduction import verdict


def row(mean, variant=""):
    return Row("e", "s", "er", variant, "acc", mean, mean - 1, mean + 1, 3, 3, 0, "", "", "")


ONE = Published("er", "s", 80.0, "a paper")
RANGE = Published("er", "s", 70.0, "two papers", 80.0, within=1.0)


@pytest.mark.parametrize(
    ("one", "ours", "said"),
    [
        (ONE, 82.0, "reproduced"),
        (ONE, 82.1, "2.1 above"),
        (ONE, 77.0, "3.0 below"),
        (RANGE, 75.0, "reproduced"),
        (RANGE, 81.0, "reproduced"),
        (RANGE, 68.5, "1.5 below"),
    ],
)
def test_a_number_is_reproduced_within_its_distance_of_the_published_range(one, ours, said):
    assert verdict(one, row(ours)) == said


def test_what_has_no_row_was_not_run():
    assert verdict(ONE, None) == "not run"


def test_each_line_is_of_the_row_with_its_variant_and_others_are_not_run(tmp_path, monkeypatch):
    rows = [row(60.0), row(80.5, "memory=200")]
    monkeypatch.setattr(tab_reproduction, "summarise", lambda records: rows)
    monkeypatch.setattr(tab_reproduction.Store, "records", lambda self: [])
    monkeypatch.setattr(tab_reproduction, "experiment_names", lambda: ["e"])

    class Toy:
        published = (
            Published("er", "s", 80.0, "a", variant="memory=200"),
            Published("er", "s", 9.0, "b", variant="x=1"),
        )

    monkeypatch.setattr(tab_reproduction, "load_experiment", lambda name: Toy)
    tab_reproduction.main(tmp_path)
    lines = list(csv.DictReader((tmp_path / "tables/tab_reproduction.csv").open()))
    assert [(line["variant"], line["ours"], line["verdict"]) for line in lines] == [
        ("memory=200", "80.5 [79.5, 81.5]", "reproduced"),
        ("x=1", "-", "not run"),
    ]


@pytest.mark.parametrize("name", ["reproduction", "closed_form", "ipmnist"])
def test_every_published_number_is_of_an_arm(name):
    experiment = load_experiment(name)
    arms = [experiment.named(arm) for arm in experiment.arms]
    for one in experiment.published:
        settings = [sorted(arm.settings) for arm in arms if (one.learner, one.stream) in arm.pairs]
        assert one.variant.split() in settings, one
