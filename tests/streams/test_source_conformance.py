"""What every source of the registry promises, where its data are; a new file is tested without a new test."""

import re

import pytest

from pcl.conformance.compared import DoesNotApply
from pcl.conformance.sources import PROPERTIES, Subject
from pcl.streams.sources import SOURCES

EMBEDDED = [name for name, entry in SOURCES.items() if entry.embedded]
REAL = [pytest.param(name, marks=pytest.mark.slow) for name in SOURCES if name not in EMBEDDED]
EVERY = pytest.mark.parametrize("name", [*EMBEDDED, *REAL])


@EVERY
@pytest.mark.parametrize("held", PROPERTIES, ids=lambda held: held.__name__)
def test_every_source(real, name, held):
    try:
        held(Subject(SOURCES[name], real(name), lambda: real(name)))
    except DoesNotApply as why:
        pytest.skip(str(why))


@EVERY
def test_the_summary_of_a_source_has_its_numbers(real, name):
    found, entry = real(name), SOURCES[name]
    numbers = [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", entry.summary)]
    assert numbers[0] == len(found.y_train) + len(found.y_test)
    assert {found.num_classes, *entry.shape} - {64} <= set(numbers)  # digits are vectors of 8x8
