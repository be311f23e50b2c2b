"""Strategies with a memory: what it holds, what reaches the update, and single methods with known answers."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from pcl import learners
from pcl.conformance.compared import assert_close, assert_same
from pcl.errors import UsageError
from pcl.fields import replace
from pcl.learners import backprop, balance, mlp, replay
from pcl.learners.rule import Match, NetworkRule, lesson
from pcl.learners.strategies import agem, asymmetric, cls_er, dark, gdumb, memory, mir, rehearsal, xdg
from pcl.network.layers import Dense
from pcl.types import Batch, Info, Prediction, Spec

SPEC = Spec((1,), 3)
HP = replay.ReplayHParams(rule=replace(backprop.HParams(), {"depth": 0}), memory=20, replayed=4)


def numbered(start, n=5, valid=5, labels=3):
    """Rows whose input is their number."""
    x = jnp.arange(start, start + n, dtype=jnp.float32)[:, None]
    true = jnp.ones(n, bool)
    return Batch(x, jnp.arange(start, start + n) % labels, true, jnp.arange(n) < valid, jnp.zeros(n, jnp.int32))


def lesson_of(method, hp, batches):
    """The lesson that a method gave its rule for the last batch, the memory before and after it, and the report.

    The rule learns nothing, and its output is three times the input.
    """
    rule, lessons = backprop.rule(SPEC), []

    def learn(state, lesson, hp):
        lessons.append(lesson)
        return state, Info(Prediction(jnp.tile(lesson.x, 3)))

    learner = rehearsal.around(NetworkRule(rule.init, rule.direct, learn), SPEC, method)
    state = learner.init(jax.random.key(0), hp)
    for batch in batches:
        before = state.memory
        state, info = learner.update(state, batch, hp)
    return lessons[-1], before, state.memory, info


def filled(keeps, offers, size, seed, labels=3):
    """A memory after rows of given labels, five at a time; the input of a row is its number."""
    rows = np.asarray(offers).reshape(-1, 5)
    stored = {"x": jnp.zeros((size, 1)), "y": jnp.zeros(size, jnp.int32)}

    def one(kept, given):
        number, y = given
        bits = jax.random.bits(jax.random.fold_in(jax.random.key(seed), kept.seen), (5,))
        return memory.offered(kept, bits, {"x": number[:, None], "y": y}, jnp.ones(5, bool)), None

    numbers = jnp.arange(rows.size, dtype=jnp.float32).reshape(rows.shape)
    return jax.lax.scan(one, memory.empty(stored, labels, keeps), (numbers, jnp.asarray(rows, jnp.int32)))[0]


def test_the_reservoir_holds_every_sample_with_equal_probability():
    """60 samples into 20 slots in 10,000 lives: each is expected 3,333 times."""
    lives = jax.vmap(lambda seed: filled("reservoir", np.zeros(60), 20, seed).stored["x"][:, 0])(jnp.arange(10_000))
    # Samples of one life exclude each other, which only narrows the spread: the test is conservative.
    assert chisquare(np.bincount(np.asarray(lives).astype(int).ravel(), minlength=60)).pvalue > 1e-3


def test_a_balanced_memory_holds_classes_in_equal_numbers_and_samples_of_a_class_alike():
    """Classes of 40, 8 and 12 samples, in turn, into 15 slots: five of each; within a class all are alike."""
    offers = np.repeat([0, 1, 2], [40, 8, 12])
    kept = jax.vmap(lambda seed: filled("balanced", offers, 15, seed).stored)(jnp.arange(2000))
    counts = jax.vmap(lambda y: jnp.bincount(y, length=3))(kept["y"])
    np.testing.assert_array_equal(counts, 5)
    np.testing.assert_array_equal(offers[np.asarray(kept["x"][..., 0]).astype(int)], kept["y"])
    held = np.bincount(np.asarray(kept["x"]).astype(int).ravel(), minlength=60)
    for start, end in ((0, 40), (40, 48), (48, 60)):
        assert chisquare(held[start:end]).pvalue > 1e-3


def test_a_balanced_memory_is_not_of_the_proportions_of_the_stream():
    """The 20 samples of a rare class among 400 all have a place in 60 slots; in a reservoir, three of them."""
    offers = np.arange(400) % 20 == 0
    rare = [int((filled(keeps, offers, 60, 0).stored["y"] == 1).sum()) for keeps in balance.KEEPS]
    assert rare[1] == 20
    assert rare[0] < 10


@pytest.mark.parametrize("keeps", balance.KEEPS)
def test_a_memory_smaller_than_the_batch_holds_samples_of_it(keeps):
    kept = filled(keeps, np.arange(40) % 3, 2, 0)
    x = np.asarray(kept.stored["x"][:, 0]).astype(int)
    assert len(set(x)) == 2
    np.testing.assert_array_equal(kept.stored["y"], x % 3)


@pytest.mark.slow
def test_what_has_no_label_and_padding_are_never_kept():
    hp = HP.replace(memory=9)
    batches = [numbered(5 * i, valid=3)._replace(labelled=jnp.arange(5) != 1) for i in range(6)]
    _, _, kept, _ = lesson_of(asymmetric.ASYMMETRIC, hp, batches)
    assert kept.seen == 12
    assert set(np.asarray(kept.stored["x"][:, 0]).astype(int) % 5) <= {0, 2}


def test_er_ace_gives_an_arriving_batch_its_own_classes_and_the_past_all():
    batches = [numbered(5 * i) for i in range(3)]
    last = numbered(15)._replace(y=jnp.array([0, 2, 2, 0, 2]))
    got, before, _, info = lesson_of(asymmetric.ASYMMETRIC, HP, [*batches, last])
    np.testing.assert_array_equal(got.x[:5], last.x)
    assert set(np.asarray(got.x[5:, 0])) <= set(np.asarray(before.stored["x"][:, 0]))
    np.testing.assert_array_equal(got.among[:5], jnp.tile(jnp.array([True, False, True]), (5, 1)))
    assert got.among[5:].all()
    np.testing.assert_array_equal(got.top[5:].argmax(1), got.x[5:, 0] % 3)
    np.testing.assert_allclose(got.weight, [*[0.1] * 5, *[0.125] * 4])
    assert info.prediction.logits.shape == (5, 3)


def test_derpp_gives_kept_outputs_to_one_draw_and_labels_to_another():
    hp = dark.DarkerHParams(rule=HP.rule, memory=20, replayed=4, logit_weight=0.3, label_weight=0.7)
    got, before, after, _ = lesson_of(dark.DERPP, hp, [numbered(5 * i) for i in range(3)])
    np.testing.assert_allclose(got.weight, [*[0.2] * 5, *[0] * 4, *[0.7 / 4] * 4], rtol=1e-6)
    np.testing.assert_allclose(got.match.weight, [*[0] * 5, *[2 * 0.3 / 3 / 4] * 4, *[0] * 4], rtol=1e-6)
    np.testing.assert_array_equal(got.match.target[5:9], jnp.tile(got.x[5:9], 3))  # the output that each had
    np.testing.assert_array_equal(got.top[9:].argmax(1), got.x[9:, 0] % 3)
    assert (got.x[5:9] != got.x[9:]).any()
    assert got.x[5:].max() < 10  # only the past
    np.testing.assert_array_equal(after.stored["output"][:15], jnp.tile(after.stored["x"][:15], 3))
    der, *_ = lesson_of(dark.DER, hp, [numbered(0), numbered(5)])
    np.testing.assert_allclose(der.weight, [*[0.2] * 5, *[0] * 4], rtol=1e-6)
    assert before.seen == 10


def test_views_of_recalled_images_leave_labels_kept_outputs_and_the_memory_as_they_are():
    spec, seen = Spec((2, 3), 3), []
    hp = dark.DarkerHParams(rule=HP.rule, memory=20, replayed=4, replay_augment="flip")
    rule = backprop.rule(spec)

    def learn(state, lesson, hp):
        seen.append(lesson)
        return state, Info(Prediction(lesson.x[:, 0]))  # the first row of the image is the output

    learner = rehearsal.around(rule._replace(learn=learn), spec, dark.DERPP)
    state, images = learner.init(jax.random.key(0), hp), []
    for i in range(2):
        x = numbered(5 * i).x[:, :, None] + jnp.array([[0.0, 0.1, 0.2], [0.3, 0.4, 0.5]])
        images.append(x)
        state, _ = learner.update(state, numbered(5 * i)._replace(x=x), hp)
    past, number = seen[1].x[5:], np.round(np.asarray(seen[1].x[5:, 0, 1]) - 0.1).astype(int)
    held = images[0][number]
    same, mirrored = (np.asarray((past == one).all((1, 2))) for one in (held, held[..., ::-1]))
    assert (same | mirrored).all()
    assert 0 < mirrored.sum() < 8
    np.testing.assert_array_equal(seen[1].match.target[5:9], held[:4, 0])
    np.testing.assert_array_equal(seen[1].top[9:].argmax(1), number[4:] % 3)
    np.testing.assert_array_equal(state.memory.stored["x"][:10], jnp.concatenate(images))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["der", "derpp"])
def test_without_weights_dark_replay_is_the_rule(name):
    learner, hp = learners.make(name, SPEC)
    weights = {"logit_weight": 0.0} | ({"label_weight": 0.0} if name == "derpp" else {})
    hp = replace(hp, {"depth": 0, "memory": 20, "optimiser": "sgd"} | weights)
    alone = backprop.make(SPEC)
    state, own = learner.init(jax.random.key(0), hp), alone.init(jax.random.key(0), hp.rule)
    for i in range(3):
        state, own = learner.update(state, numbered(5 * i), hp)[0], alone.update(own, numbered(5 * i), hp.rule)[0]
    assert_same(state.rule, own)


def test_agem_projects_a_direction_that_conflicts_and_leaves_others_as_they_are():
    rng = np.random.default_rng(0)
    g, r = ((Dense(jnp.asarray(rng.normal(size=(3, 2))), jnp.asarray(rng.normal(size=2))),) for _ in "gr")
    r = r if agem.inner(g, r) < 0 else jax.tree.map(jnp.negative, r)
    got = agem.projected(g, r)
    assert abs(float(agem.inner(got, r))) < 1e-5
    share = agem.inner(g, r) / agem.inner(r, r)
    assert_close(got, jax.tree.map(lambda a, b: a - share * b, g, r))
    assert_same(agem.projected(g, jax.tree.map(jnp.negative, r)), g)
    assert_same(agem.projected(g, jax.tree.map(jnp.zeros_like, r)), g)


def test_mir_replays_the_candidates_whose_cost_the_batch_raises_most():
    hp = mir.HParams(rule=replace(HP.rule, {"optimiser": "sgd", "lr": 0.01}), memory=20, replayed=3, candidates=8)
    rule, batch = backprop.rule(SPEC), numbered(3)._replace(y=jnp.zeros(5, jnp.int32))
    state, past = rule.init(jax.random.key(0), hp.rule), numbered(40, n=8, valid=8)
    seen = []
    watched = rule._replace(learn=lambda state, lesson, hp: (seen.append(lesson), rule.learn(state, lesson, hp))[1])
    recalled = rehearsal.Recalled(lesson(past, SPEC), past.y, {}, past.valid)
    mir.learn(watched, state, lesson(batch, SPEC), recalled, batch, SPEC, hp)

    tried = backprop.make(SPEC).update(state, batch, hp.rule)[0]
    costs = [
        np.asarray(0.5 * ((jax.nn.one_hot(past.y, 3) - mlp.predict(SPEC, one.network, past.x).logits) ** 2).sum(1))
        for one in (state, tried)
    ]
    worst = np.argsort(costs[0] - costs[1])[:3]
    assert set(np.asarray(seen[0].x[5:, 0])) == set(np.asarray(past.x)[worst, 0])
    np.testing.assert_allclose(seen[0].weight, 1 / 8)
    with pytest.raises(UsageError, match="candidates=2: 3 samples are chosen"):
        mir.learn(rule, state, lesson(batch, SPEC), recalled, batch, SPEC, hp.replace(candidates=2))


def test_cls_er_is_drawn_to_the_output_of_the_average_that_knows_the_label_better():
    rule, hp = backprop.rule(SPEC), cls_er.HParams(rule=HP.rule, consistency=0.6, plastic_rate=0.5, stable_rate=0.1)
    own = rule.init(jax.random.key(0), hp.rule)
    plastic, stable = ((Dense(jnp.zeros((1, 3)), jnp.asarray(b)),) for b in ([0.9, 0.0, 0.5], [0.1, 0.8, 0.2]))
    state = cls_er.Averages(own, plastic, stable, jnp.asarray(20))
    seen, past, batch = [], numbered(0, n=3, valid=3), numbered(3)
    watched = rule._replace(learn=lambda state, lesson, hp: (seen.append(lesson), rule.learn(state, lesson, hp))[1])
    recalled = rehearsal.Recalled(lesson(past, SPEC), past.y, {}, past.valid)
    after, info, _ = cls_er.learn(watched, state, lesson(batch, SPEC), recalled, batch, SPEC, hp)
    want = Match(jnp.stack([plastic[0].b, stable[0].b, plastic[0].b]), jnp.full(3, 2 * 0.6 / 3 / 3))
    assert_close(jax.tree.map(lambda leaf: leaf[5:], seen[0].match), want)
    np.testing.assert_allclose(seen[0].weight, 1 / 8)
    assert_close(after.plastic[0].w, 0.5 * after.rule.network[0].w)
    assert_close(after.stable[0].w, 0.1 * after.rule.network[0].w)
    assert info.prediction is None


def test_averages_of_the_weights_begin_as_means_of_all_weights_so_far():
    weights = [(Dense(jnp.full((1, 1), w)),) for w in (2.0, 5.0, 8.0)]
    average = weights[0]
    for batches, network in enumerate(weights[1:], start=1):
        average = cls_er.followed(average, network, 0.1, jnp.asarray(batches))
    np.testing.assert_allclose(average[0].w, 5.0, rtol=1e-6)  # (2 + 5 + 8) / 3
    later = cls_er.followed(average, weights[2], 0.1, jnp.asarray(20))
    np.testing.assert_allclose(later[0].w, 5.3, rtol=1e-6)


def test_gdumb_trains_at_its_times_on_all_that_is_kept_and_on_nothing_else():
    rows = []

    def learn(state, lesson, hp):
        jax.debug.callback(
            lambda x, weight: rows.append(np.asarray(x)[np.asarray(weight) > 0, 0]), lesson.x, lesson.weight
        )
        return state, Info()

    hp = gdumb.HParams(rule=HP.rule, memory=7, retrain_every=3, retrain_passes=2, retrain_batch=4)
    learner = gdumb.around(backprop.rule(SPEC)._replace(learn=learn), SPEC)
    state, update = (
        learner.init(jax.random.key(0), hp),
        jax.jit(lambda state, batch: learner.update(state, batch, hp)[0]),
    )
    for i, valid in enumerate((2, 2, 0, 1, 5, 5, 5)):  # the third is no batch
        state = update(state, numbered(5 * i, valid=valid))
        jax.effects_barrier()
        if i < 3:
            assert not rows
        if i == 3:  # three batches with five samples: a pass is one batch of four and one of one
            assert sorted(map(len, rows)) == [1, 1, 4, 4]
            assert sorted(np.concatenate(rows)) == sorted(2 * [0, 1, 5, 6, 15])
            rows.clear()
    held = np.asarray(state.memory.stored["x"][:, 0])
    assert sorted(np.concatenate(rows)) == sorted([*held, *held])
    assert sorted(map(len, rows)) == [3, 3, 4, 4]


@pytest.mark.slow
def test_silent_units_reach_nothing_and_what_leads_to_them_and_from_them_is_not_learned():
    learner, hp = learners.make("xdg", SPEC)
    hp = replace(hp, {"width": 10, "silent": 0.7, "optimiser": "sgd", "lr": 0.1})
    state = learner.init(jax.random.key(0), hp)
    gates = [xdg.gates(state.key, jnp.asarray(task), state.rule.network, hp.silent) for task in (0, 1, 0)]
    assert_same(gates[0], gates[2])
    speaks = [np.asarray(gate[1].w[:, 0]) for gate in gates]
    assert speaks[0].sum() == speaks[1].sum() == 3
    assert (speaks[0] != speaks[1]).any()
    assert (gates[0][0].w == 1).all()
    after, _ = learner.update(state, numbered(1), hp)
    first, second = ((new.w != old.w) for new, old in zip(after.rule.network[:2], state.rule.network[:2], strict=True))
    np.testing.assert_array_equal(first.any(0), speaks[0] == 1)
    np.testing.assert_array_equal(second.any(1), speaks[0] == 1)
    silenced = [jax.tree.map(jnp.multiply, after.rule.network, gate) for gate in gates]
    assert_close(learner.predict(after, numbered(1).x, hp), mlp.predict(SPEC, silenced[0], numbered(1).x))


@pytest.mark.parametrize("settings", [{"architecture": "vgg5"}, {"init": "mupc"}, {"norm": "layer"}])
def test_xdg_refuses_networks_in_which_silence_would_leak(settings):
    learner, hp = learners.make("xdg", SPEC)
    with pytest.raises(UsageError, match="units are silent in dense layers without skip connections and norms"):
        learner.init(jax.random.key(0), replace(hp, settings))


def test_a_balanced_memory_of_real_targets_is_refused():
    learner, hp = learners.make("derpp", Spec((4,), 0, 2))
    with pytest.raises(UsageError, match="keeps=balanced: real targets have no classes"):
        learner.init(jax.random.key(0), hp.replace(keeps="balanced"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["derpp", "mir", "agem"])
def test_a_step_costs_the_same_however_much_is_remembered(name):
    """The compiled stream copies the memory once, on entry."""
    learner, hp = learners.make(name, SPEC)
    hp = replace(hp, {"memory": 777, "depth": 0})

    def life(state):
        return jax.lax.scan(lambda s, i: (learner.update(s, numbered(0), hp)[0], None), state, jnp.arange(50))[0]

    program = jax.jit(life).lower(learner.init(jax.random.key(0), hp)).compile().as_text()
    for kind in (r"f32\[777,1\]", r"s32\[777\]", r"f32\[777,3\]"):
        assert len(re.findall(rf"= {kind}\S* copy\(", program)) <= 1, kind
