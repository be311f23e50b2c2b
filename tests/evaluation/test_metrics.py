"""Task metrics against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pcl.errors import UsageError
from pcl.evaluation import metrics

# Three tasks of four steps, a probe every second step. Rows are probes, columns are tasks.
STEPS = [0, 2, 4, 6, 8, 10, 12]
ENDS = [4, 8, 12]
ACCURACY = np.array(
    [
        [0.1, 0.2, 0.3],  # untrained
        [0.5, 0.2, 0.2],
        [0.9, 0.3, 0.1],  # end of task 0
        [0.2, 0.6, 0.1],
        [0.6, 0.8, 0.4],  # end of task 1
        [0.4, 0.1, 0.5],
        [0.5, 0.7, 1.0],  # end of task 2
    ]
)
SEQUENTIAL = (
    metrics.learning_accuracy,
    metrics.backward_transfer,
    metrics.forward_transfer,
    metrics.forgetting,
    metrics.minimum_accuracy,
    metrics.worst_case_accuracy,
    metrics.stability_gap,
)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.average_accuracy, (0.5 + 0.7 + 1.0) / 3),
        # After steps 2 and 4 one task has begun, after 6 and 8 two, after 10 and 12 all three.
        (metrics.average_anytime_accuracy, (0.5 + 0.9 + 0.4 + 0.7 + 1.0 / 3 + 2.2 / 3) / 6),
        (metrics.learning_accuracy, (0.9 + 0.8 + 1.0) / 3),
        (metrics.backward_transfer, ((0.5 - 0.9) + (0.7 - 0.8)) / 2),
        # Task 1 just before it: 0.3, untrained 0.2; task 2: 0.4 against 0.3.
        (metrics.forward_transfer, (0.1 + 0.1) / 2),
        (metrics.forgetting, (0.4 + 0.1) / 2),
        # Worst of task 0 after step 4: 0.2; of task 1 after step 8: 0.1.
        (metrics.minimum_accuracy, (0.2 + 0.1) / 2),
        (metrics.worst_case_accuracy, 1.0 / 3 + 2 / 3 * 0.15),
        # Switch at 4: task 0 falls 0.9 to 0.2. Switch at 8: task 0 falls 0.6 to 0.4, task 1 0.8 to 0.1.
        (metrics.stability_gap, (0.7 + (0.2 + 0.7) / 2) / 2),
    ],
)
def test_three_tasks(metric, expected):
    assert metric(ACCURACY, STEPS, ENDS) == pytest.approx(expected)


def test_intransigence_is_what_a_joint_learner_has_more_at_each_end():
    reference = [0.95, 0.9, 0.9]
    assert metrics.intransigence(ACCURACY, STEPS, ENDS, reference) == pytest.approx((0.05 + 0.1 - 0.1) / 3)


def test_forgetting_seeks_the_best_over_all_earlier_ends():
    # Task 1 is at its best (0.9) at the end of task 0, before it was taught; the last end does not count.
    accuracy = np.array([[0.8, 0.9, 0.0], [0.7, 0.6, 0.0], [0.9, 0.5, 1.0]])
    assert metrics.forgetting(accuracy, [1, 2, 3], [1, 2, 3]) == pytest.approx(((0.8 - 0.9) + (0.9 - 0.5)) / 2)


def test_anytime_accuracy_weighs_a_probe_by_the_steps_it_stands_for():
    # Probes every 4 steps and one more at the end of task 0: the probe after step 5 stands for one step.
    steps, ends = [0, 4, 5, 8], [5, 8]
    accuracy = np.array([[0.0, 0.0], [0.2, 0.0], [1.0, 0.0], [0.4, 0.6]])
    assert metrics.average_anytime_accuracy(accuracy, steps, ends) == pytest.approx((4 * 0.2 + 1.0 + 3 * 0.5) / 8)


def test_two_tasks_that_are_worst_at_their_edges():
    # Task 0 is at its worst at its own end, which min-ACC leaves out, and falls in the last step of task 1.
    accuracy = np.array([[0.0, 0.0], [0.4, 0.1], [0.9, 0.5], [0.8, 0.6]])
    steps, ends = [0, 1, 2, 3], [1, 3]
    assert metrics.minimum_accuracy(accuracy, steps, ends) == pytest.approx(0.8)
    assert metrics.backward_transfer(accuracy, steps, ends) == pytest.approx(0.4)
    assert metrics.stability_gap(accuracy, steps, ends) == 0
    falling = np.array([[0.0, 0.0], [0.9, 0.1], [0.9, 0.5], [0.6, 0.6]])
    assert metrics.stability_gap(falling, steps, ends) == pytest.approx(0.3)


def test_what_a_probe_did_not_draw_is_left_out_of_every_metric():
    accuracy = ACCURACY.copy()
    accuracy[[0, 1, 2, 5], [1, 0, 1, 0]] = np.nan  # task 0 after steps 2 and 10, task 1 before and after step 4
    accuracy[4, 0], accuracy[5, 1] = np.nan, 0.3  # and task 0 at the end of task 1
    expected = {
        metrics.average_accuracy: (0.5 + 0.7 + 1.0) / 3,
        # Nothing of task 0 after step 2; task 1 alone after step 8, tasks 1 and 2 after step 10.
        metrics.average_anytime_accuracy: (2 * 0.9 + 0.4 + 0.8 + (0.3 + 0.5) / 2 + 2.2 / 3) / 6,
        metrics.learning_accuracy: (0.9 + 0.8 + 1.0) / 3,
        metrics.backward_transfer: ((0.5 - 0.9) + (0.7 - 0.8)) / 2,
        metrics.forward_transfer: 0.4 - 0.3,
        metrics.forgetting: ((0.9 - 0.5) + (0.8 - 0.7)) / 2,
        metrics.minimum_accuracy: (0.2 + 0.3) / 2,
        metrics.worst_case_accuracy: 1.0 / 3 + 2 / 3 * 0.25,
        # Task 0 falls 0.9 to 0.2; at the second switch it is not known where it stood, and task 1 falls 0.8 to 0.3.
        metrics.stability_gap: (0.7 + 0.5) / 2,
    }
    assert {f: f(accuracy, STEPS, ENDS) for f in expected} == pytest.approx(expected)
    unknown = np.full_like(accuracy, np.nan)
    assert np.isnan([f(unknown, STEPS, ENDS) for f in expected]).all()


def test_task_accuracy_weighs_classes_by_their_samples():
    class_accuracy = [[1.0, 0.5, 0.0], [0.0, 1.0, 1.0]]
    accuracy = metrics.task_accuracy(class_accuracy, [1, 0, 1], [30, 7, 10])
    np.testing.assert_allclose(accuracy, [[0.5, 0.75], [1.0, 0.25]])
    nan = np.nan
    accuracy = metrics.task_accuracy([[nan, 0.5, 0.0], [0.0, nan, 1.0], [nan, nan, nan]], [1, 0, 1], [30, 7, 10])
    np.testing.assert_allclose(accuracy, [[0.5, 0.0], [nan, 0.25], [nan, nan]])


def test_a_task_without_groups_has_no_accuracy():
    accuracy = metrics.task_accuracy([[0.25, 0.75]], [2, 0], [1, 1])
    np.testing.assert_allclose(accuracy, [[0.75, np.nan, 0.25]])


def test_one_task_or_shared_ends_define_no_transfer():
    one, shared = np.array([[0.1], [0.7]]), np.array([[0.1, 0.2], [0.7, 0.9]])
    for metric in SEQUENTIAL:
        assert np.isnan(metric(one, [0, 3], [3]))
        assert np.isnan(metric(shared, [0, 3], [3, 3]))
    assert metrics.average_accuracy(one, [0, 3], [3]) == pytest.approx(0.7)
    assert metrics.average_anytime_accuracy(shared, [0, 3], [3, 3]) == pytest.approx(0.8)
    assert np.isnan(metrics.intransigence(one, [0, 3], [3], [0.9]))


def test_begins_are_the_ends_before():
    assert metrics.begins([4, 8, 8, 12]).tolist() == [0, 4, 4, 8]


@given(arrays(float, (7, 3), elements=st.floats(0, 1)))
def test_bounds(accuracy):
    def value(metric):
        return metric(accuracy, STEPS, ENDS)

    for metric in (metrics.average_accuracy, metrics.average_anytime_accuracy, metrics.learning_accuracy):
        assert -1e-9 <= value(metric) <= 1 + 1e-9
    assert -1 <= value(metrics.forward_transfer) <= 1
    # The best is at least the accuracy at the task's own end, the worst at most the final one.
    assert value(metrics.forgetting) >= -value(metrics.backward_transfer) - 1e-9
    assert value(metrics.minimum_accuracy) <= accuracy[-1, :-1].mean() + 1e-9
    assert value(metrics.worst_case_accuracy) <= value(metrics.average_accuracy) + 1e-9
    assert 0 <= value(metrics.stability_gap) <= 1


def test_constant_accuracy_neither_transfers_nor_forgets():
    constant = np.full((7, 3), 0.4)
    changes = (metrics.backward_transfer, metrics.forward_transfer, metrics.forgetting, metrics.stability_gap)
    assert [metric(constant, STEPS, ENDS) for metric in changes] == [0, 0, 0, 0]
    assert metrics.worst_case_accuracy(constant, STEPS, ENDS) == pytest.approx(0.4)


@pytest.mark.parametrize("metric", SEQUENTIAL)
def test_an_end_without_a_probe_is_refused_where_it_is_needed(metric):
    with pytest.raises(UsageError, match="no probe at the end"):
        metric(ACCURACY, STEPS, [4, 8, 11])
    assert np.isfinite(metrics.average_accuracy(ACCURACY, STEPS, [4, 8, 11]))


@pytest.mark.parametrize("metric", [metrics.average_accuracy, metrics.average_anytime_accuracy, *SEQUENTIAL])
@pytest.mark.parametrize(
    ("accuracy", "steps", "ends", "message"),
    [
        (ACCURACY[:, 0], STEPS, ENDS, r"must be \[P, T\]"),
        (ACCURACY, STEPS[1:], ENDS, r"must be \[P, T\]"),
        (ACCURACY, STEPS, ENDS[1:], r"must be \[P, T\]"),
        (ACCURACY, STEPS, [8, 4, 12], "stream order"),
        (ACCURACY, STEPS[::-1], ENDS, "steps must increase"),
        (ACCURACY, [0, 2, 4, 8, 8, 10, 12], ENDS, "steps must increase"),
    ],
)
def test_shapes_that_disagree_are_refused(metric, accuracy, steps, ends, message):
    with pytest.raises(UsageError, match=message):
        metric(accuracy, steps, ends)


def test_other_refusals():
    with pytest.raises(UsageError, match="first probe is after step 2"):
        metrics.forward_transfer(ACCURACY[1:], STEPS[1:], ENDS)
    with pytest.raises(UsageError, match="one accuracy for each of the 3 tasks"):
        metrics.intransigence(ACCURACY, STEPS, ENDS, [0.9])
    with pytest.raises(UsageError, match=r"must be \[P, G\], G, G"):
        metrics.task_accuracy(ACCURACY, [0, 1], [5, 5])
