"""One sample that is not finite: skipped, counted, and without a trace in all that comes after. Large numbers keep
their digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.fields import fields, replace
from pcl.learners.inputs import skipping
from pcl.runner.run import make_run
from pcl.streams import load, recorded, sequence, split
from pcl.streams.inputs import feature_moments
from pcl.streams.sources import from_arrays
from pcl.types import Batch, Info, Learner, Prediction

ROWS, GAP = 400, 100


def history(dtype=np.float32):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, ROWS)
    return (rng.normal(size=(ROWS, 3)) + 2 * y[:, None]).astype(dtype), y


def spoilt(value):
    x, y = history()
    x[GAP, 2] = value
    return x, y


def timed(x, y):
    return from_arrays(x, y, x[:0], y[:0], 1.0)


def lived(kind, config, source):
    stream, data = kind.make(config, source, "test")

    @jax.jit
    def live(key, data):
        world, steps, _ = stream.schedule(key, data)
        return jax.vmap(lambda step: stream.observe(world, step, data))(steps)

    return live(jax.random.key(0), data)


@pytest.mark.parametrize(("value", "batch"), [(np.nan, 1), (np.inf, 7), (-np.inf, 7)])
def test_the_moments_of_a_recorded_stream_are_those_without_the_row(value, batch):
    x, y = spoilt(value)
    found = lived(recorded, recorded.Recorded(batch=batch), timed(x, y))
    x = x.astype(float)
    rows = np.asarray(found.x).reshape(-1, 3)[:ROWS]
    for t in range(0, ROWS, 13):
        past = x[: min((t // batch + 1) * batch, ROWS)]
        past = past[np.isfinite(past).all(1)]
        std = np.where(past.std(0) > 0, past.std(0), 1)
        np.testing.assert_allclose(rows[t], (x[t] - past.mean(0)) / std, rtol=1e-3, atol=1e-3)
    bad = ~np.isfinite(rows).all(1)
    assert np.flatnonzero(bad).tolist() == [GAP]
    assert np.asarray(found.valid).sum() == ROWS  # it arrives; the learner skips it


@pytest.mark.parametrize(("kind", "value"), [("split", np.nan), ("load", np.inf)])
def test_the_moments_of_all_pixels_are_those_without_the_row(kind, value):
    x, y = spoilt(value)
    source = from_arrays(x, y, x[:4], y[:4], 1.0)
    if kind == "split":
        batches = lived(split, split.Split(order="iid"), source)
    else:
        batches = lived(load, load.Load(source="digits", groups=1, pairs=ROWS, repeats=1), source)
    good = x[np.isfinite(x).all(1)]
    rows = np.asarray(batches.x)
    assert (~np.isfinite(rows).all(2)).sum() == 1
    # The last step is standardised by all that are finite.
    last = rows[-1][np.isfinite(rows[-1]).all(1)] * good.std() + good.mean()
    assert abs(last[:, None] - good[None]).max(2).min(1).max() < 1e-4


def test_nothing_of_a_first_sample_that_is_missing_is_left():
    x = np.random.default_rng(0).normal(size=(20, 1, 2)).astype(np.float32)
    x[0] = np.nan
    moments = feature_moments(jnp.asarray(x), jnp.ones((20, 1), bool))
    assert np.isfinite(moments.mean).all()
    np.testing.assert_allclose(moments.mean[-1], x[1:, 0].mean(0), rtol=1e-5)
    np.testing.assert_allclose(moments.std[-1], x[1:, 0].std(0), rtol=1e-5)


PROJECTING = ("acil", "randumb", "ranpac")  # eight random features are too few for them


def record(name, kind, config, source):
    stream, data = kind.make(config, source, "test")
    learner, hp = learners.make(name, stream.spec)
    small = {"width": 8, "random_features": 8} | ({"random_features": 64, "block": 10} if name in PROJECTING else {})
    small = {name: value for name, value in small.items() if name in fields(hp)}
    hp = jax.tree.map(np.float32, replace(hp, small))
    return jax.jit(make_run(learner, stream))(jax.random.key(0), hp, data)


def skipped(record):
    return record.logged["skipped"].value


FAST = ("ncm", "rls")
# A learner around a rule sees no such row either; one of them is tried.
SLOW = [name for name, entry in learners.REGISTRY.items() if entry.labels and name not in FAST]
SLOW = [name for name in SLOW if name == "er" or not hasattr(learners.REGISTRY[name].hparams, "rule")]
SLOW = [name for name in SLOW if not name.startswith(("reopening", "parallax_"))]  # one parallax compiles long enough
SLOW.remove("fly")  # of the two inputs here each of its cells reads one, which tells no classes apart


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_one_row_is_skipped_counted_and_as_if_it_had_been_padding(name):
    whole = record(name, recorded, recorded.Recorded(), timed(*history()))
    found = record(name, recorded, recorded.Recorded(), timed(*spoilt(np.nan)))
    assert (skipped(whole).sum(), skipped(found).sum()) == (0, 1)
    assert skipped(found)[np.argmax(skipped(found))] == 1
    assert (found.seen.sum(), found.taught.sum(), found.confident.sum()) == (ROWS - 1,) * 3
    assert found.diverged_at == -1
    assert np.isfinite(found.confidence).all()
    assert abs(found.hits.sum() - whole.hits.sum()) <= 4  # of 400; a life that was lost would miss 150
    assert found.hits.sum() > 320


@pytest.mark.parametrize("name", ["nlms", pytest.param("tpc", marks=pytest.mark.slow)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_of_real_targets_one_row_is_skipped_as_the_target_and_one_as_the_input(name, value):
    found = record(name, sequence, sequence.Sequence(source="weather"), timed(*spoilt(value)))
    assert skipped(found).sum() == 2
    assert found.seen.sum() == found.taught.sum() == ROWS - 1 - 2
    assert np.isfinite(found.hits).all()
    assert found.diverged_at == -1


def test_a_row_that_is_not_finite_is_answered_by_all_labels_alike_and_by_the_mean():
    def predict(state, x, hp):
        return Prediction(logits=3 + x, mean=5 + x)

    def update(state, batch, hp):
        return state + batch.valid.sum(), Info(prediction=predict(state, batch.x, hp))

    rule = skipping(Learner(lambda key, hp: 0, predict, update))
    x = jnp.asarray([[1.0, 2.0], [jnp.nan, 2.0], [3.0, -jnp.inf], [1e30, 0.0]])
    true = jnp.ones(4, bool)
    batch = Batch(x, jnp.zeros(4, jnp.int32), true, true.at[0].set(False), jnp.zeros(4, jnp.int32))
    state, info = rule.update(0, batch, None)
    assert (state, info.log["skipped"].value) == (0, 3)
    for answer in (info.prediction, rule.predict(0, x, None)):
        np.testing.assert_array_equal(answer.logits, [[4, 5], [0, 0], [0, 0], [0, 0]])
        np.testing.assert_array_equal(answer.mean, [[6, 7], [0, 0], [0, 0], [0, 0]])
    real = batch._replace(x=jnp.ones((4, 2)), y=jnp.asarray([[1.0], [jnp.nan], [2.0], [1e30]]))
    assert rule.update(0, real, None)[1].log["skipped"].value == 2


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64])
@pytest.mark.parametrize("kind", ["recorded", "sequence"])
def test_times_in_milliseconds_keep_their_resolution(dtype, kind):
    """1.7e12 with a spread of 1e5: float32 alone is 131,072 apart there, and int32 wraps."""
    rng = np.random.default_rng(0)
    times = 1_700_000_000_000 + rng.integers(0, 100_000, (ROWS, 2))
    source = timed(times.astype(dtype), np.arange(ROWS) % 2)
    if kind == "recorded":
        x = lived(recorded, recorded.Recorded(), source).x
    else:
        x = lived(sequence, sequence.Sequence(source="weather"), source).x
    past = times[: len(x)].astype(np.float64)
    np.testing.assert_allclose(x[-1, 0], (past[-1] - past.mean(0)) / past.std(0), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_one_mean_for_all_pixels_keeps_the_resolution_too(dtype):
    times = 1_700_000_000_000 + np.random.default_rng(0).integers(0, 100_000, (ROWS, 2))
    source = from_arrays(times.astype(dtype), np.arange(ROWS) % 2, times[:4].astype(dtype), np.arange(4) % 2, 1.0)
    rows = np.asarray(lived(split, split.Split(order="iid"), source).x)[-1]
    expected = (times - times.mean()) / times.std()
    assert abs(rows[:, None] - expected[None]).max(2).min(1).max() < 1e-3


def test_bytes_and_single_precision_go_to_the_device_as_they_are():
    for dtype in (np.uint8, np.float32, np.int16):
        x = np.arange(12).reshape(6, 2).astype(dtype)
        _, data = recorded.make(recorded.Recorded(), timed(x, np.arange(6) % 2), "test")
        assert data["x"].dtype == dtype
        np.testing.assert_array_equal(data["x"], x)
