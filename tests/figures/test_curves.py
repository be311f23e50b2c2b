"""Curves of figures against numbers worked out by hand, on a record that is written down."""

import json
from pathlib import Path

import numpy as np
import pytest

from pcl.evaluation.reactions import reaction, shifts
from pcl.evaluation.summary import measure
from pcl.figures import curves, reactions
from pcl.figures.panels import PANELS, drawings
from pcl.runner.store import Store

RESULTS = Path(__file__).parents[2] / "results"
BATCH = 10
# Two contexts, A B A B, ten steps each, one step a bin. A is learned in five steps, then in two; B in five and never.
LEARNING = {
    "A1": [1, 1, 2, 2, 9, 9, 9, 9, 9, 9],
    "B1": [0, 1, 2, 2, 8, 8, 8, 8, 8, 8],
    "A2": [4, 9, 9, 9, 9, 9, 9, 9, 9, 9],
    "B2": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
}


@pytest.fixture
def record():
    hits = np.concatenate(list(LEARNING.values())).astype(float)
    return {
        "config": json.dumps({"stream": {"kind": "contexts", "batch": BATCH}}),
        "steps": 40,
        "log_every": 1,
        "task_ends": [],
        "chance": 0.0,
        "probe_steps": [0, 10, 20, 30, 40],
        "probe_accuracy": [[0.1, 0.1], [0.9, 0.1], [0.2, 0.8], [0.9, 0.3], [0.1, 0.0]],
        "group_task": [0, 1],
        "group_count": [50, 50],
        "visit_start": [0, 10, 20, 30],
        "visit_task": [0, 1, 0, 1],
        "seen": np.full(40, float(BATCH)),
        "taught": np.full(40, float(BATCH)),
        "hits": hits,
        "confidence": [0.0] * 8 + [17.0, 0.0],
        "confident_hits": [0.0] * 8 + [15.0, 0.0],
        "confident": [0.0] * 8 + [20.0, 0.0],
        "logged": {},
        "revisit_accuracy": [[0.5, 0.7], [0.1, 0.3]],
    }


def test_retention_by_age_of_each_context(record):
    # A is of age 0 after steps 10 and 30, of age 1 after 20 and 40; B of age 0 after 20 and 40, of age 1 after 30.
    all_tasks = curves.retained(record)
    assert all_tasks.age.tolist() == [0, 1]
    np.testing.assert_allclose(all_tasks.accuracy, [(0.9 + 0.9 + 0.8 + 0.0) / 4, (0.2 + 0.1 + 0.3) / 3])
    by_task = curves.task_retentions([record])
    np.testing.assert_allclose(by_task[0].mean, [90, 15])
    np.testing.assert_allclose(by_task[1].mean, [40, 30])
    # From 0.65 to 0.2: half of it, 0.325, is crossed 0.325 / 0.45 of the way.
    assert curves.half_life(record) == pytest.approx(0.325 / 0.45)


def test_half_of_what_lies_above_chance(record):
    # Above a chance of 0.2, in shares of 0.8: age 0 has 0.7 + 0.7 + 0.6 + 0 = 2.0, age 1 has 0 + 0 + 0.1.
    first, last = 2.0 / 0.8 / 4, 0.1 / 0.8 / 3
    record["chance"] = 0.2
    assert curves.half_life(record) == pytest.approx((first / 2) / (first - last))


def test_answers_by_confidence(record):
    (curve,) = curves.reliability([record])
    assert (curve.x.tolist(), curve.mean.tolist()) == ([85], [75])


