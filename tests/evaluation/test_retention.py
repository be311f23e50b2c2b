"""Retention by age and absorption against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.evaluation.retention import Retention, absorption, ages, half_life, label_information, retention_curve

NAN = np.nan


def test_ages_count_what_ended_since():
    # Three items, one after the other: nothing is known of an item before its own end.
    np.testing.assert_array_equal(
        ages([0, 4, 6, 8, 12], [4, 8, 12], [0, 1, 2]),
        [[NAN, NAN, NAN], [0, NAN, NAN], [0, NAN, NAN], [1, 0, NAN], [2, 1, 0]],
    )


def test_items_that_arrive_together_do_not_age_each_other():
    np.testing.assert_array_equal(ages([4, 8], [4, 4, 8, 8], [3, 1, 0, 2]), [[NAN, 0, NAN, 0], [0, 2, 0, 2]])


def test_an_item_that_comes_back_is_young_again_and_ageless_meanwhile():
    # Item 0 is taught until 2 and again from 4 to 6; item 1 until 4 and again until 8.
    np.testing.assert_array_equal(
        ages([2, 3, 4, 5, 6, 7, 8], [2, 4, 6, 8], [0, 1, 0, 1]),
        [[0, NAN], [0, NAN], [1, 0], [NAN, 0], [0, 1], [0, NAN], [1, 0]],
    )


def test_curve_averages_pairs_of_one_age():
    curve = retention_curve([[0.9, 0.1], [0.5, 0.7]], [[0, NAN], [2, 0]])
    assert curve.age.tolist() == [0, 2]
    np.testing.assert_allclose(curve.accuracy, [(0.9 + 0.7) / 2, 0.5])
    assert curve.pairs.tolist() == [2, 1]


def curve_of(accuracy, pairs=None, age=None):
    n = len(accuracy)
    return Retention(
        np.arange(n, dtype=float) if age is None else np.array(age, float),
        np.array(accuracy, float),
        np.ones(n, int) if pairs is None else np.array(pairs),
    )


def test_half_life_is_read_between_ages():
    # Half of 0.8 is 0.4, crossed between age 1 (0.6) and age 3 (0.2) in the middle.
    assert half_life(curve_of([0.8, 0.6, 0.2], age=[0, 1, 3])) == pytest.approx(2)


def test_half_life_is_not_fooled_by_one_noisy_age():
    # The dip at age 1 (one pair) and the recovery at age 2 (three) are pooled to 0.75: no crossing there.
    assert half_life(curve_of([1.0, 0.3, 0.9, 0.25], pairs=[3, 1, 3, 3])) == pytest.approx(2.5)


def test_half_life_exact_hit():
    assert half_life(curve_of([0.8, 0.4, 0.0])) == pytest.approx(1)
    assert half_life(curve_of([0.8, 0.4])) == pytest.approx(1)


def test_half_life_never_or_undefined():
    assert half_life(curve_of([0.8, 0.7, 0.5])) == np.inf
    assert half_life(curve_of([0.5, 0.5, 0.5])) == np.inf
    assert np.isnan(half_life(curve_of([0.8])))
    assert np.isnan(half_life(curve_of([0.0, 0.0])))


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=12), st.floats(0.1, 10))
def test_half_life_does_not_depend_on_the_scale(accuracy, scale):
    scaled = half_life(curve_of(np.array(accuracy) * scale))
    assert scaled == pytest.approx(half_life(curve_of(accuracy)), rel=1e-6)
    assert scaled > 0


def test_information_of_a_symmetric_channel():
    # Two labels at 3/4: 1 - H(1/4) = 1 + 0.75 log2 0.75 + 0.25 log2 0.25 = 0.188722. Four labels at 1: 2 bits.
    # Four labels at 1/2: 2 - 1 + 0.5 log2(1/6) ... = 2 + 0.5 (-1) + 0.5 (-2.584963) = 0.207519.
    assert label_information([0.75], 2) == pytest.approx([0.188722], abs=1e-6)
    assert label_information([1.0, 0.5], 4) == pytest.approx([2, 0.207519], abs=1e-6)


def test_chance_and_worse_carry_nothing():
    np.testing.assert_allclose(label_information([0.25, 0.1, 0.0], 4), 0, atol=1e-12)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(2, 1000))
def test_information_rises_with_accuracy_up_to_the_label(a, b, n_labels):
    low, high = label_information(sorted((a, b)), n_labels)
    assert 0 <= low <= high + 1e-9 <= np.log2(n_labels) + 2e-9


def test_absorption_by_hand():
    # Two groups of 8 pairs with 2 labels, so at most 8 bits each. Group 0 is taught between probes 0 and 1 and
    # gains 8; meanwhile group 1 is not taught yet. Then group 1 gains 8 while group 0 falls to 3/4, 8 x 0.188722.
    recall = [[0.5, 0.5], [1.0, 0.5], [0.75, 1.0]]
    result = absorption(recall, [0, 10, 20], [10, 20], [8, 8], 2, state_bytes=4)
    kept = 8 * 0.188722
    assert result.gained == pytest.approx(16)
    assert result.lost == pytest.approx(8 - kept, abs=1e-5)
    assert result.held == pytest.approx(8 + kept, abs=1e-5)
    assert result.gained_per_lost == pytest.approx(16 / (8 - kept), abs=1e-5)
    assert result.gained_per_byte == pytest.approx(4)
    assert result.held_per_byte == pytest.approx((8 + kept) / 4, abs=1e-5)


def test_loss_is_net_over_all_older_groups():
    # One pair of two labels is one bit. While group 2 is taught, group 0 is lost and group 1 falls to 3/4; while
    # nothing is taught, group 1 comes back.
    recall = [[0.5, 0.5, 0.5], [1, 1, 0.5], [0.5, 0.75, 1], [0.5, 1, 1]]
    result = absorption(recall, [0, 1, 2, 3], [1, 1, 2], [1, 1, 1], 2, state_bytes=1)
    assert (result.gained, result.lost, result.held) == pytest.approx((3, 1, 2))
    small = absorption(recall[:3], [0, 1, 2], [1, 1, 2], [0, 1, 1], 2, state_bytes=1)
    assert small.gained_per_lost == pytest.approx(2 / (1 - 0.188722), abs=1e-5)


def test_a_group_that_was_not_drawn_holds_what_it_held():
    # Before anything was taught that is nothing; after step 2 it is the bit of group 0, which is then lost.
    recall = [[NAN, 0.5], [1, NAN], [NAN, 1], [0.5, 1]]
    result = absorption(recall, [0, 1, 2, 3], [1, 2], [1, 1], 2, state_bytes=1)
    assert (result.gained, result.lost, result.held) == pytest.approx((2, 1, 1))
    assert absorption(recall[:3], [0, 1, 2], [1, 2], [1, 1], 2, state_bytes=1).held == pytest.approx(2)


def test_curve_leaves_out_what_was_not_drawn():
    curve = retention_curve([[0.9, NAN], [NAN, 0.7]], [[0, 0], [1, 1]])
    np.testing.assert_allclose([curve.age, curve.accuracy, curve.pairs], [[0, 1], [0.9, 0.7], [1, 1]])


def test_absorption_without_loss_is_infinitely_good():
    result = absorption([[0.5, 0.5], [1, 0.5], [1, 1]], [0, 1, 2], [1, 2], [5, 5], 2, state_bytes=10)
    assert result.lost == 0
    assert result.gained_per_lost == np.inf


def test_refusals():
    with pytest.raises(UsageError, match="of one length"):
        ages([1], [1, 2], [0])
    with pytest.raises(UsageError, match="of one shape"):
        retention_curve([[0.5]], [[0, 1]])
    with pytest.raises(UsageError, match="one age at least"):
        retention_curve([[0.5]], [[NAN]])
    with pytest.raises(UsageError, match="first age is 1"):
        half_life(curve_of([0.5, 0.4], age=[1, 2]))
    with pytest.raises(UsageError, match="n_labels=1"):
        label_information([0.5], 1)
    with pytest.raises(UsageError, match=r"0 \.\. 1"):
        label_information([0.5, 1.5], 2)
    with pytest.raises(UsageError, match=r"0 \.\. 1"):
        label_information([-0.5, 0.5], 2)
    with pytest.raises(UsageError, match="at least two probes"):
        absorption([[0.5]], [0], [1], [5], 2, 1)
    with pytest.raises(UsageError, match=r"must be \[P, G\]"):
        absorption([[0.5], [0.6]], [0, 1, 2], [1], [5], 2, 1)
