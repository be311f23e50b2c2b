"""Samples to learn and savings against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.evaluation.acquisition import criterion, plateau, samples_to_learn, savings

SAMPLES = [100, 110, 120, 130, 140, 150, 160, 170]
CURVE = [0.0, 0.3, 0.6, 0.7, 0.75, 0.8, 0.78, 0.82]


def test_plateau_is_the_last_quarter():
    assert plateau(CURVE) == pytest.approx((0.78 + 0.82) / 2)
    assert plateau([0.1, 0.7]) == pytest.approx(0.7)


def test_criterion_is_counted_from_chance():
    assert criterion(CURVE) == pytest.approx(0.72)
    assert criterion(CURVE, share=0.5, chance=0.5) == pytest.approx(0.65)
    assert criterion(CURVE, chance=0.8) == np.inf


def test_samples_to_learn_counts_from_the_first_occurrence():
    # 0.72 is first reached by 0.75, at 140.
    assert samples_to_learn(CURVE, SAMPLES) == 40
    assert samples_to_learn(CURVE, SAMPLES, share=0.5) == 20


def test_known_at_once_or_never_learned():
    assert samples_to_learn([0.5, 0.5, 0.5], [7, 8, 9]) == 0
    assert samples_to_learn([0.0, 0.0, 0.0], [7, 8, 9]) == np.inf
    assert samples_to_learn([0.5, 0.5, 0.5], [7, 8, 9], chance=0.5) == np.inf


def test_savings_are_measured_against_the_first_level():
    # The first time 40 samples to 0.72. Again: its own plateau is higher, but 0.72 counts, reached after 10.
    again = [0.5, 0.74, 0.9, 0.95]
    assert savings(CURVE, SAMPLES, again, [900, 910, 920, 930]) == pytest.approx((40 - 10) / 40)


def test_savings_extremes():
    assert savings(CURVE, SAMPLES, [0.8, 0.8], [900, 910]) == 1  # still known
    assert savings(CURVE, SAMPLES, CURVE, SAMPLES) == 0  # from scratch
    assert savings(CURVE, SAMPLES, [0.1, 0.9], [900, 960]) == pytest.approx((40 - 60) / 40)  # slower
    assert savings(CURVE, SAMPLES, [0.1, 0.7], [900, 910]) == -np.inf  # not again
    assert np.isnan(savings([0.0, 0.0], [0, 5], [0.0, 1.0], [9, 12]))  # never learned
    assert np.isnan(savings([0.7, 0.7], [0, 5], [0.0, 1.0], [9, 12]))  # nothing to learn


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=20), st.floats(0.1, 1), st.integers(0, 1000))
def test_samples_lie_within_the_curve_and_do_not_depend_on_when_it_begins(accuracy, share, start):
    samples = 3 * np.arange(len(accuracy))
    needed = samples_to_learn(accuracy, samples, share)
    assert 0 <= needed <= samples[-1]
    assert samples_to_learn(accuracy, samples + start, share) == needed


def test_refusals():
    with pytest.raises(UsageError, match="of one length"):
        samples_to_learn([0.1, 0.2], [1])
    with pytest.raises(UsageError, match=r"share=0\.0"):
        samples_to_learn([0.1], [1], share=0.0)
