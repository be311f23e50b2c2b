"""Drifting concepts: labels follow the rule of the moment, drift has the speed that was asked for."""

import functools

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
from pcl.streams.concepts import CONCEPTS, RBF_STD, Centroids, centres, normal

pytestmark = pytest.mark.slow

EVERY = pytest.mark.parametrize("concept", CONCEPTS)


@functools.cache
def program(concept, noise):
    """2,000 samples, ten a step, drifting by 0.01 a step: the stream, and everything in it for one key."""
    stream, data = streams.make("drift", concept=concept, samples=2000, batch=10, label_noise=noise, speed=0.001)

    def live(key):
        world, steps, layout = stream.schedule(key, data)
        return world, steps, layout, jax.vmap(lambda step: stream.observe(world, step, data))(steps)

    return stream, jax.jit(live)


def lived(concept, seed=0, noise=0.0):
    stream, live = program(concept, noise)
    return stream, *live(jax.random.key(seed))


def at(steps, t):
    return jax.tree.map(lambda leaf: leaf[t], steps)


def test_sea_labels_follow_the_threshold_of_the_block():
    stream, _, _, layout, batches = lived("sea")
    raw = 5 + np.asarray(batches.x, np.float64) * 10 / np.sqrt(12)
    assert -1e-5 < raw.min() < 0.02
    assert 9.98 < raw.max() < 10 + 1e-5
    assert layout.visit_start.tolist() == [0, 50, 100, 150]
    assert stream.task_ends == ()
    for block, threshold in enumerate((8, 9, 7, 9.5)):
        part = slice(50 * block, 50 * (block + 1))
        total = raw[part, :, 0] + raw[part, :, 1]
        clear = abs(total - threshold) > 1e-3
        np.testing.assert_array_equal(np.asarray(batches.y)[part][clear], (total <= threshold)[clear])
        assert (np.asarray(batches.task)[part] == block).all()
        # The area under the line: half of the square of the threshold, of 100.
        assert np.asarray(batches.y)[part].mean() == pytest.approx(threshold**2 / 200, abs=0.06)


def test_noise_turns_its_share_of_the_labels_and_nothing_else():
    *_, clean = lived("sea")
    *_, noisy = lived("sea", noise=0.2)
    np.testing.assert_array_equal(clean.x, noisy.x)
    assert np.mean(clean.y != noisy.y) == pytest.approx(0.2, abs=0.03)  # three standard errors
    assert set(np.unique(noisy.y)) == {0, 1}


@EVERY
def test_inputs_are_standardised_by_the_law_of_all_keys(concept):
    # One key's fifty centroids have another mean than all keys': many streams are pooled.
    x = np.concatenate([np.asarray(lived(concept, seed)[4].x) for seed in range(15)])
    x = x.reshape(-1, x.shape[-1])
    np.testing.assert_allclose(x.mean(), 0, atol=0.06)
    np.testing.assert_allclose(x.std(), 1, atol=0.06)


def test_the_hyperplane_turns_at_its_speed_and_labels_its_sides():
    _, world, steps, _, batches = lived("hyperplane")
    normals = np.asarray(jax.vmap(lambda moved: normal(world.concept, moved))(steps.moved), np.float64)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    lag = 20  # the cosine of one step's angle is 1 in float32
    angle = np.arccos((normals[lag:] * normals[:-lag]).sum(1))
    np.testing.assert_allclose(angle, lag * 0.01, rtol=1e-3)
    side = np.einsum("tbd,td->tb", np.asarray(batches.x, np.float64), normals)
    clear = abs(side) > 1e-4
    np.testing.assert_array_equal(np.asarray(batches.y)[clear], (side > 0)[clear])
    assert np.asarray(batches.y).mean() == pytest.approx(0.5, abs=0.05)


def test_centroids_move_at_their_speed_and_are_reflected_by_the_walls():
    one = Centroids(jnp.asarray([[0.9, 0.2]]), jnp.asarray([[0.6, -0.8]]), jnp.ones(1), jnp.ones(1), jnp.zeros(1, int))
    # 0.9 + 0.06, 0.9 + 0.3 back from 1, 0.9 + 1.8 back from 1 and then from 0; the other way round below.
    for moved, expected in ((0.1, (0.96, 0.12)), (0.5, (0.8, 0.2)), (3.0, (0.7, 0.2))):
        np.testing.assert_allclose(centres(one, jnp.asarray(moved))[0], expected, atol=1e-6)
    _, world, steps, _, _ = lived("rbf")
    places = np.asarray(jax.vmap(lambda moved: centres(world.concept, moved))(steps.moved))
    assert places.min() >= 0
    assert places.max() <= 1
    step = np.linalg.norm(np.diff(places, axis=0), axis=2)
    assert np.median(step) == pytest.approx(0.01, rel=1e-3)  # the others met a wall
    assert step.max() < 0.01 * 1.001


