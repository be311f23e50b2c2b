"""What is searched, what is proposed for all that was told, what decides, and which data."""

import math

import numpy as np
import pytest

from pcl import streams
from pcl.errors import UsageError
from pcl.evaluation.statistics import mean_interval
from pcl.fields import parse, replace
from pcl.learners import REGISTRY
from pcl.runner.studies import Trial
from pcl.search import objective, propose
from pcl.search.propose import importance
from pcl.search.space import Axis, parse_space

HPS = {"pcn": REGISTRY["pcn"].hparams, "ncm": REGISTRY["ncm"].hparams}
TEXTS = ["lr=0.0001:1:log", "optimiser=sgd,adam", "width=8:256:log"]
SPACE = parse_space(TEXTS, {"pcn": HPS["pcn"]})["pcn"]


def distance(settings):
    """Least at lr=0.003 with adam; the width means nothing."""
    return abs(math.log10(float(settings["lr"]) / 0.003)) + (settings["optimiser"] == "sgd")


def tell(trials, settings, value):
    new = [Trial("pcn", len(trials) + i, 0, 10, one, (value(one),), value(one)) for i, one in enumerate(settings)]
    return [*trials, *new]


def searched(method, chunks, value=distance, less=True):
    trials = []
    for _ in range(chunks):
        trials = tell(trials, propose.propose(SPACE, method, trials, 8, less), value)
    return trials


def test_axes_are_as_they_are_written():
    assert {
        "lr": Axis(0.0001, 1.0, log=True),
        "optimiser": Axis(choices=("sgd", "adam"), static=True),
        "width": Axis(8, 256, log=True, whole=True, static=True),
    } == SPACE
    assert SPACE["lr"].text(0.00293765) == "0.00294"
    assert Axis(0.00012345, 1.0).text(0.00012346) == "0.00012345"  # rounding does not leave the range


def test_every_proposal_is_of_the_space_and_admissible_as_a_setting():
    known = {name: HPS["pcn"].__dataclass_fields__.get(name) for name in SPACE}
    for one in propose.propose(SPACE, "random", [], 50, False):
        assert one.keys() == SPACE.keys()
        assert 0.0001 <= float(one["lr"]) <= 1
        assert 8 <= int(one["width"]) <= 256
        assert one["optimiser"] in ("sgd", "adam")
        replace(HPS["pcn"], {name: parse(field, one[name]) for name, field in known.items() if field})


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_the_same_trials_give_the_same_proposals_and_none_comes_twice(method):
    first, again = searched(method, 3), searched(method, 3)
    assert first == again
    assert len({trial.text() for trial in first}) == 24


def test_the_estimator_goes_where_values_are_good_in_either_direction():
    """Its fourth chunk is nearer to the optimum than random ones are, by far."""
    random, informed = (searched(method, 4)[-8:] for method in ("random", "tpe"))
    upwards = searched("tpe", 4, lambda one: -distance(one), less=False)
    assert np.median([t.value for t in informed]) < 0.5 * np.median([t.value for t in random])
    assert [t.settings for t in upwards[-8:]] == [t.settings for t in informed]


def test_a_space_that_is_exhausted_gives_fewer():
    space = parse_space(["optimiser=sgd,adam", "width=8:10"], {"pcn": HPS["pcn"]})["pcn"]
    first = propose.propose(space, "random", [], 10, False)
    assert len(first) == 6
    trials = tell([], first, distance_of_width)
    assert propose.propose(space, "tpe", trials, 4, False) == []


def distance_of_width(settings):
    return float(settings["width"])


def test_a_setting_that_decides_alone_has_all_the_importance():
    trials = searched("random", 6)
    shares = importance(SPACE, trials, True)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert shares["width"] < 0.1 < shares["optimiser"] < shares["lr"]
    assert importance(SPACE, trials[:3], True) == {}


