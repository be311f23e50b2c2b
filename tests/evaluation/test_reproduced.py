"""Verdicts on numbers that were made again, at the edges of their intervals."""

import math

import pytest

from pcl.evaluation.reproduced import EQUAL, NO_INTERVAL, NOT_RUN, OUTSIDE, WITHIN, reproduced, summary, verdict
from pcl.evaluation.summary import Row

NAN = math.nan


def row(mean, low=NAN, high=NAN, seeds=10, metric="acc", learner="l"):
    return Row("e", "s", learner, "", metric, mean, low, high, seeds, seeds, 0, "", "", "")


PUBLISHED = row(90.0, 88.0, 92.0)


@pytest.mark.parametrize(
    ("new", "expected"),
    [(92.0, WITHIN), (88.0, WITHIN), (92.001, OUTSIDE), (87.999, OUTSIDE), (92.00001, WITHIN), (NAN, OUTSIDE)],
)
def test_an_interval_is_closed_and_has_six_digits(new, expected):
    assert verdict(PUBLISHED, PUBLISHED, row(new, 80.0, 99.0)) == expected


def test_fewer_seeds_are_compared_with_themselves():
    """Two seeds that are far from the mean of ten are as they were, a point off, or three."""
    same = row(70.0, 60.0, 80.0, 2)
    assert verdict(PUBLISHED, same, row(70.0, 60.0, 80.0, 2)) == EQUAL
    assert verdict(PUBLISHED, same, row(71.0, 61.0, 81.0, 2)) == WITHIN
    assert verdict(PUBLISHED, same, row(73.0, 63.0, 83.0, 2)) == OUTSIDE
    assert verdict(PUBLISHED, None, row(91.0, seeds=2)) == WITHIN  # other seeds than the published ones
    assert verdict(PUBLISHED, None, row(70.0, seeds=2)) == OUTSIDE


def test_equal_is_every_bit_and_not_a_number_is_equal_to_itself():
    one = row(90.0, seeds=1)
    assert verdict(one, one, row(90.0, seeds=1)) == EQUAL
    assert verdict(one, one, row(math.nextafter(90.0, 91), seeds=1)) == NO_INTERVAL
    assert verdict(PUBLISHED, PUBLISHED, row(math.nextafter(90.0, 91), 88.0, 92.0)) == WITHIN
    assert verdict(PUBLISHED, PUBLISHED, row(90.0, 88.0, math.nextafter(92.0, 93))) == WITHIN
    never = row(math.inf, seeds=5)
    assert verdict(never, never, never) == EQUAL
    assert verdict(never, never, row(7.0, 6.0, 8.0, 5)) == NO_INTERVAL


def test_each_published_number_has_one_row_and_times_have_none():
    published = [PUBLISHED, row(1.0, metric="ms_per_step"), row(50.0, 40.0, 60.0, learner="other"), PUBLISHED]
    new = [row(90.0, 88.0, 92.0), row(2.0, metric="ms_per_step"), row(3.0, learner="nobody published")]
    found = reproduced(published, published, new)
    assert [(one.learner, one.verdict, one.n) for one in found] == [("l", EQUAL, 10), ("other", NOT_RUN, 0)]
    assert (found[0].mean, found[0].same_mean, found[0].new_mean) == (90.0, 90.0, 90.0)
    assert summary(found) == "2 published numbers: 1 equal to the bit, 1 not run at this scale."
