"""Learners in files: states come back bit for bit, lives go on as if never stopped, bad files say why."""

import io
import json
import pickle
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct

import pcl
from pcl import learners
from pcl.errors import UsageError
from pcl.fields import fields, replace, static
from pcl.learners import REGISTRY
from pcl.saved import SCHEMA, load, packed, save, unpacked
from pcl.types import Batch, Learner, Spec

LABELS, TARGETS = Spec((5,), 3), Spec((5,), 0, 5)


def made(name):
    learner, hp = learners.make(name, LABELS if REGISTRY[name].labels else TARGETS)
    return learner, replace(
        hp, {k: v for k, v in {"width": 16, "random_features": 16, "memory": 20}.items() if k in fields(hp)}
    )


def some_state(learner, hp, seed=0):
    """A state of the right structure and any content, of which nothing is compiled."""
    rng = np.random.default_rng(seed)

    def some(leaf):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.split(jax.random.key(7), leaf.shape) if leaf.shape else jax.random.key(7)
        if leaf.dtype == bool:
            return jnp.asarray(rng.random(leaf.shape) < 0.5)
        content = rng.integers(0, 256, (*leaf.shape, leaf.dtype.itemsize), np.uint8)
        return jnp.asarray(content.view(leaf.dtype)[..., 0])

    return jax.tree.map(some, jax.eval_shape(learner.init, jax.random.key(0), hp))


def bits(tree):
    """The leaves as bytes, so that not-a-number equals itself."""
    keys = [jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in jax.tree.leaves(tree)]
    plain = [jax.random.key_data(x) if k else x for x, k in zip(jax.tree.leaves(tree), keys, strict=True)]
    return [(leaf.dtype, leaf.shape, np.asarray(leaf).tobytes()) for leaf in plain]


@pytest.mark.parametrize("name", REGISTRY)
def test_every_learner_comes_back_bit_for_bit(name, tmp_path):
    learner, hp = made(name)
    traced = [name for name, field in fields(hp).items() if field.metadata.get("pytree_node", True)]
    hp = replace(hp, {traced[0]: 0.25}) if traced else hp
    state = some_state(learner, hp)
    path = tmp_path / "new" / "life.npz"
    save(learner, state, jax.tree.map(np.float32, hp), path)
    again = load(path)
    assert (again.learner.name, again.learner.spec) == (name, learner.spec)
    assert jax.tree.map(np.float32, again.hp) == jax.tree.map(np.float32, hp)
    assert jax.tree.structure(again.state) == jax.tree.structure(state)
    assert bits(again.state) == bits(state)
    assert packed(*again) == path.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["life.npz"]


@pytest.mark.parametrize("name", ["er", "rls"])  # one draws at random, the other does not
def test_a_loaded_learner_continues_exactly(name, tmp_path):
    learner, hp = made(name)
    rng = np.random.default_rng(0)
    true = np.ones((10, 4), bool)
    x, y = rng.normal(size=(10, 4, 5)).astype(np.float32), rng.integers(0, 3, (10, 4)).astype(np.int32)
    batches = [Batch(*map(jnp.asarray, (x[i], y[i], true[i], true[i], 0 * y[i]))) for i in range(10)]
    update = jax.jit(learner.update)
    state = learner.init(jax.random.key(0), hp)
    for i, batch in enumerate(batches):
        if i == 5:
            save(learner, state, hp, tmp_path / "half")
        state = update(state, batch, hp)[0]
    again = pcl.load(tmp_path / "half")
    resumed = again.state
    for batch in batches[5:]:
        resumed = update(resumed, batch, again.hp)[0]
    assert bits(resumed) == bits(state)
    want = learner.predict(state, batches[0].x, hp).logits
    np.testing.assert_array_equal(again.learner.predict(resumed, batches[0].x, again.hp).logits, want)


def test_numpy_opens_a_file_and_reads_what_it_says(tmp_path):
    learner, hp = made("er")
    save(learner, some_state(learner, hp), hp, tmp_path / "life.npz")
    with np.load(tmp_path / "life.npz", allow_pickle=False) as file:
        about = json.loads(file["about.json"])
        assert {name.partition(".")[0] for name in file.files} == {"state", "about"}
        key = file[f"state{next(iter(about['types']))}"]
    assert about["schema"] == SCHEMA
    assert about["learner"] == "er"
    assert about["spec"] == {"input_shape": [5], "num_labels": 3, "num_targets": 0}
    assert about["settings"]["memory"] == 20
    assert set(about["types"].values()) == {"key:threefry2x32"}
    np.testing.assert_array_equal(key, jax.random.key_data(jax.random.key(7)))


def test_what_is_not_this_learners_is_not_saved(tmp_path):
    learner, hp = made("ncm")
    state = some_state(learner, hp)
    two = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), state)
    other, theirs = made("rls")
    for args, said in {
        (Learner(*learner), "s", "h"): "pcl.learners.make returned",
        (learner, "two", "h"): r"state of ncm has float32\[2, .*expected float32\[",
        (learner, "other", "h"): "state of ncm lacks",
        (learner, "s", "theirs"): "settings are of type",
    }.items():
        given = {"s": state, "two": two, "other": some_state(other, theirs), "h": hp, "theirs": theirs}
        with pytest.raises(UsageError, match=said):
            save(args[0], given[args[1]], given[args[2]], tmp_path / "life.npz")
    many = jax.tree.map(lambda number: np.full(3, number, np.float32), theirs)
    with pytest.raises(UsageError, match=r"has shape \(3,\)"):
        save(other, some_state(other, theirs), many, tmp_path / "life.npz")
    assert not list(tmp_path.iterdir())


