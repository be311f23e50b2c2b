"""Tables say of a learner what its entry and its settings say."""

import json

import pytest

from pcl.evaluation.catalogue import number
from pcl.evaluation.facts import facts
from pcl.learners import REGISTRY


def of(learner, **settings):
    record = {"learner": learner, "config": json.dumps({"learner": settings})}
    return facts([record])(record)


@pytest.mark.parametrize("name", REGISTRY)
def test_facts_are_those_of_the_entry(name):
    found, entry = of(name), REGISTRY[name]
    assert (found["told_tasks"], found["backpropagation"]) == (entry.told, not entry.local)


def test_stored_are_the_samples_in_memory_and_of_an_unknown_learner_no_more_is_known():
    assert of("er", memory=200)["samples_stored"] == 200
    assert of("slda", block=100)["samples_stored"] == 0
    assert of("mystery", memory=3) == {"samples_stored": 3}


def test_a_truth_is_printed_as_one():
    assert (number("told_tasks", 1.0), number("told_tasks", 0.0), number("samples_stored", 1000.0)) == (
        "yes",
        "no",
        "1,000",
    )
