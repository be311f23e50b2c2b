"""Runs with checkpoints: stopped in the middle and taken up again, they end in the same record and state."""

import json

import numpy as np
import pytest

from pcl.errors import UsageError
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.interrupts import Interrupted, Interrupts
from pcl.runner.execute import execute, plan
from pcl.runner.segments import Checkpoints
from pcl.runner.store import CIRCUMSTANCES, Store
from pcl.runner.sweep import resolve

pytestmark = pytest.mark.slow

EXPERIMENT = Experiment(
    name="trial",
    claim="",
    streams={"s": StreamSpec("split", {"batch": 100})},  # 15 steps
    learners={"er": {"width": 4, "depth": 1, "memory": 20}},  # draws what it replays
    arms=(Arm(seeds=2),),
    evaluation={"probe_every": 10, "end_every": 0},
)


class Stopped(Interrupts):
    """A signal comes while the run is in its second segment."""

    def __init__(self):
        super().__init__()
        self.rests = 0

    def rest(self):
        self.rests += 1
        if self.rests == 2:
            raise Interrupted(2)


def new_store(folder):
    store = Store(folder, "trial")
    store.require_writable()
    return store


def facts(store):
    return [{k: v for k, v in record.items() if k not in CIRCUMSTANCES} for record in store.records()]


def test_a_run_stopped_in_the_middle_goes_on_to_the_same_bits(tmp_path, capsys):
    """And to the record of a run without checkpoints, but for the rounding of sums in another program."""
    groups = plan(resolve(EXPERIMENT), "map")
    plain, whole, kept = (new_store(tmp_path / name) for name in ("plain", "whole", "kept"))
    execute(groups, plain, "map", "trial", states=tmp_path / "c")
    execute(groups, whole, "map", "trial", states=tmp_path / "a", checkpoint_steps=100)
    with pytest.raises(Interrupted):
        execute(groups, kept, "map", "trial", Stopped(), states=tmp_path / "b", checkpoint_steps=4)
    assert not kept.parts()
    assert "checkpoint" not in capsys.readouterr().err
    (checkpoint,) = kept.folder.iterdir()
    with np.load(checkpoint, allow_pickle=False) as file:
        assert json.loads(file["about.json"])["steps"] == 8
    content = checkpoint.read_bytes()
    seen = []

    class Watching(Interrupts):
        def rest(self):
            if checkpoint.exists():  # and behind the chunk it is gone
                with np.load(checkpoint, allow_pickle=False) as file:
                    seen.append(json.loads(file["about.json"])["steps"])

    assert execute(groups, kept, "map", "trial", Watching(), states=tmp_path / "b", checkpoint_steps=3) == 2
    assert capsys.readouterr().err == "2 runs go on from a checkpoint, at step 8 of 15\n"
    assert seen == [11, 14]  # on from step 8, by other segments
    assert facts(kept) == facts(whole)
    for one, other in zip(facts(plain), facts(whole), strict=True):
        np.testing.assert_allclose(one.pop("surprise"), other.pop("surprise"), rtol=1e-5)
        assert one == other
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
    assert not checkpoint.exists()
    assert execute(groups, kept, "map", "trial", states=tmp_path / "b", checkpoint_steps=3) == 0
    for part in kept.parts():
        part.unlink()
    checkpoint.write_bytes(content[:-100])
    with pytest.raises(UsageError, match=r"checkpoint .*npz is damaged .*: delete it, and its runs start again"):
        execute(groups, kept, "map", "trial", checkpoint_steps=4)


def test_a_checkpoint_is_of_its_runs_in_their_order_width_and_mode(tmp_path):
    checkpoints = Checkpoints(1, tmp_path, Interrupts())
    chunks = [(["a", "b"], 2, "map"), (["b", "a"], 2, "map"), (["a", "b"], 4, "map"), (["a", "b"], 2, "vmap")]
    assert len({checkpoints.file(*chunk) for chunk in chunks}) == 4
    assert checkpoints.file(*chunks[0]) == checkpoints._replace(steps=9).file(*chunks[0])