def test_without_the_library_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(UsageError, match=r"--search needs optuna .*: pip install 'pcl-jax\[search\]'"):
        propose.propose(SPACE, "tpe", [], 1, False)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "--space is missing: name what to search"),
        (["lr"], "write name=low:high"),
        (["lr=0.1"], "two different values"),
        (["lr=0.1,0.1"], "two different values"),
        (["lr=0.1:0.1"], "low < high"),
        (["lr=0:1:log"], "0 < low < high"),
        (["lr=0.1:1:lin"], "write low:high or low:high:log"),
        (["optimiser=a:b"], "of a setting that is a number"),
        (["optimiser=sgd,adma"], "optimiser=adma: choose one of"),
        (["lr=0.1:1", "lr=1,2"], "lr is given twice"),
        (["batch=1,2"], "unknown setting of pcn, ncm 'batch'"),
        (["lr=0.1:1"], "ncm has none of lr; leave it out with --learners"),
    ],
)
def test_a_space_that_means_nothing(texts, message):
    with pytest.raises(UsageError, match=message):
        parse_space(texts, HPS)


def test_the_aggregate_over_seeds_decides_and_not_a_lucky_seed():
    lucky, steady = (99.0, 60.0, 63.0, 60.0), (80.0, 81.0, 79.0, 80.0)
    for how in objective.AGGREGATES:
        assert objective.value(steady, how, False) > objective.value(lucky, how, False)
    assert objective.value(lucky, "mean", False) == 70.5
    assert objective.value(lucky, "iqm", False) == 61.5
    assert objective.value(lucky, "low", False) == mean_interval(np.asarray(lucky))[1]
    assert objective.value(lucky, "low", True) == mean_interval(np.asarray(lucky))[2]


def test_a_seed_without_a_value_is_the_worst_of_all():
    assert objective.value((99.0, math.nan), "mean", False) == -math.inf
    assert objective.value((0.1, math.nan), "mean", True) == math.inf


def test_objectives_that_cannot_decide():
    objective.require("acc", "low", 2, unfinished=True)
    for metric, aggregate, seeds, unfinished, message in (
        ("offline_acc", "mean", 2, False, "unknown objective 'offline_acc'"),
        ("energy", "mean", 2, False, "unknown objective 'energy'"),
        ("forgetting", "mean", 2, True, "objective that a run has before its end 'forgetting'"),
        ("acc", "low", 1, False, "one seed has no interval"),
    ):
        with pytest.raises(UsageError, match=message):
            objective.require(metric, aggregate, seeds, unfinished)


def data(kind, **settings):
    return kind, replace(streams.REGISTRY[kind].config, settings)


def test_validation_samples_decide_unless_other_data_are_reported():
    digits, sea, plane = data("split", source="digits"), data("drift"), data("drift", concept="hyperplane")
    assert objective.decided_by(digits, "", None) == ("validation samples of digits", "validation")
    assert objective.decided_by(digits, "", sea)[1] == "validation"
    said, probed = objective.decided_by(digits, "test", sea)
    assert (said, probed) == ("test samples of digits; reported is drift", "test")
    assert objective.decided_by(sea, "", plane) == ("test samples of drift; reported is drift", "test")


def test_a_search_that_test_samples_would_decide_is_refused_with_what_to_do():
    digits, other, sea = data("split", source="digits"), data("contexts", source="digits"), data("drift")
    with pytest.raises(UsageError, match=r"probe_on=test: test samples may not choose; .*--reported=EXPERIMENT:STREAM"):
        objective.decided_by(digits, "test", None)
    with pytest.raises(UsageError, match=r"its samples are those that the search would choose on .digits.*other data"):
        objective.decided_by(digits, "test", other)
    for stream in (sea, data("load", source="digits")):
        with pytest.raises(UsageError, match=r"nothing can be held back .*--reported=EXPERIMENT:STREAM"):
            objective.decided_by(stream, "", None)
    with pytest.raises(UsageError, match="its samples are those"):
        objective.decided_by(sea, "", sea)
