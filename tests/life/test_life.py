"""A live learner learns what the learner alone would, by two conventions; what does not fit is refused in one line."""

import copy
import pickle
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import r2_score

import pcl
from pcl import learners
from pcl.errors import UsageError
from pcl.fields import fields
from pcl.life import programs
from pcl.life.features import Features
from pcl.types import Batch, Spec

RNG = np.random.default_rng(0)
CENTRES = 4 * np.eye(3, 5, dtype=np.float32)
NUMBERS = RNG.integers(0, 3, 300)
X = (CENTRES[NUMBERS] + RNG.normal(size=(300, 5))).astype(np.float32)
Y = np.array(["b", "a", "c"])[NUMBERS]


def live(name="ncm", **changes):
    return pcl.live(name, **{"inputs": 5, "max_classes": 4} | changes)


def bits(life):
    keys = [jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in jax.tree.leaves(life.state)]
    leaves = zip(jax.tree.leaves(life.state), keys, strict=True)
    return [np.asarray(jax.random.key_data(leaf) if key else leaf).tobytes() for leaf, key in leaves]


def test_one_by_one_as_a_table_and_by_the_learner_alone_are_one_life():
    """Table of 300 rows: one chunk and a part of another. Two programs of float32: equal but for rounding."""
    one, table = live("rls", ridge=0.5), live("rls", ridge=0.5)
    for x, y in zip(X, Y, strict=True):
        assert one.learn_one(x, y) is None
    assert table.partial_fit(X[:7], Y[:7]) is table
    table.partial_fit(X[7:], Y[7:])
    learner, hp = learners.make("rls", Spec((5,), 4))
    hp = hp.replace(ridge=0.5)
    order = list(dict.fromkeys(Y.tolist()))
    numbers = jnp.asarray([[order.index(label)] for label in Y], jnp.int32)
    rows = Batch(jnp.asarray(X[:, None]), numbers, numbers >= 0, numbers >= 0, 0 * numbers)
    scan = jax.jit(lambda state: jax.lax.scan(lambda s, row: (learner.update(s, row, hp)[0], None), state, rows)[0])
    alone = scan(learner.init(jax.random.key(0), hp))
    for life in (one, table):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), life.state, alone)
        assert life.classes_.tolist() == order
        assert life.score(X, Y) > 0.95  # Bayes is above 0.99
    assert [one.predict_one(x) for x in X[:20]] == one.predict(X[:20]).tolist()


def test_probabilities_are_those_of_the_labels_that_are_known():
    life = live()
    assert life.predict_one(X[0]) is None
    assert life.predict_proba_one(X[0]) == {}
    life.partial_fit(X, Y, classes=["a", "b", "c"])
    proba = life.predict_proba(X[:9])
    assert life.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(proba.sum(1), 1)
    np.testing.assert_array_equal(life.classes_[proba.argmax(1)], life.predict(X[:9]))
    assert life.predict_proba_one(X[0]) == pytest.approx(dict(zip("abc", proba[0], strict=True)))
    logits = life.learner.predict(life.state, jnp.asarray(X[:9]), life.hp).logits[:, :3]
    np.testing.assert_allclose(proba, jax.nn.softmax(logits), rtol=1e-4, atol=1e-6)
    assert life.predict(X[:0]).shape == (0,)


def test_labels_grow_to_the_bound_and_one_too_many_teaches_nothing():
    life = live(max_classes=2)
    life.learn_one(X[0], True)
    life.learn_one(X[1], np.bool_(False))
    before = bits(life)
    with pytest.raises(
        UsageError, match=r"label 'c' is new beside \[True, False\]: there is room for 2; give a larger"
    ):
        life.partial_fit(X[:3], [True, False, "c"])
    with pytest.raises(UsageError, match=r"label \[1\]: give a text, a number"):
        life.learn_one(X[0], [1])
    assert bits(life) == before
    assert life.classes_.tolist() == [True, False]
    assert life.predict_one(X[0]) is True


