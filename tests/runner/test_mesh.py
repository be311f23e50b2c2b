"""Runs that are divided among devices, of one process or of several: the same numbers, less memory on each device."""

import socket

import forked
import jax
import numpy as np
import pytest

from pcl.errors import UsageError
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.interrupts import Interrupts
from pcl.runner import mesh
from pcl.runner.execute import execute, plan
from pcl.runner.mesh import Division
from pcl.runner.program import compile_group
from pcl.runner.segments import Checkpoints
from pcl.runner.store import Store
from pcl.runner.sweep import resolve
from tests.runner.members import RUNS

STREAM = {"s": StreamSpec("split", {"batch": 96, "classes_per_task": 10})}
LEARNERS = {"rls": {"features": "random", "random_features": 1023}, "er": {"width": 64, "memory": 96}}
TWO = Division(2)


def runs_of(learner):
    return resolve(Experiment("trial", "", STREAM, LEARNERS, (Arm(seeds=2),), {"end_every": 0}), [{}], [learner])


def compiled(learner, division, mode, checkpoints=None):
    with mesh.using(division):
        program = compile_group(runs_of(learner)[0], 2, mode, checkpoints=checkpoints)
        return program, jax.device_get(program(runs_of(learner)))


def require_same(record, other):
    """Equal but for the order in which devices add up: a held-out sample or two of 360 may fall on the other side."""
    np.testing.assert_allclose(record.probe_accuracy, other.probe_accuracy, atol=0.06)
    np.testing.assert_allclose(record.hits, other.hits, atol=2)
    for name in set(record.logged) & {"energy", "surprise"}:
        np.testing.assert_allclose(record.logged[name].value, other.logged[name].value, rtol=1e-3, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["map", "vmap"])
def test_a_run_on_two_devices_has_the_record_of_one_device_in_less_memory(mode):
    whole, record = compiled("rls", Division(), mode)
    halves, other = compiled("rls", TWO, mode)
    require_same(record, other)
    assert (whole.mode, halves.mode) == (mode, f"{mode}, 2 devices a run")
    if mode == "map":  # one run a device at a time either way; the covariance is 4 MiB of it, its weights 40 KiB
        assert halves.memory < 0.75 * whole.memory


@pytest.mark.slow
def test_data_are_whole_on_each_device_of_a_run_or_shared_by_them():
    whole, record = compiled("er", TWO, "map")
    shares, other = compiled("er", Division(2, "sharded"), "map")
    require_same(record, other)
    x = whole.data["x"]
    assert x.addressable_shards[0].data.nbytes == x.nbytes
    assert shares.data["x"].addressable_shards[0].data.nbytes == x.nbytes / 2
    assert whole.memory - shares.memory > 0.4 * x.nbytes


@pytest.mark.slow
def test_a_divided_run_goes_on_from_its_checkpoint(tmp_path):
    kept = Checkpoints(5, tmp_path, Interrupts())
    _, record = compiled("er", TWO, "map")
    program, other = compiled("er", TWO, "map", kept)
    assert program.stream.steps > 10
    require_same(record, other)
    assert [path.name for path in tmp_path.iterdir()] == [program._checkpoint(runs_of("er")).name]
    with mesh.using(TWO):
        again = jax.device_get(program(runs_of("er")))  # from the last checkpoint
    np.testing.assert_array_equal(other.hits, again.hits)


def test_the_longest_axis_that_comes_out_even_is_divided():
    with mesh.using(TWO):
        specs = [mesh._divided(shape) for shape in ((64, 128), (64, 127), (3, 1001), (10, 10), ())]
        assert mesh.abreast() == 1
    assert [tuple(spec) for spec in specs] == [(None, "part"), ("part",), (), (), ()]
    assert mesh.abreast() == jax.local_device_count() == 2


@pytest.mark.parametrize(
    ("division", "said"),
    [
        (Division(3), "--devices_per_run=3: this process has 2 devices; name a number that divides it"),
        (Division(1, "sharded"), "--data_sharding=sharded: a run has one device; give it several"),
    ],
)
def test_devices_that_do_not_come_out_even_are_refused(division, said):
    with pytest.raises(UsageError, match=said):
        mesh.use(division)
    assert mesh.used() == Division()


@pytest.mark.slow
def test_two_processes_execute_a_run_on_the_devices_of_both(tmp_path):
    """Two devices each, four a run: one process writes the records, which are those of one device."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    members = [forked.Forked("tests.runner.members", tmp_path, address, 2, rank) for rank in range(2)]
    said = [member.communicate() for member in members]
    assert [member.returncode for member in members] == [0, 0], said
    assert [output.splitlines()[-1] for output, _ in said] == ["2", "2"]
    store, alone = Store(tmp_path, "trial"), Store(tmp_path, "alone")
    assert len(store.parts()) == 1
    alone.require_writable()
    execute(plan(RUNS, "map"), alone, "map", "trial")
    for one, other in zip(store.records(), alone.records(), strict=True):
        assert one["run_id"] == other["run_id"]
        assert one["provenance"]["mode"] == "map, 4 devices a run"
        np.testing.assert_allclose(one["probe_accuracy"], other["probe_accuracy"], atol=0.06)
        np.testing.assert_allclose(one["hits"], other["hits"], atol=2)


def test_a_divided_run_that_calls_the_host_is_refused():
    fed = {"s": StreamSpec("split", {"batch": 96, "classes_per_task": 10, "feed": "host"})}
    (run,) = resolve(Experiment("trial", "", fed, {"ncm": {}}, (Arm(seeds=1),), {"end_every": 0}))
    with mesh.using(TWO), pytest.raises(UsageError, match="a run on several devices cannot call the host; set feed="):
        compile_group(run, 1, "map")
