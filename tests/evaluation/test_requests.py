"""What asking saves, worked out by hand."""

import numpy as np
import pytest

from pcl.errors import UsageError
from pcl.evaluation.requests import labels_saved

RANDOM, ACCURACY = [1, 10, 100], [50, 70, 90]  # shares in %; twenty points a factor of ten


def test_labels_saved_by_hand():
    # 70 takes 10 % of random labels: ten times 1 %. 80 lies half way between 10 and 100 on a logarithm.
    saved = labels_saved([1, 2, 10], [70, 80, 90], RANDOM, ACCURACY)
    np.testing.assert_allclose(saved.times, [10, np.sqrt(10 * 100) / 2, 10])
    assert saved.share.tolist() == [1, 2, 10]
    assert saved.reached.all()


def test_what_is_better_than_all_random_labels_saves_at_least_as_many_as_there_were():
    saved = labels_saved([5, 25], [89, 95], RANDOM, ACCURACY)
    assert saved.reached.tolist() == [True, False]
    assert saved.times[1] == pytest.approx(100 / 25)


def test_what_is_worse_than_the_fewest_random_labels_is_left_out():
    assert labels_saved([1, 2], [49, 50], RANDOM, ACCURACY).share.tolist() == [2]


def test_a_fall_of_random_labels_is_noise():
    # 60 at 10 % after 70 at 1 %: 70 is reached with 1 %, and 80 half way from there, at the 10 % still 70, to 90.
    saved = labels_saved([1], [80], RANDOM, [70, 60, 90])
    assert saved.times[0] == pytest.approx(np.sqrt(10 * 100))


def test_refusals():
    with pytest.raises(UsageError, match="of one length"):
        labels_saved([1, 2], [50], RANDOM, ACCURACY)
