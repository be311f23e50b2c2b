"""Whatever a learner logs is lived, stored, read and summarised: a scalar or an array is one line of the learner."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.errors import UsageError
from pcl.evaluation.summary import summarise, table
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner import program
from pcl.runner.evaluation import Evaluation
from pcl.runner.execute import execute, plan
from pcl.runner.run import make_run
from pcl.runner.store import Store
from pcl.runner.sweep import resolve
from pcl.types import Batch, Info, Layout, Learner, Logged, Prediction, Schedule, Spec, Stream

STEPS, ROWS = 5, 2
# Rows of each step that arrive, and of these that are labelled.
SEEN, TAUGHT = np.asarray([2, 2, 1, 2, 2]), np.asarray([2, 1, 1, 0, 2])


def toy(log):
    """A learner that counts its updates t = 0, 1, … and logs what `log(t)` says."""
    return Learner(
        init=lambda key, hp: jnp.zeros(()),
        predict=lambda state, x, hp: Prediction(jnp.zeros((len(x), 2))),
        update=lambda state, batch, hp: (state + 1, Info(log=log(state))),
    )


def lived(log, risen=None, bins=2):
    """Its record of five steps of at most two samples, in bins of three and two steps."""

    def observe(world, step, data):
        seen, taught = jnp.asarray(SEEN)[step], jnp.asarray(TAUGHT)[step]
        row = jnp.arange(ROWS)
        return Batch(jnp.zeros((ROWS, 1)), jnp.zeros(ROWS, int), row < taught, row < seen, jnp.zeros(ROWS, int))

    layout = Layout(jnp.zeros(0, int), jnp.zeros(1, int), jnp.zeros(1, int))
    schedule = Schedule(None, jnp.arange(STEPS), layout)
    stream = Stream(Spec((1,), 2), STEPS, (), 0.5, lambda key, data: schedule, observe, None)
    learner = toy(log)
    if risen is not None:
        told = learner.update
        learner = learner._replace(
            update=lambda state, batch, hp: (state + 1, told(state, batch, hp)[1]._replace(risen=risen(state)))
        )
    return jax.jit(make_run(learner, stream, Evaluation(log_bins=bins)))(jax.random.key(0), None, None)


def test_a_bin_holds_what_its_steps_add_up_to():
    def log(t):
        kinds = ("taught", "seen", "count", "last", "mean")
        scalars = {f"one_{per}": Logged(t, per) for per in kinds}
        return scalars | {f"two_{per}": Logged(jnp.stack([t, -t]), per) for per in kinds}

    found = {name: logged.value.tolist() for name, logged in lived(log).logged.items()}
    t, bins = np.arange(STEPS), (slice(0, 3), slice(3, 5))
    want = {
        "taught": [(t * TAUGHT)[b].sum() for b in bins],
        "seen": [(t * SEEN)[b].sum() for b in bins],
        "count": [0 + 1 + 2, 3 + 4],
        "last": [2, 4],
        "mean": [1, 3.5],
    }
    assert {per: found[f"one_{per}"] for per in want} == want
    assert {per: found[f"two_{per}"] for per in want} == {per: [[v, -v] for v in bins] for per, bins in want.items()}


def test_decimals_are_those_of_a_bin_and_of_no_step():
    kept = lived(lambda t: {"share": Logged(0.0004 * t, "mean", decimals=3)}).logged["share"].value
    np.testing.assert_allclose(kept, [0.0, 0.001], atol=1e-7)


def test_what_is_not_finite_or_rose_is_where_a_life_diverged_unless_it_may_be_infinite():
    def infinite(finite):
        return lambda t: {"x": Logged(jnp.where(t == 2, jnp.inf, t) * jnp.ones(3), "mean", finite=finite)}

    assert lived(infinite(finite=True)).diverged_at == 2
    assert lived(infinite(finite=False)).diverged_at == -1
    record = lived(lambda t: {}, risen=lambda t: (t == 3).astype(float))
    assert (record.diverged_at, bool(record.inference_diverged), record.logged) == (3, True, {})


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ({"status": "count"}, "'status' per 'count'"),
        ({"hits": "seen"}, "'hits'"),
        ({"x": "sample"}, "'x' per 'sample'"),
    ],
)
def test_names_of_every_record_and_unknown_sums_are_refused(log, says):
    with pytest.raises(UsageError, match=f"logged {says}.*taught, seen, count, last, mean"):
        lived(lambda t: {name: Logged(t, per) for name, per in log.items()})


@pytest.mark.slow
def test_a_new_scalar_and_a_new_array_go_from_the_learner_to_the_table(tmp_path, monkeypatch):
    """Nothing but the learner says that they are there: ncm, which logs the step and the sums of each class."""
    make = learners.make

    def logging(name, spec):
        learner, hp = make(name, spec)

        def update(state, batch, hp):
            state, info = learner.update(state, batch, hp)
            new = {"boldness": Logged(0.25, "taught"), "count": Logged(jnp.arange(3.0), "last")}
            return state, info._replace(log=info.log | new)

        return learner._replace(update=update), hp

    monkeypatch.setattr(program.learners, "make", logging)
    stream = {"s": StreamSpec("split", {"batch": 100})}
    experiment = Experiment("trial", "", stream, {"ncm": {}}, (Arm(seeds=2),), {"probe_every": 1000, "end_every": 0})
    store = Store(tmp_path, "trial")
    store.require_writable()
    assert execute(plan(resolve(experiment), "map"), store, "map", "trial") == 2
    first, _ = records = store.records()
    assert first["logged"] == {"boldness": "taught", "count": "last", "skipped": "count"}
    assert first["boldness"] == [0.25 * taught for taught in first["taught"]]
    assert first["count"] == [[0, 1, 2]] * len(first["seen"])
    rows = {row.metric: row for row in summarise(records)}
    assert [rows[name].mean for name in ("boldness", "count_1", "count_2", "count_3")] == [0.25, 0, 1, 2]
    assert "skipped" not in rows  # a curve, says METRICS
    text = table(summarise(records), ("boldness", "count_3"))
    assert "0.25 [0.25, 0.25]" in text
