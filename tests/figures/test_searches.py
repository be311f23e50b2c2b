"""The figure of a search: what was tried, what mattered, and the best against what it had cost."""

import csv

import matplotlib.pyplot as plt
import pytest

from pcl.errors import NoResults
from pcl.experiment import Figure
from pcl.figures.searches import _places
from pcl.runner.studies import Study, Trial, summary
from scripts.published import make


def study_in(results_dir, rungs=(10, 40)):
    asked = {"metric": "acc", "seeds": 2, "rungs": list(rungs), "learners": ["pcn"], "method": "halving"}
    about = {"asked": asked | {"decided_by": "validation samples of digits"}, "finished": True, "steps": 140}
    study = Study(results_dir / "studies" / "rates", about | {"importance": {"pcn": {"lr": 0.75, "optimiser": 0.25}}})
    rates, values = ("0.1", "0.001", "0.01"), (30.0, 60.0, 50.0)
    study.trials = [
        Trial("pcn", i, 0, 10, {"lr": rate, "optimiser": "adam"}, (value,) * 2, value)
        for i, (rate, value) in enumerate(zip(rates, values, strict=True))
    ]
    study.trials += [Trial("pcn", 1, 1, 40, study.trials[1].settings, (90.0, 80.0), 85.0)]
    study.write()
    return study


def test_the_plotted_numbers_are_those_of_the_trials_at_what_they_cost(tmp_path):
    study_in(tmp_path)
    with plt.rc_context({"savefig.dpi": 10}):
        written = make(Figure("fig_rates", "Rates.", study="rates"), "", tmp_path)
    assert {path.name for path in written} == {"fig_rates.csv", "fig_rates.pdf", "fig_rates.png"}
    with open(tmp_path / "figures" / "fig_rates.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    best = [(row["trial"], row["name"], row["x"], row["y"]) for row in rows if row["panel"] == "best"]
    # Two seeds for 10 of 40 steps are half a run; then two for the other 30.
    assert best == [
        ("0", "10 steps", "0.5", "30"),
        ("1", "10 steps", "1", "60"),
        ("2", "10 steps", "1.5", "60"),
        ("1", "40 steps", "3", "85"),
    ]
    settings = {(row["trial"], row["name"]): (row["x"], row["y"]) for row in rows if row["panel"] == "settings"}
    assert settings["1", "lr"] == ("0.001", "85")  # its value on its last rung
    assert settings["0", "lr"] == ("0.1", "30")
    assert {row["name"]: row["y"] for row in rows if row["panel"] == "importance"} == {
        "lr": "0.75",
        "optimiser": "0.25",
    }


def test_a_study_without_a_trial_is_refused(tmp_path):
    study = study_in(tmp_path)
    study.trials = [Trial("pcn", 0, 0, 0, {"lr": "0.1"})]
    study.write()
    with pytest.raises(NoResults, match="fig_rates: no trial of study 'rates' has been run"):
        make(Figure("fig_rates", "Rates.", study="rates"), "", tmp_path)


def test_values_have_places_by_logarithm_size_or_name():
    assert _places(["0.01", "0.1", "1"]) == pytest.approx({"0.01": 0, "0.1": 0.5, "1": 1})
    assert _places(["2", "4", "6"]) == pytest.approx({"2": 0, "4": 0.5, "6": 1})
    assert _places(["sgd", "adam"]) == {"adam": 0, "sgd": 1}
    assert _places(["-inf", "3", "5"]) == {"-inf": 0, "3": 0, "5": 1}
    assert _places(["0.1"]) == {"0.1": 0}


def test_a_summary_says_what_was_found_and_at_what_cost(tmp_path):
    text = summary(study_in(tmp_path))
    assert "lr=0.001 optimiser=adam" in text
    assert ["85.0", "90.0", "80.0", "0"] in [line.split()[-4:] for line in text.splitlines()]
    assert text.endswith("halving in 3.5 whole runs, decided by validation samples of digits")
