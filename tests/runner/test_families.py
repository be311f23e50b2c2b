"""Runs of several sizes in one program: the records of their own programs, up to rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners, saved
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.fields import as_dict, replace
from pcl.runner import families
from pcl.runner.execute import execute, plan, state_file
from pcl.runner.store import CIRCUMSTANCES, Store
from pcl.runner.sweep import parse_settings, resolve
from pcl.types import Batch, Spec

EXPERIMENT = Experiment(
    name="trial",
    claim="",
    streams={"s": StreamSpec("split", {"source": "digits", "batch": 40})},
    learners={name: {"width": 8, "depth": 2} for name in ("pcn", "backprop", "er", "er_pcn")},
    arms=(Arm(seeds=2),),
    evaluation={"probe_every": 10, "log_bins": 10},
)


def asked(name, *settings, together=()):
    return resolve(EXPERIMENT, parse_settings(settings, together), [name])


def executed(groups, folder, mode, states=None):
    """The records of planned runs, by id."""
    store = Store(folder, "trial")
    store.require_writable()
    if states is not None:
        states.mkdir()
    execute(groups, store, mode, "trial", states=states)
    return {row["run_id"]: row for row in store.records()}


DEPTHS = ("inference_steps=3", "memory=5"), ("width=8,4,6", "depth=0,1,3")  # no run has both largest
CASES = {  # settings, and those that vary together
    "er": (("memory=3,20,60",), ()),
    "pcn": (("width=3,8", "inference_steps=0,6"), ()),
    "backprop": (("width=1,5,8", "optimiser=adamw"), ()),
    "er_pcn": (("inference_steps=3", "halt=gradient"), ("memory=5,30", "width=8,4")),  # no run has both largest
}


# `er` shares sizes of a memory, `er_pcn` those of a memory, of a width and of inference; the others are of these kinds.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("er", CASES["er"]),
        ("er_pcn", CASES["er_pcn"]),
        ("er_pcn", DEPTHS),
        *(pytest.param(name, CASES[name], marks=pytest.mark.long) for name in ("pcn", "backprop")),
    ],
    ids=["er", "er_pcn", "depths", "pcn", "backprop"],
)
def test_records_are_those_of_a_program_for_each_size(name, case, tmp_path):
    settings, together = case
    runs, found = asked(name, *settings, together=together), {}
    for share in ("never", "always"):
        groups, states = plan(runs, "map", share=share), tmp_path / f"states-{share}"
        assert len(groups) == (1 if share == "always" else len({run.static for run in runs}))
        found[share] = executed(groups, tmp_path / share, "map", states)
    assert set(found["never"]) == set(found["always"]) == {run.run_id for run in runs}
    for run in runs:
        own, together = (found[share][run.run_id] for share in ("never", "always"))
        assert own["provenance"]["mode"] == "map"
        assert together["provenance"]["mode"].startswith("map, one program for ")
        for column in set(own) - set(CIRCUMSTANCES):
            value, other = own[column], together[column]
            if isinstance(value, str | bool) or value is None or isinstance(value, dict):
                assert value == other, column
            else:  # rounding that many updates have magnified
                np.testing.assert_allclose(np.asarray(other, float), np.asarray(value, float), rtol=2e-3, atol=2e-4)
        ends = [saved.load(state_file(tmp_path / f"states-{share}", run.run_id)).state for share in found]
        for one, another in zip(*map(jax.tree.leaves, ends), strict=True):
            assert one.shape == another.shape
            if jnp.issubdtype(one.dtype, jnp.floating):
                np.testing.assert_allclose(another, one, rtol=2e-2, atol=2e-3)


@pytest.mark.slow
def test_side_by_side_they_are_those_too(tmp_path):
    runs, found = asked("pcn", "inference_steps=1,4"), {}
    for share in ("never", "always"):
        found[share] = executed(plan(runs, "vmap", share=share), tmp_path / share, "vmap")
    for run in runs:
        own, together = (np.asarray(found[share][run.run_id]["energy"]) for share in ("never", "always"))
        np.testing.assert_allclose(together, own, rtol=1e-4)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_padding_stays_zero(place):
    """Units without synapses at a width of 3 or 5 among 8: no update wakes them."""
    members = tuple(learners.REGISTRY["pcn"].hparams.replace(width=width, depth=1) for width in (8, 5, 3))
    learner = families.shared(learners.make("pcn", Spec((4,), 3))[0], members)
    given = families.Member(members[0], {"width": np.int32(0)}, np.int32(place))
    start = jax.jit(learner.init)(jax.random.key(0), given)
    true, y = jnp.ones(6, bool), jnp.arange(6) % 3
    batch = Batch(jax.random.normal(jax.random.key(1), (6, 4)), y, true, true, jnp.zeros_like(y))
    updated = jax.jit(learner.update)(start, batch, given)[0]
    width = members[place].width
    alone = learners.make("pcn", Spec((4,), 3))[0]
    own, widest = (alone.init(jax.random.key(0), hp) for hp in (members[place], members[0]))
    state, taught = (jax.tree.unflatten(jax.tree.structure(widest), slots) for slots in (start, updated))
    np.testing.assert_array_equal(state.network[0].w[:, :width], own.network[0].w)
    assert np.any(taught.network[0].w != state.network[0].w)
    for after in (state, taught):
        for array in (after.network[0].w[:, width:], after.network[1].w[width:], after.directions[0][:, width:]):
            assert not np.any(array)


@pytest.mark.parametrize(("place", "depth"), [(0, 2), (1, 0), (2, 1)])
def test_a_run_has_the_arrays_of_its_own_depth(place, depth):
    """It begins and learns as it does alone; arrays of other depths stay zero."""
    alone = learners.make("pcn", Spec((4,), 3))[0]
    members = tuple(learners.REGISTRY["pcn"].hparams.replace(width=5, depth=depth) for depth in (2, 0, 1))
    learner, states = families.shared(alone, members), families._states(alone, members)
    given = families.Member(members[0], {}, np.int32(place))
    true, y = jnp.ones(6, bool), jnp.arange(6) % 3
    batch = Batch(jax.random.normal(jax.random.key(1), (6, 4)), y, true, true, jnp.zeros_like(y))
    begun, own = learner.init(jax.random.key(0), given), alone.init(jax.random.key(0), members[place])
    taught, own_taught = (jax.jit(one.update) for one in (learner, alone))
    after, own_after = taught(begun, batch, given)[0], own_taught(own, batch, members[place])[0]
    deepest = jax.tree.leaves(jax.eval_shape(alone.init, jax.random.key(0), members[0]))
    assert len(begun) == len(deepest) + 3  # weights from inputs to outputs, and their two moments
    for slots, wanted in ((begun, own), (after, own_after)):
        found = states.of(slots, depth)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), found, wanted)
        assert not any(np.any(slot) for i, slot in enumerate(slots) if i not in states.places[depth])


def test_groups_are_joined_that_differ_in_sizes_of_their_learner_alone():
    def joined(name, *settings, share="always"):
        return [len(group) for group in families.grouped([[run] for run in asked(name, *settings)[::2]], share, "map")]

    assert joined("pcn", "width=4,8", "inference_steps=1,2") == [4]
    assert joined("pcn", "width=4,8", share="never") == [1, 1]
    assert joined("pcn", "width=4,8", "depth=1,2") == [4]
    assert joined("er", "memory=4,8", "charge=flops") == [1, 1]
    for setting in ("activation=sigmoid", "init=mupc", "norm=layer", "architecture=vgg5"):
        assert joined("backprop", "width=4,8", setting) == [1, 1]
    assert joined("backprop", "depth=1,2", "norm=layer") == joined("pcn", "depth=1,2", "inference=ipc") == [2]
    assert joined("backprop", "depth=1,2", "layer_sizes=4+4") == [1, 1]
    assert joined("pcn", "width=4,8", "precision=diagonal") == [1, 1]
    assert joined("pcn", "inference_steps=4,8", "precision=diagonal") == [2]
    assert joined("pcn", "inference_steps=4,8", "inference=ipc") == [1, 1]


SHARED = [name for name, entry in learners.REGISTRY.items() if entry.sizes is not None]


@pytest.mark.parametrize("name", SHARED)
def test_a_learner_takes_sizes_of_its_own_and_reports_alike_at_every_depth(name):
    entry, spec = learners.REGISTRY[name], Spec((4,), 3)
    sizes = entry.sizes(entry.hparams)
    assert set(sizes) <= set(as_dict(entry.hparams))
    if "depth" not in sizes:
        return
    members = tuple(replace(entry.hparams, {"width": 5, "depth": depth}) for depth in (0, 2))
    learner = families.shared(learners.make(name, spec)[0], members)
    given = families.Member(members[0], {size: np.int32(2) for size in sizes}, np.int32(0))
    true, y = jnp.ones(6, bool), jnp.arange(6) % 3
    state = jax.eval_shape(learner.init, jax.random.key(0), given)
    after, _ = jax.eval_shape(learner.update, state, Batch(jnp.ones((6, 4)), y, true, true, jnp.zeros_like(y)), given)
    assert [leaf.shape for leaf in after] == [leaf.shape for leaf in state]
    assert jax.eval_shape(learner.predict, state, jnp.ones((6, 4)), given).logits.shape == (6, 3)


def test_padding_is_weighed_against_compilations(monkeypatch):
    """Memory costs no operation; a wide network beside a narrow one costs its own for every sample."""
    monkeypatch.setattr(families, "OPERATIONS", 1e6)
    groups = [[run] for run in asked("er", "memory=10,1000")[::2]]
    assert len(families.grouped(groups, "auto", "map")) == 1
    groups = [[run] for run in asked("backprop", "width=4,256")[::2]]
    assert len(families.grouped(groups, "auto", "map")) == 2
    groups = [[run] for run in asked("pcn", "inference_steps=1,400")[::2]]
    assert [len(families.grouped(groups, "auto", mode)) for mode in ("map", "vmap")] == [1, 2]
    groups = [[run] for run in asked("backprop", "depth=1,2")[::2]]
    assert [len(families.grouped(groups, "auto", mode)) for mode in ("map", "vmap")] == [1, 2]


def test_a_depth_costs_arrays_that_are_carried_along_or_the_operations_of_every_other():
    runs, spec = asked("backprop", "depth=1,3")[::2], Spec((64,), 10)
    members = tuple(run.hp for run in runs)
    found = {mode: [families.padding(spec, run, members, mode) for run in runs] for mode in ("map", "vmap")}
    hidden = 6 * 2 * 64  # operations of a sample in two layers of 8 units
    assert found["map"] == pytest.approx([families.CARRIED * hidden / 40, 0])
    first, last = 4 * 64 * 8, 6 * 8 * 10
    assert found["vmap"] == [first + hidden + last, first + last]


def test_a_family_says_its_sizes():
    (group,) = families.grouped([[run] for run in asked("er_pcn", "memory=4,8", "width=2,3")[::2]], "always", "map")
    assert families.differing(group[0].family) == {"width": [2, 3], "memory": [4, 8]}
    assert families.mode_text(group[0].family) == ", one program for width 2 3, memory 4 8"
    assert families.mode_text(()) == ""
    most = as_dict(families.largest(group[0].family))
    assert (most["memory"], most["width"]) == (8, 3)
    assert group[0].static == group[3].static
