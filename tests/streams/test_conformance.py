"""What every stream of the registry promises; a new file of a stream is tested without a new test."""

import numpy as np
import pytest

from pcl import streams
from pcl.conformance.compared import DoesNotApply
from pcl.conformance.streams import PROPERTIES, QUICK, N, sample_numbers, subjects

CASES = [pytest.param(one, id=f"{one.name}-{one.sourced}") for name in streams.REGISTRY for one in subjects(name)]
# The samples of each visit are drawn on their own, half of all in these tests.
ANEW = ("input_permuted",)
SOURCED = [one for name in streams.REGISTRY if name not in ANEW for one in subjects(name) if one.sourced]
HELD = [pytest.param(held, marks=[] if held in QUICK else pytest.mark.slow, id=held.__name__) for held in PROPERTIES]


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("one", CASES)
def test_every_stream(one, held):
    try:
        held(one)
    except DoesNotApply as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("one", SOURCED, ids=lambda one: one.name)
def test_every_sample_comes_as_often_as_any_other(one):
    number = sample_numbers(one)
    count = np.bincount(number[number >= 0], minlength=N)
    assert np.ptp(count[count > 0]) <= 1
    assert (count > 0).sum() >= N // 2