def rewritten(content, changes):
    """A file with other members: a function of what was there, or None to leave it out."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, change in changes.items():
        members[name] = change(members.get(name))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, member in members.items():
            if member is not None:
                archive.writestr(name, member)
    return file.getvalue()


def about(**changes):
    return {"about.json": lambda text: json.dumps(json.loads(text) | changes).encode()}


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("code in a file was executed",))


def array(value):
    member = io.BytesIO()
    np.save(member, value, allow_pickle=True)
    return member.getvalue()


LEAF = "state.total.npy"  # of ncm
BAD = {
    "no zip": (lambda c: b"not a zip", "is damaged, or no saved learner"),
    "empty": (lambda c: b"", "is damaged, or no saved learner"),
    "truncated": (lambda c: c[: len(c) // 2], "is damaged, or no saved learner"),
    "a flipped bit": (lambda c: flipped(c), "is damaged, or no saved learner"),
    "pickle": (lambda c: pickle.dumps(Bomb()), "is damaged, or no saved learner"),
    "pickle inside": (lambda c: rewritten(c, {LEAF: lambda _: array(np.array([Bomb()]))}), "allow_pickle=False"),
    "no JSON": (lambda c: rewritten(c, {"about.json": lambda _: b"{"}), "about.json has another form"),
    "nothing said": (lambda c: rewritten(c, {"about.json": lambda _: None}), "it has no about.json"),
    "schema": (lambda c: rewritten(c, about(schema=99, pcl="7.1")), r"schema 99, saved by pcl 7\.1; pcl \S+ reads 1"),
    "learner": (
        lambda c: rewritten(c, about(learner="nmc")),
        "unknown learner 'nmc'; known: .*; register .* first",
    ),
    "no learner": (lambda c: rewritten(c, about(learner=["ncm"])), "is no saved learner"),
    "spec": (lambda c: rewritten(c, about(spec={"input_shape": ["5"], "num_labels": 3, "num_targets": 0})), "whole"),
    "other spec": (
        lambda c: rewritten(c, about(pcl="7.1", spec={"input_shape": [6], "num_labels": 3, "num_targets": 0})),
        r"does not fit pcl \S+ \(saved by pcl 7\.1\): the state has float32\[3, 6\] at \.total; expected float32\[3, 7",
    ),
    "setting": (lambda c: rewritten(c, about(settings={"lrr": 1.0})), "unknown setting 'lrr'"),
    "value": (lambda c: rewritten(c, about(settings={"precision": "some"})), "precision"),
    "missing leaf": (lambda c: rewritten(c, {LEAF: lambda _: None}), r"the state lacks \.total"),
    "another leaf": (lambda c: rewritten(c, {"state.more.npy": lambda _: b""}), r"beside what it should \.more"),
    "shape": (
        lambda c: rewritten(c, {LEAF: lambda _: array(np.zeros(4, np.float32))}),
        r"float32\[4\] at \.total",
    ),
    "type": (lambda c: rewritten(c, {LEAF: lambda _: array(np.zeros((3, 6), np.int32))}), r"has int32\[3, 6\] at"),
    "no array": (lambda c: rewritten(c, {LEAF: lambda _: b"1,2,3"}), "is no saved learner"),
}


def flipped(content):
    at = content.index(b"state") + 60
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("why", BAD)
def test_a_bad_file_is_refused_in_one_line(why, tmp_path):
    learner, hp = learners.make("ncm", LABELS)
    damage, said = BAD[why]
    path = tmp_path / "life.npz"
    path.write_bytes(damage(packed(learner, some_state(learner, hp), hp)))
    with pytest.raises(UsageError, match=said) as error:
        load(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_files_that_are_not_there_or_cannot_be_written(tmp_path):
    learner, hp = learners.make("ncm", LABELS)
    with pytest.raises(UsageError, match=r"nowhere cannot be read \(No such file"):
        load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*file/life"):
        save(learner, some_state(learner, hp), hp, tmp_path / "file" / "life")


def test_a_truth_value_among_the_settings_comes_back(tmp_path, monkeypatch):
    @struct.dataclass
    class Own:
        bias: bool = static(True, "whether there is a bias")

    own = Learner(lambda key, hp: jnp.full(2, hp.bias), lambda *_: None, lambda *_: None)
    monkeypatch.setitem(REGISTRY, "mine", REGISTRY["ncm"]._replace(hparams=Own(), make=lambda spec: own))
    learner, hp = learners.make("mine", LABELS)
    for value in (True, False):
        hp = replace(hp, {"bias": value})
        save(learner, some_state(learner, hp), hp, tmp_path / "life.npz")
        again = load(tmp_path / "life.npz")
        assert again.hp.bias is value
        assert again.learner.init(jax.random.key(0), again.hp).tolist() == [value] * 2


def test_a_setting_that_came_later_may_be_missing_and_no_other():
    learner, hp = made("bpc")
    content = packed(learner, some_state(learner, hp), hp)
    stored = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("about.json"))["settings"]
    assert set(fields(hp)) - set(stored) == set(type(hp).LATER)
    stored.pop("drift")
    with pytest.raises(UsageError, match="settings of bpc are missing: drift"):
        unpacked(rewritten(content, about(settings=stored)), "it")
