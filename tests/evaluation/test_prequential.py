"""Prequential estimators against numbers worked out by hand, and against the definition sample by sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.evaluation import prequential

HITS, SEEN = [1, 0, 3, 2], [2, 2, 4, 2]


def test_plain():
    assert prequential.prequential_accuracy(HITS, SEEN) == pytest.approx(6 / 10)


def test_window_takes_the_fewest_latest_bins_that_fill_it():
    # 4 samples: the first two bins fall short or just fill it; then 4 of bin 2 alone; then bins 2 and 3 for 6.
    np.testing.assert_allclose(prequential.windowed_accuracy(HITS, SEEN, 4), [1 / 2, 1 / 4, 3 / 4, 5 / 6])


def test_window_wider_than_the_stream_is_the_plain_estimate():
    running = np.cumsum(HITS) / np.cumsum(SEEN)
    np.testing.assert_allclose(prequential.windowed_accuracy(HITS, SEEN, 1000), running)


def test_fading_by_hand():
    # Single samples, factor 1/2: S = 1, 0.5, 1.25; N = 1, 1.5, 1.75.
    np.testing.assert_allclose(prequential.fading_accuracy([1, 0, 1], [1, 1, 1], 0.5), [1, 1 / 3, 5 / 7])


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.floats(0.05, 1))
def test_fading_is_the_weighted_mean_of_all_samples(hits, factor):
    weights = factor ** np.arange(len(hits))[::-1]
    fading = prequential.fading_accuracy(hits, np.ones(len(hits)), factor)
    assert fading[-1] == pytest.approx(np.average(hits, weights=weights))


def test_fading_of_even_bins_is_that_of_their_samples():
    # A bin of three with no or all hits has no order to lose.
    singles = prequential.fading_accuracy([1, 1, 1, 0, 0, 0], np.ones(6), 0.8)
    np.testing.assert_allclose(prequential.fading_accuracy([3, 0], [3, 3], 0.8), singles[[2, 5]])


def test_fading_of_bins_of_unequal_size_is_that_of_their_samples():
    singles = prequential.fading_accuracy([1, 0, 0, 0, 1, 1], np.ones(6), 0.8)
    np.testing.assert_allclose(prequential.fading_accuracy([1, 0, 2], [1, 3, 2], 0.8), singles[[0, 3, 5]])


def test_without_fading_it_is_the_plain_estimate():
    np.testing.assert_allclose(
        prequential.fading_accuracy(HITS, SEEN, 1.0), np.array([1, 1, 4, 6]) / np.array([2, 4, 8, 10])
    )


def test_empty_bins_are_undefined_at_first_and_carry_on_later():
    for estimate in (
        prequential.windowed_accuracy([0, 1, 0], [0, 2, 0], 2),
        prequential.fading_accuracy([0, 1, 0], [0, 2, 0], 0.9),
    ):
        np.testing.assert_allclose(estimate, [np.nan, 0.5, 0.5])


def test_samples_at_follows_a_short_last_bin():
    # Bins of 3 steps over 5 steps: edges at 0, 3, 5.
    np.testing.assert_allclose(prequential.samples_at([0, 1, 3, 4, 5], [30, 20], 3, 5), [0, 10, 30, 40, 50])


def test_accuracy_of_each_task_met():
    # Bins of 2 steps, tasks end after steps 3 and 6: half of bin 1 belongs to each.
    accuracy = prequential.task_prequential_accuracy([2, 10, 20], [20, 20, 20], 2, 6, [3, 6])
    np.testing.assert_allclose(accuracy, [(2 + 5) / 30, (5 + 20) / 30])


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=20),
    st.integers(1, 40),
    st.floats(0.1, 1),
)
def test_estimates_stay_within_0_and_1(pairs, window, factor):
    hits, seen = [min(pair) for pair in pairs], [max(pair) for pair in pairs]
    for estimate in (
        prequential.windowed_accuracy(hits, seen, window),
        prequential.fading_accuracy(hits, seen, factor),
    ):
        assert (np.isnan(estimate) == (np.cumsum(seen) == 0)).all()
        known = estimate[~np.isnan(estimate)]
        assert ((known >= -1e-9) & (known <= 1 + 1e-9)).all()


def test_refusals():
    with pytest.raises(UsageError, match="of one length"):
        prequential.prequential_accuracy([1, 2], [3])
    with pytest.raises(UsageError, match="not empty"):
        prequential.prequential_accuracy([], [])
    with pytest.raises(UsageError, match="window=0"):
        prequential.windowed_accuracy(HITS, SEEN, 0)
    with pytest.raises(UsageError, match=r"factor=1\.1"):
        prequential.fading_accuracy(HITS, SEEN, 1.1)
    with pytest.raises(UsageError, match="cannot hold 9 steps"):
        prequential.samples_at([1], SEEN, 2, 9)
    with pytest.raises(UsageError, match="cannot hold 6 steps"):
        prequential.samples_at([1], SEEN, 2, 6)
