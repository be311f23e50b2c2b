"""What every source of the registry promises, where its data are; a new file is tested without a new test."""

import re

import numpy as np
import pytest

from pcl.streams.sources import HELD_OUT, SOURCES, samples

EMBEDDED = [name for name, entry in SOURCES.items() if entry.embedded]
REAL = [pytest.param(name, marks=pytest.mark.slow) for name in SOURCES if name not in EMBEDDED]
EVERY = pytest.mark.parametrize("name", [*EMBEDDED, *REAL])


@EVERY
def test_a_source_is_what_its_entry_says(real, name):
    found, entry = real(name), SOURCES[name]
    assert found.x_train.shape[1:] == found.x_test.shape[1:] == entry.shape
    assert (found.num_classes, found.scale) == (entry.num_classes, entry.scale)
    assert (np.bincount(found.y_train, minlength=found.num_classes) > 0).all()
    assert found.y_train.dtype == found.y_test.dtype == np.int32
    assert 0 <= found.y_test.min(initial=0) <= found.y_test.max(initial=0) < found.num_classes
    assert bool(len(found.y_test)) != entry.in_time_order
    numbers = [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", entry.summary)]
    assert numbers[0] == len(found.y_train) + len(found.y_test)
    assert {found.num_classes, *entry.shape} - {64} <= set(numbers)  # digits are vectors of 8x8


@EVERY
def test_samples_are_finite_and_images_fill_the_range_from_0_to_1(real, name):
    found = real(name)
    assert np.isfinite(found.x_train).all()
    if found.scale != 1:
        assert found.x_train.min() == 0
        assert found.x_train.max() * found.scale == found.x_test.max() * found.scale == 1


@EVERY
def test_a_source_is_the_same_whenever_it_is_loaded(real, name):
    first, second = real(name), real(name)
    assert first.version == second.version
    np.testing.assert_array_equal(first.y_train, second.y_train)


@EVERY
def test_a_fifth_of_each_class_is_held_out_and_never_arrives(real, name):
    found = real(name)
    if SOURCES[name].in_time_order:
        pytest.skip("nothing is held out")
    split = samples(found, "validation")
    held, count = (np.bincount(y, minlength=found.num_classes) for y in (split.probe_y, found.y_train))
    assert (abs(held - HELD_OUT * count) <= 1).all()
    together = [x.tobytes() for x in (*split.x, *split.probe_x)]
    assert sorted(together) == sorted(x.tobytes() for x in found.x_train)
    probed = samples(found, "test")
    assert (len(probed.x), len(probed.probe_x)) == (len(found.x_train), len(found.x_test))
