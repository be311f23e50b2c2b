"""Load: random pairs, each group in its turn, every pair as often as asked, recall by group."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners, streams
from pcl.errors import UsageError
from pcl.evaluation.summary import measure
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner.evaluation import Evaluation
from pcl.runner.execute import execute, plan
from pcl.runner.run import make_run
from pcl.runner.store import Store
from pcl.runner.sweep import resolve
from pcl.streams import load
from pcl.streams.load import Load
from pcl.streams.sources import from_arrays, source

pytestmark = pytest.mark.slow


def lived(config, made_from=None):
    stream, data = load.make(config, made_from, "test")

    def live(key):
        world, steps, layout = stream.schedule(key, data)
        return world, steps, layout, jax.vmap(lambda step: stream.observe(world, step, data))(steps)

    return stream, *jax.jit(live)(jax.random.key(0))


@pytest.mark.parametrize("batch", [1, 4, 7])
def test_each_pair_is_shown_repeats_times_in_the_turn_of_its_group(batch):
    config = Load(groups=3, pairs=5, labels=4, repeats=2, batch=batch)
    stream, world, steps, layout, batches = lived(config)
    assert stream.task_ends == tuple(np.arange(1, 4) * -(-10 // batch))
    assert layout.visit_start.tolist() == [0, *stream.task_ends[:-1]]
    assert layout.group_task.tolist() == layout.visit_task.tolist() == [0, 1, 2]
    valid, pair = np.asarray(batches.valid), np.asarray(steps.pair)
    for group, (start, end) in enumerate(zip(layout.visit_start, stream.task_ends, strict=True)):
        shown = pair[start:end][valid[start:end]]
        assert (shown % 3 == group).all()
        once, again = shown[:5], shown[5:]
        assert sorted(once) == sorted(again) == [group, group + 3, group + 6, group + 9, group + 12]
    assert (np.diff(np.asarray(batches.task)[valid]) >= 0).all()
    np.testing.assert_array_equal(batches.y, np.asarray(world.y)[pair])
    assert np.asarray(batches.labelled)[valid].all()


def test_repetitions_are_shuffled_anew():
    *_, steps, _, _ = lived(Load(groups=1, pairs=20, repeats=2, batch=1))
    pair = np.asarray(steps.pair)[:, 0]
    assert not np.array_equal(pair[:20], pair[20:])


def test_labels_are_uniform_and_independent_of_inputs():
    _, world, _, _, _ = lived(Load(groups=40, pairs=100, labels=4, repeats=1))
    x, y = np.asarray(world.x), np.asarray(world.y)
    assert x.shape == (4000, 64)
    np.testing.assert_allclose(np.bincount(y) / 4000, 0.25, atol=0.03)
    # Gaussian class means of 1,000 samples each are within 5 / sqrt(1000) of 0 in all 256 coordinates.
    means = np.stack([x[y == label].mean(0) for label in range(4)])
    assert abs(means).max() < 5 / np.sqrt(1000)
    _, real, _, _, _ = lived(Load(source="digits", groups=10, pairs=140, labels=10, repeats=1), source("digits"))
    true = dict(zip(map(bytes, source("digits").x_train), source("digits").y_train, strict=True))
    agreement = np.mean([true[bytes(row)] == label for row, label in zip(np.asarray(real.x), real.y, strict=True)])
    assert agreement == pytest.approx(0.1, abs=0.03)


def test_inputs_of_a_source_are_distinct_training_samples():
    x = np.arange(30, dtype=np.float32)[:, None]
    made_from = from_arrays(x, np.arange(30) % 2, -x[:4] - 1, np.arange(4) % 2, scale=1.0)
    config = Load(source="digits", groups=3, pairs=10, repeats=2, batch=5)
    _, world, steps, _, batches = lived(config, made_from)
    assert sorted(world.x[:, 0].tolist()) == list(range(30))
    valid, raw = np.asarray(batches.valid), np.asarray(world.x)[steps.pair, 0]
    for t in range(len(raw)):  # standardised by what has arrived by then
        past = raw[: t + 1][valid[: t + 1]]
        np.testing.assert_allclose(batches.x[t, :, 0], (raw[t] - past.mean()) / past.std(), atol=1e-3)


def test_a_probe_asks_for_every_pair_under_its_group():
    config = Load(groups=3, pairs=5, labels=4)
    stream, world, steps, _, _ = lived(config)
    last = jax.tree.map(lambda leaf: leaf[-1], steps)
    batch, group = stream.probe(world, last, {}, None)
    assert group.tolist() == [0, 1, 2] * 5
    np.testing.assert_array_equal(batch.y, world.y)
    np.testing.assert_allclose(batch.x * last.moments.std + last.moments.mean, world.x, atol=1e-5)
    few, group = stream.probe(world, last, {}, 6)
    assert group.tolist() == [0, 1, 2, 0, 1, 2]
    np.testing.assert_array_equal(few.y, batch.y[:6])


def test_equal_keys_give_equal_loads_and_others_do_not():
    stream, data = load.make(Load(groups=2, pairs=20), None, "test")
    schedule = jax.jit(stream.schedule)
    one, same, other = (schedule(jax.random.key(seed), data) for seed in (3, 3, 4))
    jax.tree.map(np.testing.assert_array_equal, one, same)
    assert not np.array_equal(one.world.y, other.world.y)
    assert not np.allclose(one.world.x, other.world.x)
    assert not np.array_equal(one.step.pair, other.step.pair)


def test_recall_rises_for_the_group_that_is_taught_in_one_vmapped_program():
    stream, data = streams.make("load", groups=2, pairs=10, labels=4, repeats=30)
    learner, hp = learners.make("backprop", stream.spec)
    run = make_run(learner, stream, Evaluation(probe_every=1000))
    keys = jax.random.split(jax.random.key(0), 4)
    record = jax.jit(jax.vmap(run, (0, None, None)))(keys, hp.replace(lr=np.float32(0.003)), data)
    assert (record.group_count == 10).all()
    before, first, second = jnp.mean(record.probe_accuracy, 0)
    assert abs(before - 0.25).max() < 0.2
    assert first[0] > 0.95
    assert abs(first[1] - 0.25) < 0.2  # not taught yet: recalled by chance
    assert second[1] > 0.95


def test_a_run_is_executed_and_its_absorption_measured(tmp_path):
    spec = StreamSpec("load", {"groups": 2, "pairs": 10, "labels": 4, "repeats": 1})
    experiment = Experiment("trial", "", {"s": spec}, {"ncm": {}}, (Arm(seeds=1),), {"probe_every": 1})
    runs = resolve(experiment)
    assert runs[0].identity["data"] == "none"
    store = Store(tmp_path, "trial")
    store.require_writable()
    execute(plan(runs, "map"), store, "map", "trial")
    values = measure(store.records()[0])
    # Class means of ten pairs in 64 dimensions recall nearly all of them; a pair is worth two bits.
    assert 25 < values["bits_gained"] <= 40
    assert values["bits_held"] == pytest.approx(values["bits_gained"] - values["bits_lost"], abs=5)  # bits by chance
    assert values["bits_held_per_byte"] == pytest.approx(values["bits_held"] / values["state_bytes"])


def test_more_pairs_than_samples():
    with pytest.raises(UsageError, match="groups=10, pairs=200: take 2000 samples and digits has 1437"):
        streams.make("load", source="digits", pairs=200)
