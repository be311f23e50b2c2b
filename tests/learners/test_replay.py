"""Replay: what reaches the update, and what the reservoir holds."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from pcl import learners
from pcl.errors import UsageError
from pcl.fields import fields, identity, replace
from pcl.learners.replay import ReplayHParams, around, recall, reservoir_slots
from pcl.types import Batch, Info, Learner, Prediction, Spec

SPEC = Spec((1,), 3)


def spy():
    """A rule that learns nothing and keeps the batch that reached it; every sample is its own number."""
    size = 5 + 4

    def init(key, hp):
        true = jnp.zeros(size, bool)
        return Batch(jnp.zeros((size, 1)), jnp.zeros(size, jnp.int32), true, true, jnp.zeros(size, jnp.int32))

    def update(state, batch, hp):
        return batch, Info(prediction=Prediction(jnp.tile(batch.x, 3)))

    return around(Learner(init, lambda *_: None, update), SPEC)


def numbered(start, n=5, valid=5):
    x = jnp.arange(start, start + n, dtype=jnp.float32)[:, None]
    true = jnp.ones(n, bool)
    return Batch(x, jnp.arange(start, start + n) % 3, true, jnp.arange(n) < valid, jnp.zeros(n, jnp.int32))


def live(n_batches, memory=20, seed=0, valid=5):
    learner, hp = spy(), ReplayHParams(rule=None, memory=memory, replayed=4)
    state, infos = learner.init(jax.random.key(seed), hp), []
    update = jax.jit(learner.update)
    states = []
    for i in range(n_batches):
        state, info = update(state, numbered(5 * i, valid=valid), hp)
        states.append(state)
        infos.append(info)
    return states, infos


def test_what_reaches_the_update_is_the_arriving_batch_and_then_memories():
    states, infos = live(12)
    for i, state in enumerate(states):
        batch = state.rule
        np.testing.assert_array_equal(batch.x[:5, 0], np.arange(5 * i, 5 * i + 5))
        assert batch.valid[:5].all()
        replayed = np.asarray(batch.x[5:, 0])[np.asarray(batch.valid[5:])]
        assert len(replayed) == (4 if i else 0)  # nothing can be replayed at the first step
        np.testing.assert_array_equal(np.asarray(batch.y[5:])[np.asarray(batch.valid[5:])], replayed % 3)
        if i:
            assert set(replayed) <= set(np.asarray(states[i - 1].x[:, 0]))
            assert replayed.max() < 5 * i  # only the past
        assert infos[i].prediction.logits.shape == (5, 3)


def test_the_memory_fills_in_order_and_then_holds_distinct_samples_with_their_labels():
    states, _ = live(12)
    np.testing.assert_array_equal(states[3].x[:, 0], np.arange(20))
    held = np.asarray(states[-1].x[:, 0])
    assert len(set(held)) == 20
    assert held.max() < 60
    np.testing.assert_array_equal(states[-1].y, held % 3)
    assert states[-1].seen == 60


def test_padding_is_never_remembered():
    states, _ = live(6, valid=3)
    assert set(np.asarray(states[-1].x[:18, 0]) % 5) <= {0, 1, 2}
    assert states[-1].seen == 18


def test_every_sample_of_the_stream_is_held_with_equal_probability():
    """60 samples into 20 slots, 400 lives: each sample is expected 400/3 times."""

    def held(seed):
        learner, hp = spy(), ReplayHParams(rule=None, memory=20, replayed=4)

        def step(state, i):
            return learner.update(state, numbered(0)._replace(x=5.0 * i + jnp.arange(5.0)[:, None]), hp)[0], None

        return jax.lax.scan(step, learner.init(jax.random.key(seed), hp), jnp.arange(12.0))[0].x[:, 0]

    count = np.bincount(np.asarray(jax.vmap(held)(jnp.arange(400))).astype(int).ravel(), minlength=60)
    # Samples of one life exclude each other, which only narrows the spread: the test is conservative.
    assert chisquare(count).pvalue > 1e-3


def test_recall_is_uniform_over_what_is_held():
    states, _ = live(3)  # 15 of 20 slots are filled
    drawn = jax.vmap(lambda key: recall(states[-1], jax.random.bits(key, (4,)), jnp.asarray(True), 20).x[:, 0])(
        jax.random.split(jax.random.key(0), 1000)
    )
    count = np.bincount(np.asarray(drawn).astype(int).ravel(), minlength=15)
    assert len(count) == 15
    assert chisquare(count).pvalue > 1e-3


def test_where_two_samples_of_a_batch_draw_one_slot_the_later_keeps_it():
    offered, collisions = jnp.ones(6, bool), 0
    for seed in range(200):
        bits = jax.random.bits(jax.random.key(seed), (6,))
        slot = np.asarray(reservoir_slots(bits, offered, jnp.asarray(50), 2))
        kept = slot[slot < 2]
        assert len(set(kept)) == len(kept)
        drawn = np.asarray(bits) % (51 + np.arange(6))
        for s in (0, 1):
            rows = np.flatnonzero(drawn == s)
            collisions += len(rows) > 1
            np.testing.assert_array_equal(np.flatnonzero(slot == s), rows[-1:])
    assert collisions > 0


def test_a_step_costs_the_same_however_much_is_remembered_and_however_long_the_stream_has_run():
    """The compiled stream copies the memory once, on entry, and has no loop whose length depends on `seen`."""
    learner, hp = spy(), ReplayHParams(rule=None, memory=777, replayed=4)

    def life(state):
        return jax.lax.scan(lambda s, i: (learner.update(s, numbered(0), hp)[0], None), state, jnp.arange(50))[0]

    program = jax.jit(life).lower(learner.init(jax.random.key(0), hp)).compile().as_text()
    assert len(re.findall(r"= f32\[777,1\]\S* copy\(", program)) <= 1
    assert len(re.findall(r"= s32\[777\]\S* copy\(", program)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("with_replay", "alone"), [("er", "backprop"), ("er_pcn", "pcn")])
def test_one_strategy_serves_every_rule(with_replay, alone):
    replaying, hp = learners.make(with_replay, SPEC)
    rule, rule_hp = learners.make(alone, SPEC)
    assert set(fields(rule_hp)) < set(fields(hp))
    # Not Adam: its first step divides a gradient by its own size, rounding included.
    hp, rule_hp = (replace(numbers, {"optimiser": "sgd"}) for numbers in (hp, rule_hp))
    state, own = replaying.init(jax.random.key(0), hp), rule.init(jax.random.key(0), rule_hp)
    jax.tree.map(np.testing.assert_array_equal, state.rule, own)
    # The first step has nothing to replay, so it is the rule's own.
    got, want = replaying.update(state, numbered(0), hp)[0].rule, rule.update(own, numbered(0), rule_hp)[0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), got, want)


def test_several_updates_of_a_batch_have_a_draw_each_and_the_memory_one_offer():
    def init(key, hp):
        return jnp.zeros((3, 9)), jnp.zeros((), jnp.int32)

    def update(state, batch, hp):
        rows, number = state
        return (rows.at[number % 3].set(batch.x[:, 0]), number + 1), Info()

    learner = around(Learner(init, lambda *_: None, update), SPEC)
    hp = ReplayHParams(rule=None, memory=20, replayed=4, updates=3)
    state = learner.init(jax.random.key(0), hp)
    for i in range(4):
        state, _ = learner.update(state, numbered(5 * i), hp)
    rows, number = state.rule
    assert (number, state.seen) == (12, 20)
    np.testing.assert_array_equal(rows[:, :5], jnp.tile(jnp.arange(15.0, 20.0), (3, 1)))
    assert len({tuple(row) for row in np.asarray(rows[:, 5:])}) == 3
    assert rows[:, 5:].max() < 15
    once = live(4)[0][-1]
    np.testing.assert_array_equal(rows[0], once.rule.x[:, 0])  # the first update is that of a batch with one
    np.testing.assert_array_equal(state.x, once.x)


def images(start, n=5):
    """Images of 2 x 3 pixels, none of them its own mirror image; the first pixel is their number, as is their label."""
    number = jnp.arange(start, start + n, dtype=jnp.float32)
    x = number[:, None, None] + jnp.array([[0.0, 0.1, 0.2], [0.3, 0.4, 0.5]])
    true = jnp.ones(n, bool)
    return Batch(x, number.astype(jnp.int32), true, true, jnp.zeros(n, jnp.int32))


@pytest.mark.parametrize("kind", ["flip", "none"])
def test_recalled_images_are_seen_anew_and_neither_the_batch_nor_labels_nor_the_memory(kind):
    """Of the second batch's three updates of four recalled images each, all of the first batch of five."""
    spec = Spec((2, 3), 10)

    def init(key, hp):
        return jnp.zeros((3, 9, 2, 3)), jnp.zeros((3, 9), jnp.int32), 0

    def update(state, batch, hp):
        x, y, number = state
        return (x.at[number % 3].set(batch.x), y.at[number % 3].set(batch.y), number + 1), Info()

    learner = around(Learner(init, lambda *_: None, update), spec)
    hp = ReplayHParams(rule=None, memory=20, replayed=4, updates=3, replay_augment=kind)
    state = learner.init(jax.random.key(0), hp)
    for i in range(2):
        state, _ = learner.update(state, images(5 * i), hp)
    x, y, _ = jax.tree.map(np.asarray, state.rule)
    np.testing.assert_array_equal(x[:, :5], np.tile(images(5).x, (3, 1, 1, 1)))
    past, held = x[:, 5:], np.asarray(images(0).x)[y[:, 5:]]
    same, mirrored = ((past == one).all((2, 3)) for one in (held, held[..., ::-1]))
    assert (same | mirrored).all()
    assert same.all() if kind == "none" else 0 < mirrored.sum() < mirrored.size
    if kind == "flip":
        assert len({tuple(row) for row in mirrored}) > 1  # each update has views of its own
    np.testing.assert_array_equal(state.x[:10], np.concatenate([images(0).x, images(5).x]))
    assert "replay_augment" not in identity(hp.replace(replay_augment="none"))


