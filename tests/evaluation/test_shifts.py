"""Reaction to shifts and plasticity against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.evaluation.shifts import match_alarms, mean_reaction, plasticity_slope, shift_reaction, surprise_alarms

SEEN = np.full(10, 10)
#         before the shift | shift at bin 3           | shift at bin 7
HITS = np.array([2, 8, 8, 4, 2, 6, 8, 8, 3, 5])


def test_dip_and_recovery_by_hand():
    reaction = shift_reaction(HITS, SEEN, [3, 7], window=2)
    np.testing.assert_allclose(reaction.before, [0.8, (6 + 8) / 20])
    np.testing.assert_allclose(reaction.dip, [0.8 - 0.2, 0.7 - 0.3])
    # 90 % of 0.8 is 0.72: bin 6 is the first back, after 40 samples. 90 % of 0.7 is 0.63: bin 7 is above it, but
    # the fall comes after, and 0.5 is not back.
    np.testing.assert_allclose(reaction.recovery, [40, np.inf])
    np.testing.assert_allclose(reaction.stretch, [40, 30])


def test_mean_counts_a_shift_without_recovery_with_its_whole_stretch():
    mean = mean_reaction(shift_reaction(HITS, SEEN, [3, 7], window=2))
    assert mean.dip == pytest.approx(0.5)
    assert mean.recovery == pytest.approx((40 + 30) / 2)
    assert mean.recovered == 0.5


def test_window_does_not_reach_behind_the_shift_before():
    reaction = shift_reaction(HITS, SEEN, [3, 7], window=100)
    np.testing.assert_allclose(reaction.before, [18 / 30, (4 + 2 + 6 + 8) / 40])


def test_a_shift_without_effect_is_recovered_at_once():
    reaction = shift_reaction(np.full(6, 5), np.full(6, 10), [3], window=3)
    assert (reaction.dip[0], reaction.recovery[0]) == (0, 0)


def test_exactly_the_share_is_back():
    # Half of 0.8 is 0.4.
    assert shift_reaction([8, 0, 4, 4], [10] * 4, [1], window=1, share=0.5).recovery[0] == 20


def test_bins_in_which_nothing_arrived_say_nothing():
    reaction = shift_reaction([8, 0, 2, 0, 8], [10, 10, 10, 0, 10], [1], window=1)
    assert reaction.dip[0] == pytest.approx(0.8)
    assert reaction.recovery[0] == 30


@given(st.lists(st.integers(0, 10), min_size=6, max_size=30), st.data())
def test_recovery_lies_within_the_stretch(hits, data):
    shifts = sorted(data.draw(st.sets(st.integers(1, len(hits) - 1), min_size=1, max_size=4)))
    reaction = shift_reaction(hits, np.full(len(hits), 10), shifts, window=3)
    assert ((reaction.recovery <= reaction.stretch) | np.isinf(reaction.recovery)).all()
    assert (np.abs(reaction.dip) <= 1).all()
    assert reaction.stretch.sum() == 10 * (len(hits) - shifts[0])


def test_alarms_by_hand():
    # Shifts at 10, 20, 30, founded for 3 bins. 2 and 9: too early. 14: too late. 20 and 21: the first counts. 33: just.
    result = match_alarms([21, 9, 14, 20, 2, 33], [10, 20, 30], tolerance=3)
    assert result.false.tolist() == [2, 1, 0, 0]
    assert result.delay.tolist() == [np.inf, 0, 3]
    assert match_alarms([10], [10], tolerance=0).delay.tolist() == [0]


def test_no_alarms_miss_every_shift_and_alarms_without_shifts_are_false():
    assert match_alarms([], [10, 20], 3).delay.tolist() == [np.inf, np.inf]
    assert match_alarms([], [10, 20], 3).false.tolist() == [0, 0, 0]
    assert match_alarms([4, 5], [], 3).false.tolist() == [2]


def test_alarms_of_surprise_by_hand():
    # Reference 0, 2: mean 1, deviation sqrt(2). Bin 2 lies one deviation above: the sum is 1 - 0.5. Its own reference
    # is 2, 1 + sqrt(2): mean 2.2071, deviation 0.2929; bin 3 lies two deviations above: 0.5 + 2 - 0.5 = 2.
    third = 1 + np.sqrt(2)
    surprise = [0, 2, third, (2 + third) / 2 + 2 * (third - 2) / np.sqrt(2)]
    assert surprise_alarms(surprise, threshold=1.99, reference=2).tolist() == [3]
    assert surprise_alarms(surprise, threshold=2.01, reference=2).tolist() == []
    assert surprise_alarms(surprise, threshold=0.49, reference=2).tolist() == [2]
    assert surprise_alarms(surprise, drift=1.1, threshold=0.9, reference=2).tolist() == []


def test_a_flat_series_raises_no_alarm_until_it_rises_and_bins_without_labels_are_left_out():
    flat = np.full(40, 0.7)
    assert surprise_alarms(flat).size == 0
    assert surprise_alarms(np.where(np.arange(40) < 25, flat, 0.1)).size == 0
    step = np.where(np.arange(40) < 25, flat, 0.8)
    assert surprise_alarms(step).tolist() == [25]
    # The test begins anew behind the alarm: ten bins later the higher level is the reference.
    step[20:25] = np.nan
    assert surprise_alarms(step).tolist() == [25]
    assert surprise_alarms([0.1, 0.2]).size == 0


def test_false_alarms_are_rare_and_a_large_shift_is_noticed_at_once():
    # About one alarm in 570 bins at the defaults on Gaussian noise, measured on 12,000 bins; here 2,000.
    noise = np.random.default_rng(0).normal(size=2000)
    assert len(surprise_alarms(noise)) <= 10
    shifted = noise[:100] + 10 * (np.arange(100) >= 50)
    assert 50 in surprise_alarms(shifted)


def test_slope_of_a_line_is_exact():
    slope = plasticity_slope(0.9 - 0.002 * np.arange(200))
    assert slope == pytest.approx((-0.2, -0.2, -0.2))


def test_slope_and_interval_by_hand():
    # Accuracies 0, 1, 1, 2 at tasks 0 .. 3: slope 3 / 5 = 0.6, residuals -0.1, 0.3, -0.3, 0.1 (sum of squares 0.2),
    # standard error sqrt(0.2 / 2 / 5) = 0.141421, times 4.302653 (Student, 2 degrees, 97.5 %) = 0.608487.
    slope = plasticity_slope([0, 1, 1, 2])
    assert slope == pytest.approx((60, 60 - 60.8487, 60 + 60.8487), abs=1e-3)


def test_slope_of_few_or_equal_tasks():
    assert plasticity_slope([0.7] * 50) == pytest.approx((0, 0, 0), abs=1e-12)
    assert np.isnan(plasticity_slope([0.5])).all()
    two = plasticity_slope([0.5, 0.6])
    assert two.per_100 == pytest.approx(10)
    assert np.isnan(two.low)


@pytest.mark.parametrize("shifts", [[0], [10], [0, 5], [5, 10], [3, 3], [7, 3], []])
def test_shifts_without_a_bin_on_both_sides_are_refused(shifts):
    with pytest.raises(UsageError, match="increasing bins"):
        shift_reaction(HITS, SEEN, shifts, window=2)


def test_other_refusals():
    with pytest.raises(UsageError, match="of one length"):
        shift_reaction(HITS, SEEN[1:], [3], window=2)
    with pytest.raises(UsageError, match="window=0"):
        shift_reaction(HITS, SEEN, [3], window=0)
    with pytest.raises(UsageError, match="increasing bins"):
        match_alarms([1], [2, 5, 5], 1)
    with pytest.raises(UsageError, match="reference=1"):
        surprise_alarms([1, 2], reference=1)
    with pytest.raises(UsageError, match="threshold=0"):
        surprise_alarms([1, 2], threshold=0.0)
    with pytest.raises(UsageError, match="tolerance=-1"):
        match_alarms([1], [2], -1)