def test_a_sample_without_a_label_is_observed_and_does_not_teach():
    life, other = live(), live()
    life.partial_fit(X[:3], ["a", None, float("nan")])
    life.learn_one(X[4])
    other.learn_one(X[0], "a")
    assert bits(life) == bits(other)
    assert life.state.size.tolist() == [1, 0, 0, 0]
    assert life.classes_.tolist() == ["a"]


def test_a_sample_that_is_not_finite_changes_nothing_and_is_answered_by_all_labels_alike():
    life = live(inputs=2)
    life.partial_fit(X[:20, :2], Y[:20])
    before = jax.tree.leaves(life.state)
    for value in (np.nan, np.inf, 1e30):  # whose square is beyond float32
        life.learn_one([1.0, value], Y[0])
        assert all((a == b).all() for a, b in zip(before, jax.tree.leaves(life.state), strict=True))
        asked = life.predict_proba_one([1.0, value])
        assert len(set(asked.values())) == 1
    life.learn_one([1.0, 1.0], Y[0])
    assert any((a != b).any() for a, b in zip(before, jax.tree.leaves(life.state), strict=True))


def test_features_come_and_go_in_any_order():
    life, other = live(inputs=3), live(inputs=3)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for _ in range(2):
            life.learn_one({"b": 2, "a": 1.0, "c": None}, "x")
            life.learn_one({"d": 7, "a": True}, "y")
            other.learn_one([1, 2, 0], "x")
            other.learn_one([1, 0, 0], "y")
    said = [str(w.message) for w in heard if "feature" in str(w.message)]
    assert said == ["feature 'd' is left out: all 3 inputs are taken; give more inputs"]
    assert bits(life) == bits(other)
    assert life.predict_proba_one({"a": 1, "b": 2}) == other.predict_proba_one([1, 2, 0])
    named = live(inputs=["b", "a"])
    named.learn_one({"a": 1.0, "b": 2.0}, "x")
    assert named.state.total[0, 0] == 2 * named.state.total[0, 1] > 0  # inputs are scaled to one length


def test_a_saved_life_goes_on_exactly(tmp_path):
    """`er` draws what it replays: its key is in the state."""
    life = live("er", inputs=["p", "q", "r", "s", "t"], memory=20, width=8)
    rows = [dict(zip("pqrst", row.tolist(), strict=True)) for row in X[:40]]
    for x, y in zip(rows[:20], Y[:20], strict=True):
        life.learn_one(x, y)
    life.save(tmp_path / "life.npz")
    again, twin = pcl.load_live(tmp_path / "life.npz"), copy.deepcopy(life)
    for x, y in zip(rows[20:], Y[20:40], strict=True):
        for one in (life, again, twin):
            one.learn_one(x, y)
    assert bits(again) == bits(life) == bits(twin)
    assert again.packed() == life.packed() == pickle.loads(pickle.dumps(life)).packed()
    assert again.predict_proba_one(rows[0]) == life.predict_proba_one(rows[0])
    assert (again.hp.memory, again.classes_.tolist()) == (20, life.classes_.tolist())
    learner, state, hp = pcl.load(tmp_path / "life.npz")
    pcl.save(learner, state, hp, tmp_path / "plain.npz")
    plain = pcl.load_live(tmp_path / "plain.npz")  # labels have no names then
    assert plain.classes_.tolist() == [0, 1, 2, 3]
    assert plain.predict_one(X[0]) in range(4)


def test_real_targets_are_predicted():
    weights = np.array([[1, 0], [0, 1], [0.5, -0.5], [0, 0], [0, 0]], np.float32)
    targets = X @ weights / 3
    life = pcl.live("rls", inputs=5, targets=2, ridge=0.01)
    life.partial_fit(X, targets)
    life.learn_one(X[0], [np.nan, 1e9])
    life.learn_one(X[0])
    np.testing.assert_allclose(life.predict(X[:9]), targets[:9], atol=0.02)
    np.testing.assert_allclose(life.predict_one(X[0]), targets[0], atol=0.02)
    noisy = targets + RNG.normal(size=targets.shape)
    assert life.score(X, noisy) == pytest.approx(r2_score(noisy, life.predict(X)), abs=1e-5)
    single = pcl.live("rls", inputs=5, targets=1)
    single.learn_one(X[0], 0.5)
    assert isinstance(single.predict_one(X[0]), float)
    with pytest.raises(UsageError, match="rls predicts real targets here: there are no labels"):
        single.predict_proba(X)