def test_rbf_samples_lie_around_centroids_with_their_labels():
    _, world, steps, _, _ = lived("rbf")
    narrow = world.concept._replace(width=jnp.zeros(50))
    draws = CONCEPTS["rbf"].draw(jax.random.key(1), narrow, 4000)
    x, y = CONCEPTS["rbf"].view(narrow, draws, jnp.asarray(0), steps.moved[-1])
    places = np.asarray(centres(narrow, steps.moved[-1]))
    gap = np.linalg.norm((np.asarray(x) * RBF_STD + 0.5)[:, None] - places, axis=2)
    nearest = gap.argmin(1)
    assert gap.min(1).max() < 1e-5
    np.testing.assert_array_equal(y, np.asarray(narrow.label)[nearest])
    share = np.bincount(nearest, minlength=50) / 4000
    np.testing.assert_allclose(share, narrow.weight / narrow.weight.sum(), atol=0.015)
    # Offsets are as long as their centroid is wide, in the root mean square.
    centroid, offset = CONCEPTS["rbf"].draw(jax.random.key(2), world.concept, 20_000)
    relative = np.linalg.norm(offset, axis=1) / np.asarray(world.concept.width)[centroid]
    assert np.sqrt((relative**2).mean()) == pytest.approx(1, abs=0.03)


@EVERY
def test_probes_are_fixed_samples_under_the_present_concept(concept):
    stream, world, steps, layout, batches = lived(concept)
    first, last = (stream.probe(world, at(steps, t), {}, None)[0] for t in (0, -1))
    if concept == "rbf":
        assert (first.y == last.y).all()
        assert not np.allclose(first.x, last.x, atol=0.1)
    else:
        np.testing.assert_array_equal(first.x, last.x)
        assert np.mean(first.y != last.y) > 0.1
    few, group = stream.probe(world, at(steps, -1), {}, 7)
    np.testing.assert_array_equal(few.x, last.x[:7])
    assert group.tolist() == [0] * 7
    assert layout.group_task.tolist() == [0]
    arrived = {row.tobytes() for row in np.asarray(batches.x).reshape(-1, *stream.spec.input_shape)}
    assert len(arrived) == 2000  # none comes twice
    assert not arrived & {row.tobytes() for row in np.asarray(first.x)}


@EVERY
def test_equal_keys_give_equal_streams_and_others_do_not(concept):
    one, same, other = (lived(concept, seed)[4] for seed in (3, 3, 4))
    jax.tree.map(np.testing.assert_array_equal, one, same)
    assert not np.allclose(one.x, other.x)


def test_a_probe_tells_the_present_concept_from_the_last_one():
    stream, world, steps, _, _ = lived("sea")
    batch, _ = stream.probe(world, at(steps, 120), {}, None)  # threshold 7
    total = (5 + np.asarray(batch.x) * 10 / np.sqrt(12))[:, :2].sum(1)
    assert np.mean((total <= 7) == batch.y) == pytest.approx(1, abs=0.002)
    assert np.mean((total <= 8) == batch.y) == pytest.approx(1 - (64 - 49) / 200, abs=0.03)


def test_a_run_is_one_vmapped_program_that_learns():
    stream, data = streams.make("drift", concept="rbf", samples=4000, label_noise=0.0, speed=0.0001)
    learner, hp = learners.make("ncm", stream.spec)
    run = make_run(learner, stream, Evaluation(probe_every=100))
    keys = jax.random.split(jax.random.key(0), 3)
    record = jax.jit(jax.vmap(run, (0, None, None)))(keys, hp, data)
    assert record.probe_accuracy.shape == (3, 5, 1)
    assert (record.group_count == 1000).all()
    assert record.probe_accuracy[:, -1].mean() > 0.6
    assert not np.allclose(record.hits[0], record.hits[1])


def test_a_stream_without_a_source_is_executed_and_measured(tmp_path):
    spec = StreamSpec("drift", {"concept": "sea", "samples": 400})
    experiment = Experiment("trial", "", {"s": spec}, {"ncm": {}}, (Arm(seeds=2),), {"probe_every": 10})
    runs = resolve(experiment)
    assert runs[0].identity["data"] == "none"
    assert len({run.run_id for run in runs}) == 2
    store = Store(tmp_path, "trial")
    store.require_writable()
    execute(plan(runs, "map"), store, "map", "trial")
    values = measure(store.records()[0])
    assert values["acc"] > 50
    assert values["aaa"] > 50
    assert np.isnan(values["forgetting"])


def test_samples_fill_whole_steps_of_every_part():
    with pytest.raises(UsageError, match="samples=50: must be a multiple of 40, 4 part"):
        streams.make("drift", concept="sea", samples=50)
