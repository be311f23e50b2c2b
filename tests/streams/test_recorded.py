"""Recorded streams: file order, every sample once, nothing from the future, no probes."""

import jax
import numpy as np
import pytest

from pcl import learners
from pcl.evaluation.summary import measure
from pcl.experiment import load_experiment
from pcl.runner.evaluation import Evaluation
from pcl.runner.execute import execute, plan
from pcl.runner.probing import probe_steps
from pcl.runner.run import make_run
from pcl.runner.store import Store
from pcl.runner.sweep import resolve
from pcl.streams import recorded
from pcl.streams.inputs import feature_moments
from pcl.streams.recorded import Recorded
from pcl.streams.sources import from_arrays

pytestmark = pytest.mark.slow


def history(n=50, seed=0):
    """Features in units of their own: a time, a pressure, a constant, and one that changes late."""
    rng = np.random.default_rng(seed)
    late = np.where(np.arange(n) < 40, 0.25, rng.random(n))
    x = np.stack([np.arange(n), rng.normal(101_325, 9, n), np.full(n, 7.3), late], axis=1).astype(np.float32)
    return from_arrays(x, rng.integers(0, 3, n), x[:0], np.zeros(0, int), scale=1.0)


def lived(config, source, seed=0):
    stream, data = recorded.make(config, source, "test")
    world, steps, layout = stream.schedule(jax.random.key(seed), data)
    return stream, steps, layout, jax.vmap(lambda step: stream.observe(world, step, data))(steps)


@pytest.mark.parametrize("batch", [1, 4, 50, 64])
def test_every_sample_arrives_once_in_file_order(batch):
    source = history()
    stream, steps, layout, batches = lived(Recorded(batch=batch), source)
    valid = np.asarray(batches.valid)
    assert valid.shape == (stream.steps, batch) == (-(-50 // batch), batch)
    np.testing.assert_array_equal(np.asarray(steps.sample)[valid], np.arange(50))
    np.testing.assert_array_equal(np.asarray(batches.y)[valid], source.y_train)
    raw = np.asarray(batches.x * steps.moments.std[:, None] + steps.moments.mean[:, None])[valid]
    np.testing.assert_allclose(raw, source.x_train, rtol=1e-6, atol=1e-5)
    assert np.asarray(batches.labelled)[valid].all()
    assert layout.group_task.shape == (0,)


@pytest.mark.parametrize("batch", [1, 4])
def test_features_are_standardised_by_what_has_arrived_of_each(batch):
    source = history()
    _, steps, _, batches = lived(Recorded(batch=batch), source)
    x = source.x_train.astype(float)
    for t in range(len(steps.sample)):
        past = x[: min((t + 1) * batch, 50)]
        std = np.where(past.std(0) > 0, past.std(0), 1)
        # The mean of the pressures is rounded to float32, 1/128 of them: a thousandth of their deviation.
        expected = (x[steps.sample[t]] - past.mean(0)) / std
        np.testing.assert_allclose(batches.x[t], expected, rtol=1e-3, atol=2e-3)
    assert (np.asarray(batches.x)[..., 2] == 0).all()  # a constant says nothing, however large it is
    if batch == 1:
        # The first change after 40 equal values is sqrt(40) deviations from their mean.
        assert abs(batches.x[40, 0, 3]) == pytest.approx(np.sqrt(40), rel=1e-3)


def test_the_future_changes_nothing():
    source = history()
    other = source._replace(x_train=np.concatenate([source.x_train[:30], 10 * source.x_train[30:]]))
    past = [np.asarray(lived(Recorded(), s)[3].x)[:30] for s in (source, other)]
    np.testing.assert_array_equal(*past)


def test_moments_stay_exact_over_a_long_history():
    x = np.random.default_rng(0).normal(1000, 0.5, (40_000, 1, 1)).astype(np.float32)
    moments = feature_moments(jax.numpy.asarray(x), jax.numpy.ones((40_000, 1), bool))
    for t in (10, 1000, 39_999):
        past = x[: t + 1].astype(float)
        np.testing.assert_allclose(moments.mean[t, 0], past.mean(), atol=1e-4)  # float32 near 1000 is 6e-5 apart
        np.testing.assert_allclose(moments.std[t, 0], past.std(), rtol=1e-4)


def test_the_key_decides_the_learner_and_not_the_stream():
    first, second = (lived(Recorded(batch=3), history(), seed)[3] for seed in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, first, second)


def test_a_run_without_probes_records_what_was_lived():
    stream, data = recorded.make(Recorded(batch=4), history(), "test")
    learner, hp = learners.make("ncm", stream.spec)
    assert probe_steps(stream, 5) == ()
    run = make_run(learner, stream, Evaluation(probe_every=5))
    record = jax.jit(jax.vmap(run, (0, None, None)))(jax.random.split(jax.random.key(0), 2), hp, data)
    assert record.probe_accuracy.shape == (2, 0, 0)
    assert record.group_count.shape == record.group_task.shape == (2, 0)
    assert record.seen.sum(1).tolist() == [50, 50]
    # The log is that of a plain loop.
    stream_key, learner_key = jax.random.split(jax.random.split(jax.random.key(0), 2)[0])
    world, steps, _ = stream.schedule(stream_key, data)
    state, hits = learner.init(learner_key, hp), []
    for t in range(stream.steps):
        batch = stream.observe(world, jax.tree.map(lambda leaf, t=t: leaf[t], steps), data)
        right = learner.predict(state, batch.x, hp).logits.argmax(1) == batch.y
        hits.append(int((right & batch.valid).sum()))
        state, _ = learner.update(state, batch, hp)
    assert record.hits[0].tolist() == hits


def test_the_twin_of_electricity_is_measured_by_prequential_accuracy_alone(tmp_path):
    experiment = load_experiment("electricity")
    store = Store(tmp_path, "electricity")
    store.require_writable()
    runs = resolve(experiment, learner_names=["backprop", "ncm"], seeds=1, smoke=True)
    assert execute(plan(runs, "map"), store, "map", "electricity") == 2
    for record in store.records():
        values = measure(record)
        assert 0 < values["prequential_acc"] < 100
        assert "acc" not in values
        assert "forgetting" not in values
        assert record["probe_accuracy"] == record["probe_steps"] == record["group_count"] == []
