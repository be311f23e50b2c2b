"""What parallax does on streams: contexts found, none invented, nothing overwritten, nothing learned from nonsense."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.fields import replace
from pcl.learners.parallax import numbers
from pcl.types import Batch, Spec
from tests.learners.parallax.streams import RECURRING, frozen, lived

pytestmark = pytest.mark.slow  # a life is slow to compile
SPEC = Spec((6,), 3)
PIECE = 150
CENTRES = 5 * np.eye(3, 6, dtype=np.float32)


def rows(n, seed=0, names=(0, 1, 2), sensor=None):
    """Three classes; `names` are their labels, `sensor` reorders the inputs."""
    rng = np.random.default_rng(seed)
    k = rng.integers(0, 3, (n, 1))
    x = (CENTRES[k] + rng.normal(size=(n, 1, 6)))[..., np.arange(6) if sensor is None else sensor]
    true = jnp.ones((n, 1), bool)
    y = np.asarray(names)[k].astype(np.int32)
    return Batch(jnp.asarray(x, jnp.float32), jnp.asarray(y), true, true, jnp.zeros((n, 1), jnp.int32))


@functools.cache
def compiled(most):
    """One program for all tests: `PIECE` rows at a time, the last filled up with padding, which changes nothing."""
    learner, hp = learners.make("parallax", SPEC)
    hp = jax.tree.map(np.float32, replace(hp, {"random_features": 16, "max_contexts": most}))

    def step(state, batch):
        state, info = learner.update(state, batch, hp)
        return state, (info, state.contexts.current, state.contexts.number)

    live = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches))
    return live, learner.init(jax.random.key(0), hp)


def filled(batches):
    there = np.arange(PIECE) < len(batches.y)
    longer = jax.tree.map(lambda leaf: np.resize(leaf, (PIECE, *leaf.shape[1:])), batches)
    return longer._replace(valid=longer.valid & there[:, None])


def made(most=6):
    program, state = compiled(most)

    def live(state, batches):
        logs = []
        for start in range(0, len(batches.y), PIECE):
            state, log = program(state, filled(jax.tree.map(lambda leaf, at=start: leaf[at : at + PIECE], batches)))
            logs.append(log)
        joined = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *logs)
        return state, jax.tree.map(lambda leaf: leaf[: len(batches.y)], joined)

    return live, state


def test_other_names_are_another_map_and_another_sensor_is_another_bank_and_both_are_recalled():
    live, state = made()
    home, renamed, moved = rows(150), rows(150, 1, (1, 2, 0)), rows(150, 2, sensor=[3, 4, 5, 0, 1, 2])
    state, _ = live(state, home)
    assert state.contexts.number == 1
    state, _ = live(state, renamed)
    assert state.contexts.sensor[: state.contexts.number].tolist() == [0, 0]
    state, _ = live(state, moved)
    assert state.contexts.sensor[: state.contexts.number].tolist() == [0, 0, 1]
    for part, slot in ((renamed, 1), (home, 0), (moved, 2)):
        state, (_, current, slots) = live(state, part)
        assert current[20] == current[-1] == slot
        assert slots[-1] == 3
    assert state.course.refused == 0


def test_names_that_fade_into_others_are_another_map_over_the_same_bank():
    for seed in range(3):
        live, state = made()
        state, _ = live(state, rows(150, seed))
        before, after = rows(150, seed + 10), rows(150, seed + 20, (1, 2, 0))
        old = jnp.asarray(np.random.default_rng(seed).random((150, 1)) > np.arange(150)[:, None] / 150)
        x, y = jnp.where(old[..., None], before.x, after.x), jnp.where(old, before.y, after.y)
        state, _ = live(state, before._replace(x=x, y=y))
        state, (_, current, slots) = live(state, rows(150, seed + 30, (1, 2, 0)))
        assert slots[-1] == 2
        assert state.contexts.sensor[:2].tolist() == [0, 0]
        assert current[-1] == 1


def test_a_sensor_that_changed_unnoticed_is_another_one_after_a_night():
    for seed in range(2):
        live, state = made()
        state, _ = live(state, rows(250, seed))
        moved = rows(600, seed + 20)
        moved = moved._replace(x=moved.x + 1.25 * jnp.asarray([0.0, 0, 0, 1, 1, 1]))
        state, (info, _, slots) = live(state, moved)
        night = int(jnp.argmax(info.log["split"].value))
        assert info.log["split"].value.sum() == 1
        assert (slots[night - 1], slots[night]) == (1, 2)
        assert state.contexts.sensor[:2].tolist() == [0, 1]
        for part, slot in ((rows(150, seed + 1), 0), (moved, 1)):
            state, (_, current, slots) = live(state, part)
            assert (current[-1], slots[-1]) == (slot, 2)


def expected(info):
    return info.log["input_surprise"].value


def test_inputs_are_foretold_whatever_they_are_called_and_not_those_of_another_sensor():
    live, state = made()
    state, (info, _, _) = live(state, rows(150))
    start, known = expected(info)[:5].mean(), expected(info)[-50:].mean()
    _, (renamed, _, _) = live(state, rows(150, 1, (1, 2, 0)))
    _, (moved, _, _) = live(state, rows(150, 2, sensor=[3, 4, 5, 0, 1, 2]))
    assert known < start - 0.1
    assert abs(expected(renamed)[:50].mean() - known) < 0.1
    assert expected(moved)[:5].mean() > known + 0.5
    assert expected(moved)[-50:].mean() < expected(moved)[:5].mean() - 0.3


def test_a_full_bank_refuses_a_context_and_says_so_and_the_one_that_explains_it_best_learns_it():
    live, state = made(most=2)
    state, _ = live(state, rows(150))
    state, _ = live(state, rows(150, 1, (1, 2, 0)))
    before = state
    state, (info, *_) = live(state, rows(150, 2, sensor=[3, 4, 5, 0, 1, 2]))
    assert state.contexts.number == 2
    assert state.course.refused == info.log["refused"].value.sum() > 0
    assert state.sensors.banks.density.size[0].sum() - before.sensors.banks.density.size[0].sum() > 100 or (
        state.sensors.banks.density.drift.max() > 0
    )
    jax.tree.map(
        np.testing.assert_array_equal, *(jax.tree.map(lambda a: a[1], s.sensors.banks) for s in (state, before))
    )


def test_a_full_bank_with_two_contexts_that_are_one_merges_them_and_has_room_for_another():
    live, state = made(most=2)
    state, _ = live(state, rows(150))
    contexts = state.contexts
    halves = jax.tree.map(lambda leaf: jnp.stack([leaf[0]] * 2), contexts.names)
    halves = halves._replace(votes=halves.votes / 2)
    twice = contexts._replace(names=halves, number=jnp.asarray(2, jnp.int32), current=jnp.asarray(1, jnp.int32))
    state, (_, current, slots) = live(state._replace(contexts=twice), rows(150, 2, sensor=[3, 4, 5, 0, 1, 2]))
    assert state.course.merged == 1
    assert state.course.refused == 0
    assert slots.tolist() == [2] * 150  # two became one in the moment in which the third was new
    assert state.contexts.sensor.tolist() == [0, 1]
    assert current[0] == current[-1] == 1
    _, (_, home, _) = live(state, rows(150, 5))
    assert home[-1] == 0


def test_rows_that_are_not_finite_are_skipped_and_counted():
    live, state = made()
    state, _ = live(state, rows(60))
    batch = rows(4)
    spoilt = batch._replace(x=batch.x.at[:, :, 0].set(jnp.asarray([[jnp.nan], [jnp.inf], [jnp.nan], [-jnp.inf]])))
    after, (info, *_) = live(state, spoilt)
    np.testing.assert_array_equal(info.log["skipped"].value, 1)
    jax.tree.map(np.testing.assert_array_equal, after, state)
    assert jnp.isfinite(info.prediction.logits).all()


def test_unlabelled_rows_of_a_known_sensor_move_the_belief_and_teach_nothing():
    live, state = made()
    moved = rows(150, 2, sensor=[3, 4, 5, 0, 1, 2])
    state, _ = live(state, rows(150))
    state, _ = live(state, moved)
    home = rows(2, 5)
    after, _ = live(state, home._replace(labelled=jnp.zeros((2, 1), bool)))
    assert state.contexts.belief[1] > 0.9
    assert after.contexts.belief[0] > 0.9
    assert after.course.usual == state.course.usual
    jax.tree.map(np.testing.assert_array_equal, after.sensors.banks, state.sensors.banks)


def test_the_usual_surprise_is_that_of_the_labels_that_came():
    live, state = made()
    state, (info, *_) = live(state, rows(300))
    usual = 1.0
    for before, nats in enumerate(info.log["surprise"].value):
        usual += (nats - usual) / min(before + 2, numbers.LATELY)
    np.testing.assert_allclose(state.course.usual, usual, rtol=1e-4)


def test_it_settles_in_one_step_when_all_is_as_expected():
    live, state = made()
    state, _ = live(state, rows(300))
    _, (info, *_) = live(state, rows(100, 7))
    assert info.log["inference_steps"].value.mean() <= 1.1
    _, (shifted, *_) = live(state, rows(3, 8, (1, 2, 0)))
    assert shifted.log["inference_steps"].value.mean() > 2


def test_a_fifth_of_the_labels_wrong_invents_no_context():
    live, state = made()
    batch, rng = rows(600), np.random.default_rng(3)
    noisy = jnp.where(jnp.asarray(rng.random((600, 1)) < 0.3), jnp.asarray(rng.integers(0, 3, (600, 1))), batch.y)
    state, _ = live(state, batch._replace(y=noisy.astype(jnp.int32)))
    assert state.contexts.number == 1


def test_constant_inputs_and_one_class_for_long_leave_finite_numbers_and_one_context():
    live, state = made()
    batch = rows(750)
    constant = batch._replace(x=jnp.ones_like(batch.x))
    for batches in (constant, batch._replace(y=jnp.zeros_like(batch.y))):
        after, (info, *_) = live(state, batches)
        assert after.contexts.number == 1
        assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((after, info)))


def test_rows_that_come_as_one_batch_teach_what_they_teach_one_by_one():
    learner, hp = learners.make("parallax", SPEC)
    hp = jax.tree.map(np.float32, replace(hp, {"random_features": 16}))
    live, state = made()
    alone, _ = live(state, rows(40))
    together = jax.tree.map(lambda leaf: leaf.swapaxes(0, 1)[0], rows(40))
    at_once, info = jax.jit(learner.update)(state, together, hp)
    # But for how far it may be trusted: what a batch foretold was all said before any of it was learned.
    past = at_once.succession._replace(trust=alone.succession.trust, precision=alone.succession.precision)
    at_once = at_once._replace(succession=past)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4), at_once, alone)
    assert info.prediction.logits.shape == (40, 3)


def test_a_plain_split_stream_of_digits_never_has_a_second_context():
    for seed in range(5):
        state, (hits, seen, *_) = lived("split", frozen(source="digits"), seed=seed)
        assert state.contexts.number == 1
        assert hits.sum() / seen.sum() > 0.9


@pytest.mark.parametrize(("transform", "sensor"), [("permutation", [0, 1, 2]), ("labels", [0, 0, 0])])
def test_recurring_contexts_of_digits_are_found_and_found_again(transform, sensor):
    state, (hits, seen, _, _, current, truth) = lived("contexts", frozen(**RECURRING, transform=transform))
    assert state.contexts.number == 3
    assert state.contexts.sensor[:3].tolist() == sensor
    assert (current == truth).mean() > 0.97
    assert hits[900:].sum() / seen[900:].sum() > 0.96
