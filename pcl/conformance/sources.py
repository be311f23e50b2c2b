"""Properties of every source whose data are present."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pcl.conformance.compared import DoesNotApply, assert_same
from pcl.streams.sources import HELD_OUT, SOURCES, Source, load, samples
from pcl.streams.sources.datasets import SourceEntry


class Subject(NamedTuple):
    """A source, what its entry says, and how to load it again."""

    entry: SourceEntry
    found: Source
    again: Callable[[], Source]


def subjects(name: str) -> tuple[Subject, ...]:
    """One."""
    return (Subject(SOURCES[name], load(name), lambda: load(name)),)


def is_what_its_entry_says(s: Subject) -> None:
    """Shapes, classes, scale and order are those of the entry; labels are int32 from 0, and each class is trained."""
    found, entry = s.found, s.entry
    assert found.x_train.shape[1:] == found.x_test.shape[1:] == entry.shape
    assert (found.num_classes, found.scale) == (entry.num_classes, entry.scale)
    assert (np.bincount(found.y_train, minlength=found.num_classes) > 0).all()
    assert found.y_train.dtype == found.y_test.dtype == np.int32
    assert 0 <= found.y_test.min(initial=0) <= found.y_test.max(initial=0) < found.num_classes
    assert bool(len(found.y_test)) != entry.in_time_order, "only a source in time order has no test samples"


def is_finite_and_images_fill_their_range(s: Subject) -> None:
    """Training samples are finite; where there is a scale, it takes them to [0, 1]."""
    found = s.found
    assert np.isfinite(found.x_train).all()
    if found.scale != 1:
        assert found.x_train.min() == 0
        assert found.x_train.max() * found.scale == found.x_test.max() * found.scale == 1


def is_the_same_whenever_it_is_loaded(s: Subject) -> None:
    """Loaded again, it has the same version and the same labels."""
    second = s.again()
    assert s.found.version == second.version
    assert_same(s.found.y_train, second.y_train)


def holds_out_a_fifth_of_each_class_for_validation(s: Subject) -> None:
    """A fifth of the training samples of each class is held out for validation, and does not arrive."""
    if s.entry.in_time_order:
        raise DoesNotApply("nothing is held out")
    split = samples(s.found, "validation")
    held, count = (np.bincount(y, minlength=s.found.num_classes) for y in (split.probe_y, s.found.y_train))
    assert (abs(held - HELD_OUT * count) <= 1).all()
    together = [x.tobytes() for x in (*split.x, *split.probe_x)]
    assert sorted(together) == sorted(x.tobytes() for x in s.found.x_train)
    probed = samples(s.found, "test")
    assert (len(probed.x), len(probed.probe_x)) == (len(s.found.x_train), len(s.found.x_test))


PROPERTIES: tuple[Callable[[Subject], None], ...] = (
    is_what_its_entry_says,
    is_finite_and_images_fill_their_range,
    is_the_same_whenever_it_is_loaded,
    holds_out_a_fifth_of_each_class_for_validation,
)