def test_each_program_is_compiled_once_and_the_memory_of_the_state_is_used_again():
    before = programs._compiled.cache_info().misses
    for seed, ridge in ((1, 0.1), (2, 0.2)):
        life = live("rls", seed=seed, ridge=ridge)
        for x, y in zip(X[:5], Y[:5], strict=True):
            old = life._arrays
            life.learn_one(x, y)
            life.predict_one(x)
            assert all(leaf.is_deleted() for leaf in old)
    # the first state, and one sample; other tests may have needed them before
    assert programs._compiled.cache_info().misses - before <= 2


def test_questions_change_no_bit_of_what_is_learned():
    """What waits to be learned is learned by one program, whatever is asked meanwhile."""
    silent, asked = live("er", memory=20, width=8), live("er", memory=20, width=8)
    for i, (x, y) in enumerate(zip(X[:30], Y[:30], strict=True)):
        silent.learn_one(x, y)
        asked.learn_one(x, y)
        for _ in range(i % 3):
            asked.predict_proba_one(X[-1])
        if i % 5 == 0:
            assert asked.score(X[:1], Y[:1]) in (0, 1)
            asked.packed()
    assert silent.packed() == asked.packed()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: live("nope"), "unknown learner 'nope'; known: acil"),
        (lambda: live(max_classes=0), "give the labels that there are"),
        (lambda: live(targets=1), "give the labels that there are"),
        (lambda: live(targets=1, max_classes=0), "ncm cannot predict real targets; learners that can: (?!.*ncm).*rls"),
        (lambda: live(lr=1.0), "unknown setting 'lr'"),
        (lambda: live("pcn", lr=-1.0), "lr=-1.0: must be"),
        (lambda: live(inputs=0), "inputs=0: give a number of features, their names, or a shape"),
        (lambda: live(inputs=["a", "a"]), "give a number of features, their names"),
        (lambda: live().learn_one([1.0], "a"), r"the sample has shape \(1,\); expected \(5,\)"),
        (lambda: live().predict([[1.0]]), r"samples have shape \(1, 1\); expected \[N, 5\]"),
        (lambda: live().learn_one({"a": 1, "b": "red"}, "a"), "feature b is 'red': give numbers; encode others"),
        (lambda: live().partial_fit([["x"] * 5], ["a"]), "feature 0 is 'x': give numbers"),
        (lambda: live().partial_fit(X, Y[:-1]), "300 samples have 299 labels or targets"),
        (lambda: live().predict(X), "no label is known yet: learn first, or give classes"),
        (lambda: pcl.live("rls", inputs=5, targets=2).learn_one(X[0], 1.0), r"give 2 real number\(s\) per sample"),
        (lambda: pcl.load_live("nowhere.npz"), "nowhere.npz cannot be read"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, said):
    with pytest.raises(UsageError, match=said) as error:
        call()
    assert "\n" not in str(error.value)


def test_notes_that_are_damaged_are_refused(tmp_path):
    life = live()
    for notes in ({"live": 3}, {"live": {"features": [], "labels": {"known": [1, 2, 3], "bound": 2}}}):
        content = pcl.saved.packed(life.learner, life.state, life.hp, notes)
        (tmp_path / "life.npz").write_bytes(content)
        with pytest.raises(UsageError, match=r"life\.npz: its notes on labels and features are damaged"):
            pcl.load_live(tmp_path / "life.npz")


def test_names_of_arguments_are_no_settings_of_any_learner():
    """`pcl.live` and the estimators take both by keyword."""
    own = {"learner", "inputs", "classes", "max_classes", "targets", "seed", "passes", "settings"}
    for entry in learners.REGISTRY.values():
        assert not own & set(fields(entry.hparams))


def test_shapes_of_inputs():
    assert Features.announced((2, 3)).rows(np.zeros((4, 6))).shape == (4, 2, 3)
    assert Features.announced([2, 3]).row({"a": 1}, learn=True).shape == (1, 2, 3)
