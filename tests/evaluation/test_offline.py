"""Streams beside the same samples shuffled."""

import pytest
from written import record

from pcl.evaluation.offline import offline_rows, order_gaps, shuffled_twins, spreads
from pcl.evaluation.summary import summarise


def run(stream, seed, final, **changes):
    """Final accuracy in % on both tasks."""
    accuracy = [[0.0] * 4] * 4 + [[final / 100] * 4]
    return record(stream=stream, seed=seed, probe_accuracy=accuracy, **changes)


RUNS = [run("x", 0, 90), run("x", 1, 80), run("x_iid", 0, 94), run("x_iid", 1, 79), run("x", 2, 70)]


def test_the_gap_is_what_the_order_cost():
    gap = order_gaps(RUNS)
    assert gap(RUNS[0]) == pytest.approx({"order_gap": 4, "order_gap_size": 4})
    assert gap(RUNS[1]) == pytest.approx({"order_gap": -1, "order_gap_size": 1})
    assert gap(RUNS[2]) == gap(RUNS[4]) == {}  # shuffled itself; no twin of this seed


def test_a_twin_has_the_same_settings_and_seed():
    assert shuffled_twins(RUNS)(RUNS[1]) is RUNS[3]
    assert shuffled_twins(RUNS)(RUNS[0] | {"variant": '{"lr":0.1}'}) is None
    assert shuffled_twins(RUNS)(RUNS[0] | {"learner": "other"}) is None


def test_rows_of_the_gap_are_means_over_the_runs_with_a_twin():
    rows = {row.metric: row for row in summarise(RUNS, order_gaps(RUNS))}
    assert (rows["order_gap"].mean, rows["order_gap_size"].mean) == pytest.approx((1.5, 2.5))
    assert (rows["order_gap"].stream, rows["order_gap"].seeds, rows["order_gap"].runs) == ("x", 2, 3)


def test_offline_accuracy_is_that_of_the_shuffled_stream_under_the_name_of_the_other():
    (row,) = offline_rows(summarise(RUNS))
    assert (row.stream, row.metric, row.mean) == ("x", "offline_acc", pytest.approx(86.5))


def test_the_spread_over_orders_has_no_sign():
    spread = spreads(RUNS)
    assert [spread(one)["acc_spread"] for one in RUNS] == pytest.approx([10, 0, 7.5, 7.5, 10])
