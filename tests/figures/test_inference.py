"""What was made of contexts, on records that are written down."""

import numpy as np

from pcl.figures import inference
from scripts import tab_contexts

RECORD = {
    "config": '{"stream": {"kind": "contexts"}}',
    "seen": [2.0] * 6,
    "log_every": 2,
    "visit_start": [0, 4, 8],
    "visit_task": [0, 1, 0],
    "contexts": [1.0, 1, 2, 2, 2, 2],
    "refused": [0.0, 0, 1, 0, 0, 2],
    # What the learner calls 1 is context 0.
    "belief": [[0.1, 0.9, 0], [0.0, 1.0, 0], [0.6, 0.4, 0], [1.0, 0.0, 0], [0.3, 0.7, 0], [0.0, 1.0, 0]],
}


def test_belief_in_the_true_context_is_that_of_the_matching_slot():
    np.testing.assert_array_equal(inference.true_contexts(RECORD), [0, 0, 1, 1, 0, 0])
    np.testing.assert_allclose(inference.true_posterior(RECORD), [0.9, 1.0, 0.6, 1.0, 0.7, 1.0])


def test_a_context_that_nothing_matches_is_never_believed_in():
    np.testing.assert_allclose(inference.true_posterior({**RECORD, "belief": [[1.0]] * 6}), [1, 1, 0, 0, 1, 1])


def test_contexts_are_counted_and_a_learner_without_any_has_no_number():
    assert inference.contexts_found(RECORD) == 2
    assert inference.rightly_found(RECORD) == 100
    assert inference.refusals(RECORD) == 3
    plain = {**RECORD, "config": '{"stream": {"kind": "split"}}'}
    assert inference.rightly_found(plain) == 0
    assert inference.rightly_found({**plain, "contexts": [1.0]}) == 100
    none = {**RECORD, "contexts": None, "refused": None, "belief": None}
    assert inference.true_posterior(none) is None
    assert np.isnan([inference.contexts_found(none), inference.rightly_found(none), inference.refusals(none)]).all()


def test_a_first_visit_is_timed_to_the_first_bin_of_hits_and_only_where_contexts_do_not_fade():
    """Bins of five, visits of 20 to contexts 0, 1, 2 and 1: 10 samples in context 1, never in 2."""
    hits = [5, 5, 5, 5, 0, 4, 5, 5, 3, 4, 4, 4, 5, 5, 5, 5]
    record = {"hits": hits, "seen": [5] * 16, "log_every": 5, "steps": 80, "config": '{"stream": {"fade": 0.0}}'}
    record |= {"visit_start": [0, 20, 40, 60], "visit_task": [0, 1, 2, 1]}
    assert tab_contexts.samples_on_first_visit(record) == np.median([10, 20])
    assert np.isnan(tab_contexts.samples_on_first_visit(record | {"config": '{"stream": {"fade": 0.5}}'}))


def test_samples_to_recover_are_those_before_five_hits_in_a_row():
    hits = [0, 1, 0, 1, 1, 1, 1, 1, 0], [1] * 9, [0, 1] * 4 + [0]
    assert tab_contexts.samples_to_recover({"revisit_accuracy": hits}) == 3
    assert tab_contexts.samples_to_recover({"revisit_accuracy": hits[2:]}) == 9