def test_a_memory_that_balances_classes_holds_them_in_equal_numbers():
    """Two of three samples are of class 0: a third of what is kept."""
    learner, hp = spy(), ReplayHParams(rule=None, memory=12, replayed=4, keeps="balanced")
    state, update = learner.init(jax.random.key(0), hp), jax.jit(learner.update)
    for i in range(30):
        batch = numbered(5 * i)
        y = jnp.where(batch.y == 0, 0, jnp.arange(5 * i, 5 * i + 5) % 9 // 3)
        state, _ = update(state, batch._replace(y=y), hp)
    np.testing.assert_array_equal(np.bincount(state.y), 4)
    x = np.asarray(state.x[:, 0])
    np.testing.assert_array_equal(state.y, np.where(x % 3 == 0, 0, x % 9 // 3))


@pytest.mark.parametrize(
    ("settings", "spec", "why"),
    [
        ({"updates": 2, "anneal_steps": 5}, SPEC, "updates=2: anneal_steps counts batches of one update"),
        ({"keeps": "balanced"}, Spec((1,), 0, 2), "keeps=balanced: real targets have no classes"),
        ({"replay_augment": "flip"}, SPEC, r"replay_augment=flip: inputs of this stream are \(1,\), not images"),
    ],
)
def test_settings_of_replay_that_contradict_others(settings, spec, why):
    learner, hp = learners.make("er", spec)
    with pytest.raises(UsageError, match=why):
        learner.init(jax.random.key(0), replace(hp, settings))