def test_samples_to_learn_and_savings(record):
    # Windows of 50 samples inside the visit. Plateau of A's first visit: windows that end with steps 9 and 10, 0.9
    # both (a quarter of ten points is two). Learned at 0.81: the window of steps 4 .. 8 holds 2 + 9 * 4 = 38 of 50,
    # that of 5 .. 9 holds 45, so that it is the ninth bin, 80 samples after the first.
    times = curves.learning_times([record])[0]
    assert times.x.tolist() == [1, 2]
    # B: plateau 0.8, learned at 0.72; 2 + 8 * 4 = 34 of 50 is too few, so the ninth bin as well.
    assert times.mean.tolist() == [80, 80]
    # A again: 4, 13 / 20, 22 / 30 = 0.73, 31 / 40 = 0.775, 40 / 50 = 0.8, then 45 / 50: the sixth bin, 50 samples.
    # B again: never, so that the whole visit counts, 90 samples from its first bin to its last.
    assert curves.return_savings(record) == {1: pytest.approx(100 * ((1 - 50 / 80) + (1 - 90 / 80)) / 2)}
    assert curves.learning_time(record) == 80


def test_probes_time_learning_where_a_visit_holds_several():
    run = next(
        r for r in Store(RESULTS, "split_digits").records() if (r["stream"], r["learner"]) == ("split_digits", "pcn")
    )
    assert curves.learning_time(run) == measure(run)["samples_to_learn"]
    assert curves.half_life(run) == measure(run)["half_life"]


def test_reaction_is_aligned_to_the_shifts(record):
    assert shifts(record).bins.tolist() == [10, 20, 30]
    assert shifts(record).quarter == 2
    (curve,) = reactions.aligned([record], "hits", "seen", "accuracy", 100.0)
    assert curve.x.tolist() == list(range(-2, 10))
    # Two bins before the shifts: 9, 8 and 9 of ten; in the first bin after them 0, 4 and 0.
    np.testing.assert_allclose(curve.mean[:3], [100 * 26 / 30, 100 * 26 / 30, 100 * 4 / 30])
    # Dips 0.9, 0.8 - 0.4 and 0.9; B2 does not recover. 90 % of 0.9 is 0.81, which B1 never reaches.
    found = reaction(record)
    assert found["dip"] == pytest.approx(100 * (0.9 + 0.4 + 0.9) / 3)
    assert found["recovered"] == pytest.approx(100 / 3)
    assert "alarms" not in found


def test_visits_shorter_than_the_log_shows_have_no_reaction(record):
    coarse = record | {"log_every": 5, "hits": np.ones(8), "seen": np.full(8, 50.0), "taught": np.full(8, 50.0)}
    assert shifts(coarse) is None
    assert reactions.aligned([coarse], "hits", "seen", "accuracy") == []
    assert curves.learning_times([coarse]) == []


def test_boundaries_carry_the_share_of_runs_that_have_them(record):
    other = record | {"visit_start": [0, 10, 25, 30]}
    assert curves.boundaries([record, other]) == {10: 1, 20: 0.5, 25: 0.5, 30: 1}


def test_online_accuracy_and_its_slope(record):
    # Visits of 60, 53, 85 and 0 hits of 100.
    wanted = [60, 53, 85, 0]
    np.testing.assert_allclose(curves.online_accuracy([record], "online").mean, wanted)
    # Slope of four points against 0 .. 3: (-1.5 * 60 - 0.5 * 53 + 0.5 * 85 + 1.5 * 0) / 5 = -14.8 a task.
    assert curves.plasticity(record) == pytest.approx(-1480)


def test_revisits_are_means_over_contexts(record):
    *each, mean = curves.revisits([record])
    np.testing.assert_allclose(mean.mean, [30, 50])
    assert [curve.name for curve in each] == ["task 1", "task 2"]


def test_only_panels_with_something_to_show_are_drawn(record):
    names = [drawing.panel.name for drawing in drawings([record])]
    assert "Surprise" not in names
    assert "Savings" in names
    bare = record | {"probe_steps": [], "probe_accuracy": [], "group_task": [], "group_count": []}
    bare |= {"visit_start": [0], "visit_task": [0], "revisit_accuracy": None}
    assert [drawing.panel.name for drawing in drawings([bare])] == ["Online accuracy", "Confidence"]
    assert len({panel.name for panel in PANELS}) == len(PANELS)
