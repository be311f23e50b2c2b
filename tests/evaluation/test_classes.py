"""Classes by order of arrival and by age, on a record that is written down."""

import numpy as np
import pytest

from pcl.evaluation import classes
from pcl.evaluation.retention import Retention

# Three classes; the second to be numbered came first. One probe before, one after two classes, one at the end.
RECORD = {
    "stream": "x",
    "learner": "ncm",
    "variant": "{}",
    "seed": 0,
    "task_ends": [10, 20, 30],
    "probe_steps": [0, 20, 30],
    "group_task": [2, 0, 1],
    "group_count": [4, 4, 4],
    "probe_accuracy": [[0.0, 0.1, 0.2], [0.0, 0.8, 0.4], [0.9, np.nan, 0.5]],
}


def test_classes_are_ordered_by_arrival():
    met, accuracy = classes.class_accuracy(RECORD)
    assert met.tolist() == [0, 2, 3]
    np.testing.assert_allclose(accuracy, [[10, 20, 0], [80, 40, 0], [np.nan, 50, 90]])


def test_accuracy_of_the_classes_met_so_far_and_of_the_first_of_them():
    assert classes.accuracy_of_met(RECORD) == pytest.approx({2: 60, 3: 70})  # the class that was not drawn is left out
    assert classes.accuracy_of_met(RECORD, 2) == pytest.approx({2: 60, 3: 50})


def test_the_first_and_the_last_at_the_end(monkeypatch):
    monkeypatch.setattr(classes, "FIRST", 2)
    monkeypatch.setattr(classes, "AT", (2, 5))
    assert classes.by_arrival(RECORD) == pytest.approx({"acc_2": 60, "acc_first_2": 50, "acc_last_2": 70})
    shuffled = RECORD | {"stream": "x_iid", "probe_accuracy": [[0.1, 0.6, 0.2]], "group_task": [0, 1, 2]}
    found = classes.first_classes_shuffled([RECORD, shuffled])
    # The two that came first in turn are the second and the third by number, wherever they stood when shuffled.
    assert found(RECORD) == pytest.approx({"offline_first_2": 40})
    assert found(RECORD | {"seed": 1}) == {}


def test_tenths_are_rounded_up():
    eleven = np.linspace(0, 1, 11)
    record = RECORD | {"group_task": range(11), "group_count": [1] * 11, "probe_accuracy": [eleven]}
    assert classes.tenths(record) == pytest.approx({"first_tenth_acc": 5, "last_tenth_acc": 95})


def test_ages_are_binned_behind_the_first():
    curve = Retention(np.array([0.0, 1, 2, 3]), np.array([0.9, 0.8, 0.5, 0.1]), np.array([5, 1, 3, 2]))
    found = classes.by_age(curve, 2)
    assert found == pytest.approx({0: 90, (1 + 2 * 3) / 4: 100 * (0.8 + 3 * 0.5) / 4, 3: 10})
