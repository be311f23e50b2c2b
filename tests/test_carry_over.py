"""Records under today's names: settings, swept ones and ids are rewritten, and nothing else, once."""

import hashlib
import json

import pytest
from stored import row

from pcl import learners, streams
from pcl.errors import UsageError
from pcl.fields import canonical, fields
from pcl.runner.store import Store
from scripts.carry_over import LATER, LEARNERS, STREAMS, carried, carry_over

OLD = {"precision": "full", "width": 8, "lr": 0.1}
NEW = {"covariance": "full", "random_features": 8, "lr": 0.1}


def old(run_id, seed=0, learner="rls", settings=OLD, stream=(("kind", "drift"), ("noise", 0.1)), variant=()):
    config = {"learner": {"name": learner, **settings}, "stream": dict(stream), "seed": seed}
    return row(run_id, seed, learner=learner, config=canonical(config), variant=canonical(dict(variant)))


def test_names_and_ids_are_carried_over_and_nothing_else(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    swept = {"width": 8, "noise": 0.1, "lr": 0.1}
    store.write([old("a", variant=swept), old("b", 1, variant=swept)])
    store.write([old("c", 2, learner="pcn", stream=(("kind", "split"),))])
    before = {record["seed"]: record for record in store.records()}
    assert carry_over(store) == 2
    (part,) = store.parts()
    after = {record["seed"]: record for record in store.records()}
    assert after[2] == before[2]
    for seed in (0, 1):
        config = json.loads(after[seed]["config"])
        assert config == {
            "learner": {"name": "rls", **NEW}, "stream": {"kind": "drift", "label_noise": 0.1}, "seed": seed
        }  # fmt: skip
        assert json.loads(after[seed]["variant"]) == {"random_features": 8, "label_noise": 0.1, "lr": 0.1}
        assert after[seed]["run_id"] == hashlib.sha256(after[seed]["config"].encode()).hexdigest()[:16]
        changed = {name for name in before[seed] if before[seed][name] != after[seed][name]}
        assert changed == {"config", "variant", "run_id"}
    assert (carry_over(store), store.parts()) == (0, [part])


def test_settings_that_came_later_have_the_values_that_runs_were_lived_with():
    learner = json.loads(carried(old("a", learner="bpc"))["config"])["learner"]
    assert learner == {"name": "bpc", **NEW, "step_limit": "curvature", "step_share": 0.9}
    limited = old("a", learner="bpc", settings={**NEW, "step_limit": "nothing", "step_share": 0.5})
    assert json.loads(carried(limited)["config"])["learner"]["step_limit"] == "nothing"


def test_two_names_and_two_runs_are_never_made_one(tmp_path):
    with pytest.raises(UsageError, match="has width and random_features, which would be one setting"):
        carried(old("a", settings=OLD | {"random_features": 9}))
    store = Store(tmp_path, "trial")
    store.require_writable()
    part = store.write([old("a"), old("b", variant={"width": 8})])
    with pytest.raises(UsageError, match=r"two runs would have the id .*; nothing is carried over"):
        carry_over(store)
    assert store.parts() == [part]


def test_new_names_are_settings_of_today_and_old_ones_are_none():
    tables = [(learners.REGISTRY[name].hparams, names) for name, names in LEARNERS.items()]
    tables += [(streams.REGISTRY[kind].config, names) for kind, names in STREAMS.items()]
    for config, names in tables:
        assert set(names.values()) <= fields(config).keys()
        assert not names.keys() & fields(config).keys()
    for name, values in LATER.items():
        known = fields(learners.REGISTRY[name].hparams)
        assert {setting: known[setting].default for setting in values} == values
