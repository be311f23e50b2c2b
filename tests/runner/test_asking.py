"""Labels on request: never beyond the budget, the wanted ones first, whatever the scale of wanting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners, streams
from pcl.errors import UsageError
from pcl.runner.asking import Asking, ask, start, wanted
from pcl.runner.evaluation import Evaluation
from pcl.runner.run import make_run
from pcl.types import Prediction


def asked(want, budget, valid=None):
    """Which of the wants [steps, B] are asked for."""
    valid = np.ones(want.shape, bool) if valid is None else valid

    def step(asking, row):
        labelled, asking = ask(asking, *row, budget)
        return asking, labelled

    return np.asarray(jax.lax.scan(step, start(), (jnp.asarray(want, jnp.float32), jnp.asarray(valid)))[1])


@pytest.mark.parametrize("batch", [1, 10])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_budget_is_kept_at_every_moment_and_spent(batch, scale):
    want = scale * np.random.default_rng(0).normal(size=(4000 // batch, batch))
    rows = asked(want, 0.2)
    spent = np.cumsum(rows.sum(1))
    seen = batch * np.arange(1, len(rows) + 1)
    assert (spent <= 0.2 * seen + 1e-2).all()
    assert spent[-1] > 0.9 * 0.2 * seen[-1]
    # Wants of a normal law: the best fifth has mean 1.40, random ones 0.
    assert want[rows].mean() > 0.9 * scale


def test_the_budget_is_spent_while_wants_fade_and_where_all_want_the_same():
    fading = np.exp(-np.arange(4000) / 100).reshape(400, 10)
    for want in (fading, np.zeros((400, 10))):
        share = asked(want, 0.05).mean()
        assert 0.035 < share <= 0.05


@pytest.mark.parametrize(
    ("budget", "due"), [(0.1, 100_000_001), (1 / 3, 333_333_336), (1e-5, 10_000), (0.98765, 987_650_009)]
)
def test_the_budget_is_exact_after_a_thousand_million_rows(budget, due):
    """In float32 a tenth of 10^9 + 10 rows is 100,000,000, and as far from it as 8 labels."""
    asking = Asking(start().recent, jnp.asarray(1_000_000_000), jnp.asarray(due - 4))
    labelled, after = jax.jit(ask, static_argnums=3)(asking, jnp.zeros(10), jnp.ones(10, bool), budget)
    assert (int(labelled.sum()), int(after.asked)) == (4, due)


def test_padding_is_never_asked_for_and_costs_nothing():
    rng = np.random.default_rng(1)
    want, valid = rng.normal(size=(300, 10)), rng.uniform(size=(300, 10)) < 0.5
    rows = asked(np.where(valid, want, 1e9), 0.3, valid)
    assert not rows[~valid].any()
    assert 0.25 < rows.sum() / valid.sum() <= 0.3


def test_without_a_query_of_its_own_a_learner_wants_small_margins():
    prediction = Prediction(jnp.asarray([[0.0, 5.0, 4.9], [9.0, 0.0, 1.0]]))
    np.testing.assert_allclose(wanted(prediction), [-0.1, -8.0], rtol=1e-5)
    assert wanted(prediction._replace(query=jnp.asarray([1.0, 2.0]))).tolist() == [1, 2]
    with pytest.raises(UsageError, match="labelling=request"):
        wanted(Prediction(mean=jnp.zeros((2, 1))))


@pytest.mark.slow
def test_a_run_teaches_what_was_asked_for_and_no_more():
    stream, data = streams.make("split", order="iid", batch=10, labelled=0.1, labelling="request")
    learner, hp = learners.make("backprop", stream.spec)
    record = jax.jit(make_run(learner, stream, Evaluation(probe_every=1000)))(
        jax.random.key(0), hp.replace(width=16), data
    )
    share = record.taught.sum() / record.seen.sum()
    assert 0.08 < share <= 0.1 + 1e-6
