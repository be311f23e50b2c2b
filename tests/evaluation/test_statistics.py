"""Statistics against numbers worked out by hand and by enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.evaluation.statistics import interquartile_mean, mean_band, mean_interval, paired_permutation_test

SCORES = [0.61, 0.64, 0.58, 0.7, 0.66, 0.59, 0.63]


def test_mean_interval_of_two_values_spans_them():
    # A resample of {0, 1} is 00 or 11 with probability 1/4 each, beyond the 2.5 % tails on either side.
    assert mean_interval([0, 1]) == (0.5, 0, 1)


def test_a_band_is_the_interval_of_every_column():
    values = np.random.default_rng(2).normal(size=(7, 5))
    # Sums over resamples in another order: rounding alone.
    np.testing.assert_allclose(np.transpose(mean_band(values)), [mean_interval(c) for c in values.T], rtol=1e-12)
    values[3, 1] = np.nan
    mean, low, high = mean_band(values)
    assert np.isnan([mean[1], low[1], high[1]]).all()
    assert np.isfinite([mean[0], low[0], high[0]]).all()
    assert np.isnan(mean_band(values[:1])[1]).all()
    with pytest.raises(UsageError, match="must be"):
        mean_band([1.0, 2.0])


def test_mean_interval_near_the_normal_one_for_many_values():
    values = np.random.default_rng(1).normal(3, 2, 400)
    mean, low, high = mean_interval(values)
    half = 1.96 * values.std() / 20
    assert mean == pytest.approx(values.mean())
    # The bootstrap's own error of a 2.5 % quantile is about 3 % of the half width at 9,999 resamples.
    assert (mean - low, high - mean) == pytest.approx((half, half), rel=0.1)


def test_confidence_widens_the_interval():
    assert mean_interval(SCORES, 0.99)[1] < mean_interval(SCORES, 0.5)[1]


def test_constant_single_and_unbounded_values():
    assert mean_interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)
    for values, mean in (([0.7], 0.7), ([1.0, np.inf], np.inf)):
        found, low, high = mean_interval(values)
        assert found == mean
        assert np.isnan([low, high]).all()


def test_interquartile_mean_cuts_a_quarter_at_either_end_of_all_scores():
    # Eight scores, two cut at either end: 2, 3, 4, 5 are left.
    mean, low, high = interquartile_mean([[0, 4], [1, 5], [2, 60], [3, 70]])
    assert mean == 3.5
    assert low <= mean <= high


def test_interquartile_mean_resamples_seeds_within_streams():
    # Streams differ, seeds do not: every resample is the same, so the interval has no width.
    assert interquartile_mean([[0.2, 0.4, 0.9, 1.0]] * 3) == pytest.approx((0.65, 0.65, 0.65))


def test_interquartile_mean_of_one_stream_or_seed():
    mean, low, high = interquartile_mean([[1.0], [2.0], [3.0], [10.0]])
    assert mean == 2.5
    assert 1 <= low < mean < high <= 10
    mean, low, high = interquartile_mean([[1.0, 2.0, 3.0, 10.0]])
    assert mean == 2.5
    assert np.isnan([low, high]).all()


def test_permutation_test_by_hand():
    # Differences 1, 2, 3 and -1: of 16 sign flips the sum reaches 5 or -5 in those with |sum| >= 5:
    # |sum| = 7 twice, and 5 for each of the two ones turned, on either side: 2 + 4 = 6.
    result = paired_permutation_test([1, 2, 3, 0], [0, 0, 0, 1])
    assert result.difference == pytest.approx(1.25)
    assert result.p == pytest.approx(6 / 16)


@given(st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=2, max_size=6))
@settings(max_examples=10, deadline=None)
def test_permutation_test_is_the_share_of_sign_flips(pairs):
    a, b = np.transpose(pairs)
    flips = np.array(list(itertools.product((-1, 1), repeat=len(a))))
    means = np.abs(flips @ (a - b))
    assert paired_permutation_test(a, b).p == pytest.approx((means >= abs((a - b).sum())).mean())


def test_least_p_is_that_of_the_two_extreme_flips():
    a = np.arange(1, 13) / 10
    assert paired_permutation_test(a, np.zeros(12)).p == pytest.approx(2 / 2**12)


def test_many_pairs_are_sampled():
    # Twenty equal differences: only 2 of 2^20 flips are as extreme, so of 9,999 drawn hardly any; the observed counts.
    assert paired_permutation_test(np.ones(20), np.zeros(20)).p <= 4 / 10_000


def test_equal_learners():
    assert paired_permutation_test(SCORES, SCORES) == (0, 0, 0, 1)


def test_pairing_matters_and_order_of_pairs_does_not():
    a, b = np.array(SCORES), np.array(SCORES) - 0.01
    assert paired_permutation_test(a, b).p == pytest.approx(2 / 2**7)
    assert paired_permutation_test(a, b[::-1]).p > 0.5
    order = np.random.default_rng(0).permutation(len(a))
    assert paired_permutation_test(a[order], b[order]).p == pytest.approx(2 / 2**7)


def test_swapping_the_learners_turns_the_sign():
    forth, back = paired_permutation_test(SCORES, SCORES[::-1]), paired_permutation_test(SCORES[::-1], SCORES)
    assert (back.difference, back.p) == pytest.approx((-forth.difference, forth.p))
    better = paired_permutation_test(np.add(SCORES, [0.1, 0.2, 0.1, 0.2, 0.1, 0.2, 0.1]), SCORES)
    assert 0.1 <= better.low < better.difference < better.high <= 0.2


def test_refusals():
    with pytest.raises(UsageError, match="must be pairs"):
        paired_permutation_test([1, 2, 3], [1, 2])
    with pytest.raises(UsageError, match="at least two"):
        paired_permutation_test([1], [2])
    with pytest.raises(UsageError, match=r"\[seeds, streams\]"):
        interquartile_mean(SCORES)
