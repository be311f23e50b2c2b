"""Calibration against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.evaluation.calibration import (
    expected_calibration_error,
    surprise_error_correlation,
    tenths_by_surprise,
)


def test_ranks_of_surprise_and_error():
    # Mean surprise 3, 1, 2, 4 and error 0.9, 0.2, 0.5, 0.8: ranks 3 1 2 4 and 4 1 2 3, so 1 - 6 * 2 / (4 * 15) = 0.8.
    surprise, taught = [30, 90, 20, 8], [10, 90, 10, 2]
    hits, seen = [1, 8, 5, 4], [10, 10, 10, 20]
    assert surprise_error_correlation(surprise, taught, hits, seen) == pytest.approx(0.8)


def test_bins_without_labels_or_samples_are_left_out():
    surprise, taught = [1, 2, 3, 0, 99], [1, 1, 1, 0, 1]
    hits, seen = [9, 5, 1, 10, 0], [10, 10, 10, 10, 0]
    assert surprise_error_correlation(surprise, taught, hits, seen) == pytest.approx(1)


def test_a_bin_whose_surprise_is_not_finite_spoils_nothing():
    surprise, hits = [1, np.nan, 3, 2, np.inf], [9, 5, 1, 5, 5]
    assert surprise_error_correlation(surprise, np.ones(5), hits, np.full(5, 10)) == pytest.approx(1)


def test_tenths_by_surprise_by_hand():
    # Twenty bins of two taught samples, in an order that is not that of their surprise, and one without.
    order = np.random.default_rng(0).permutation(20)
    surprise, cost, taught = np.append(2.0 * order, 99), np.append(200.0 - 2 * order, 99), np.append(np.full(20, 2), 0)
    mean, spent = tenths_by_surprise(surprise, cost, taught)
    np.testing.assert_allclose(mean, 0.5 + 2 * np.arange(10))
    np.testing.assert_allclose(spent, 100 - 0.5 - 2 * np.arange(10))
    assert np.isnan(tenths_by_surprise([1.0], [1.0], [0])).all()


@pytest.mark.parametrize(
    ("surprise", "hits"),
    [([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [2, 2, 2]), ([1, np.nan, 3], [1, 2, 3]), ([1, 2], [1, 2])],
)
def test_undefined_correlation(surprise, hits):
    ten = np.full(len(hits), 10)
    assert np.isnan(surprise_error_correlation(surprise, ten, hits, ten))


def test_gap_between_confidence_and_accuracy():
    # Bin 0: 4 samples, confidence 0.5, accuracy 0.25; bin 1: 6 samples, 0.9 and 1; bin 2 is empty.
    error = expected_calibration_error([2.0, 5.4, 0.0], [1, 6, 0], [4, 6, 0])
    assert error == pytest.approx(0.4 * 0.25 + 0.6 * 0.1)


def test_no_samples():
    assert np.isnan(expected_calibration_error([0, 0], [0, 0], [0, 0]))


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1)), min_size=1, max_size=15))
def test_a_learner_right_as_often_as_it_says_is_calibrated(bins):
    count = np.array([n for n, _ in bins])
    hits = np.array([round(n * share) for n, share in bins])
    error = expected_calibration_error(hits, hits, count)
    assert np.isnan(error) if count.sum() == 0 else error == 0


def test_refusals():
    with pytest.raises(UsageError, match="of one length"):
        expected_calibration_error([1, 2], [1], [1])
    with pytest.raises(UsageError, match="of one length"):
        surprise_error_correlation([1, 2], [1, 2], [1], [1, 2])
