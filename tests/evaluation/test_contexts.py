"""What was made of contexts, on records that are written down."""

import numpy as np
import pytest

from pcl.evaluation import contexts
from pcl.evaluation.summary import revisit_accuracy

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
    np.testing.assert_array_equal(contexts.true_contexts(RECORD), [0, 0, 1, 1, 0, 0])
    np.testing.assert_allclose(contexts.true_posterior(RECORD), [0.9, 1.0, 0.6, 1.0, 0.7, 1.0])


def test_a_context_that_nothing_matches_is_never_believed_in():
    np.testing.assert_allclose(contexts.true_posterior({**RECORD, "belief": [[1.0]] * 6}), [1, 1, 0, 0, 1, 1])


def test_contexts_are_counted_and_a_learner_without_any_has_no_number():
    assert contexts.contexts_found(RECORD) == 2
    assert contexts.rightly_found(RECORD) == 100
    assert contexts.refusals(RECORD) == 3
    plain = {**RECORD, "config": '{"stream": {"kind": "split"}}'}
    assert contexts.rightly_found(plain) == 0
    assert contexts.rightly_found({**plain, "contexts": [1.0]}) == 100
    none = {**RECORD, "contexts": None, "refused": None, "belief": None}
    assert contexts.true_posterior(none) is None
    assert np.isnan([contexts.contexts_found(none), contexts.rightly_found(none), contexts.refusals(none)]).all()


def test_a_first_visit_is_timed_to_the_first_bin_of_hits_and_only_where_contexts_do_not_fade():
    """Bins of five, visits of 20 to contexts 0, 1, 2 and 1: 10 samples in context 1, never in 2."""
    hits = [5, 5, 5, 5, 0, 4, 5, 5, 3, 4, 4, 4, 5, 5, 5, 5]
    record = {"hits": hits, "seen": [5] * 16, "log_every": 5, "steps": 80, "config": '{"stream": {"fade": 0.0}}'}
    record |= {"visit_start": [0, 20, 40, 60], "visit_task": [0, 1, 2, 1]}
    assert contexts.samples_on_first_visit(record) == np.median([10, 20])
    assert np.isnan(contexts.samples_on_first_visit(record | {"config": '{"stream": {"fade": 0.5}}'}))


def test_samples_to_recover_are_those_before_five_hits_in_a_row():
    hits = [0, 1, 0, 1, 1, 1, 1, 1, 0], [1] * 9, [0, 1] * 4 + [0]
    assert contexts.samples_to_recover({"revisit_accuracy": hits}) == 3
    assert contexts.samples_to_recover({"revisit_accuracy": hits[2:]}) == 9


def test_settling_where_nothing_is_new_and_where_all_was_predicted_by_hand():
    """Two visits of eight bins, two samples each of which one is taught; a quarter of a visit is two bins."""
    steps = np.full(16, 1.0)
    steps[[0, 1, 8, 9]] = 20.0  # behind the begin and the shift
    steps[12] = 4.0  # a hard sample in between
    hits = np.full(16, 2.0)
    hits[[0, 1, 5, 8, 9, 12]] = [0, 1, 1, 0, 2, 1]
    taught = np.full(16, 1.0)
    taught[15], steps[15] = 0.0, 0.0
    surprise = np.where(steps == 20, 3.0, 0.1) * taught
    record = {"inference_steps": steps, "taught": taught, "hits": hits, "seen": np.full(16, 2.0), "surprise": surprise}
    record |= {"visit_start": [0, 8], "log_every": 1}
    found = contexts.settling(record)
    # Ten of the twelve quiet bins take one step, one takes four, one was not taught.
    assert found["mean_k_quiet"] == pytest.approx((10 * 1 + 4) / 11)
    # Predicted are 2, 3, 4, 6, 7, 9, 10, 11, 13 and 14: nine with one step, and bin 9 with twenty.
    assert found["mean_k_predicted"] == pytest.approx((9 * 1 + 20) / 10)
    # Of 15 taught bins four have both most steps and most surprise; the hard one has no surprise: ranks of steps are 10
    # times 5.5, 11 and four times 13.5, of surprise eleven times 6 and four times 13.5.
    ranks = [5.5] * 10 + [11] + [13.5] * 4, [6] * 11 + [13.5] * 4
    assert found["spearman_k_surprise"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert contexts.settling(record | {"inference_steps": None}) == {}
    assert "mean_k_quiet" not in contexts.settling(record | {"visit_start": [0]})
    assert set(contexts.settling(record | {"surprise": None})) == {"mean_k_quiet", "mean_k_predicted"}
    assert "spearman_k_surprise" not in contexts.settling(record | {"inference_steps": taught})
    none = contexts.settling(record | {"taught": 0 * taught, "inference_steps": 0 * taught})
    assert np.isnan([none["mean_k_quiet"], none["mean_k_predicted"]]).all()


def test_accuracy_on_coming_back_beside_an_oracle_that_is_told_the_context():
    def run(learner, seed, accuracy):
        return {"stream": "s", "learner": learner, "seed": seed, "revisit_accuracy": accuracy}

    mine, other = run("a", 0, [[0.0, 0.6], [0.2, 0.8]]), run("a", 1, [[1.0, 1.0]])
    told = run("oracle", 0, [[0.4, 1.0], [0.6, 1.0]])
    assert revisit_accuracy(mine) == pytest.approx(40)
    assert revisit_accuracy(mine, 1) == pytest.approx(70)
    beside = contexts.beside_oracle([mine, other, told], "oracle")
    assert beside(mine) == pytest.approx(
        {
            "oracle_acc": 75,
            "revisit_share_of_oracle": 100 * 40 / 75,
            "revisit_acc_behind_first": 70,
            "oracle_acc_behind_first": 100,
        }
    )
    assert beside(told)["revisit_share_of_oracle"] == 100
    assert beside(other) == {}  # of another seed
    assert beside(run("a", 0, None)) == {}
