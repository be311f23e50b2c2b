"""Statistics against numbers worked out by hand and by enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.evaluation.statistics import interquartile_mean, mean_band, mean_interval, paired_permutation_test

SCORES = [0.61, 0.64, 0.58, 0.7, 0.66, 0.59, 0.63]


def test_mean_interval_by_hand():
    # Student's 97.5 % quantile is 12.7062 for one degree of freedom and 4.30265 for two.
    half = 12.7062 * np.sqrt(0.5) / np.sqrt(2)
    assert mean_interval([0, 1]) == pytest.approx((0.5, 0.5 - half, 0.5 + half), abs=1e-4)
    half = 4.30265 * 1 / np.sqrt(3)
    assert mean_interval([80, 81, 82]) == pytest.approx((81, 81 - half, 81 + half), abs=1e-4)


def coverage(law, mean, n, interval=mean_band):
    """Share of 20,000 intervals from n values each that hold the true mean; its standard error is 0.0015 at 95 %."""
    _, low, high = interval(law(np.random.default_rng(0), (n, 20_000)))
    return np.mean((low <= mean) & (mean <= high))


@pytest.mark.parametrize("n", [3, 4, 5, 10])
def test_intervals_cover_what_they_state_at_few_seeds(n):
    assert coverage(lambda rng, size: rng.normal(3, 2, size), 3, n) == pytest.approx(0.95, abs=0.005)
    # Exponential values are as skewed as accuracies near a bound: less is covered, as the module says.
    assert 0.875 <= coverage(lambda rng, size: rng.exponential(size=size), 1, n) <= 0.91


def test_what_a_percentile_bootstrap_would_cover():
    """Why it is not used: of three values each of 27 resamples is as likely as the others."""

    def bootstrap(values):
        draws = np.array(list(itertools.product(range(3), repeat=3)))
        means = np.sort(values[draws].mean(1), axis=0)
        return None, means[0], means[-1]  # 2.5 % of 27 is less than one

    assert coverage(lambda rng, size: rng.normal(size=size), 0, 3, bootstrap) == pytest.approx(0.75, abs=0.01)


def test_a_band_is_the_interval_of_every_column_over_the_seeds_that_have_it():
    values = np.random.default_rng(2).normal(size=(7, 5))
    np.testing.assert_allclose(np.transpose(mean_band(values)), [mean_interval(c) for c in values.T], rtol=1e-12)
    values[3, 1] = np.nan
    np.testing.assert_allclose(np.transpose(mean_band(values))[1], mean_interval(np.delete(values[:, 1], 3)))
    values[:, 2], values[0, 4] = np.nan, np.inf
    mean, low, high = mean_band(values)
    assert np.isnan([mean[2], low[2], high[2], low[4], high[4]]).all()
    assert mean[4] == np.inf
    assert np.isnan(mean_band(values[:1])[1]).all()
    with pytest.raises(UsageError, match="must be"):
        mean_band([1.0, 2.0])


def test_confidence_widens_the_interval():
    assert mean_interval(SCORES, 0.99)[1] < mean_interval(SCORES, 0.5)[1]


def test_constant_single_and_unbounded_values():
    assert mean_interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)
    for values, mean in (([0.7], 0.7), ([0.7, np.nan], 0.7), ([1.0, np.inf], np.inf)):
        found, low, high = mean_interval(values)
        assert found == mean
        assert np.isnan([low, high]).all()


def test_interquartile_mean_cuts_a_quarter_at_either_end_of_all_scores():
    # Eight scores, two cut at either end: 2, 3, 4, 5 are left.
    mean, low, high = interquartile_mean([[0, 4], [1, 5], [2, 60], [3, 70]])
    assert mean == 3.5
    assert low <= mean <= high


def test_interquartile_mean_of_equal_seeds_has_no_width():
    assert interquartile_mean([[0.2, 0.4, 0.9, 1.0]] * 3) == pytest.approx((0.65, 0.65, 0.65))


def test_interquartile_mean_of_one_stream_or_seed():
    mean, low, high = interquartile_mean([[1.0], [2.0], [3.0], [10.0]])
    assert mean == 2.5
    # Of three values none is cut: without a seed the means are 5, 14 / 3, 13 / 3 and 2. Squared distances from their
    # mean 4 sum to 1 + 4 / 9 + 1 / 9 + 4, times 3 / 4, is the squared error; 3.18245 is Student's for three degrees.
    half = 3.18245 * np.sqrt(0.75 * (5 + 5 / 9))
    assert (low, high) == pytest.approx((2.5 - half, 2.5 + half), abs=1e-4)
    mean, low, high = interquartile_mean([[1.0, 2.0, 3.0, 10.0]])
    assert mean == 2.5
    assert np.isnan([low, high]).all()


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5])
def test_interquartile_means_cover_what_they_state_on_several_streams(n):
    # Symmetric scores around each stream's own mean: the true interquartile mean is the middle stream's.
    rng, streams = np.random.default_rng(0), np.array([0.0, 1, 2, 3, 4])
    found = [interquartile_mean(streams + rng.normal(size=(n, 5))) for _ in range(1000)]
    # The standard error of 1,000 draws is 0.007.
    assert np.mean([low <= 2 <= high for _, low, high in found]) == pytest.approx(0.95, abs=0.02)


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
    # Differences of 0.1 four times and 0.2 three: their interval is that of the mean of seven values.
    assert better[:3] == pytest.approx(mean_interval([0.1] * 4 + [0.2] * 3))
    assert better.low > 0


def test_refusals():
    with pytest.raises(UsageError, match="must be pairs"):
        paired_permutation_test([1, 2, 3], [1, 2])
    with pytest.raises(UsageError, match="at least two"):
        paired_permutation_test([1], [2])
    with pytest.raises(UsageError, match=r"\[seeds, streams\]"):
        interquartile_mean(SCORES)
