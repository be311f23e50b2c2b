"""Points of accuracy against costs: which are drawn, and that their names cover nothing."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

from pcl.figures import labels
from scripts.tradeoffs import Kind, Point, unbeaten


def points(*values):
    """Points of the given (accuracy, bytes, prequential accuracy), named in their order."""
    kind = Kind(False, False, False)
    return [
        Point("e", "rls", str(i), kind, {"acc": acc, "state_bytes": size, "prequential_acc": lived}, "acc", 0, 0, 1, 0)
        for i, (acc, size, lived) in enumerate(values)
    ]


def test_a_point_is_drawn_unless_another_is_as_good_for_no_more():
    some = points((90, 100, 50), (90, 100, 60), (80, 100, 99), (70, 10, 40), (95, 200, 55), (70, 10, 40))
    assert [point.variant for point in unbeaten(some, "state_bytes")] == ["3", "0", "4"]
    assert [point.variant for point in unbeaten(some, "prequential_acc")] == ["2", "1", "4"]


def test_what_is_drawn_of_a_learner_says_what_it_uses():
    assert str(Kind(True, False, True)) == "backpropagation, stores samples"
    assert str(Kind(False, True, False)) == "no gradient across layers, told tasks"


@pytest.mark.parametrize("spread", [0.0, 0.02, 1.0])
def test_names_cover_neither_each_other_nor_points(spread):
    x, y = np.random.default_rng(0).uniform(0.5 - spread / 2, 0.5 + spread / 2, (2, 12))
    figure, axis = plt.subplots(figsize=(3.5, 2.5))
    axis.set(xlim=(0, 1), ylim=(0, 1))
    figure.draw_without_rendering()
    labels.place(axis, [(f"learner_{i}", *at) for i, at in enumerate(zip(x[:9], y[:9], strict=True))], [(x[9], y[9])])
    boxes = [text.get_window_extent() for text in axis.texts]
    plt.close(figure)
    assert len(boxes) == 9
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    for at in axis.transData.transform(np.transpose([x, y])[:10]):
        assert not [box for box in boxes if box.contains(*at)]
