"""Execution: one trace a static group, the same numbers in both modes, resumable chunk by chunk."""

import dataclasses
import functools
import re

import jax
import numpy as np
import pytest

import pcl
from pcl import streams
from pcl.errors import UsageError
from pcl.evaluation.summary import summarise
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner import execute as execution
from pcl.runner import program
from pcl.runner.execute import Chunk, execute, plan
from pcl.runner.run import make_run
from pcl.runner.store import CIRCUMSTANCES, Store
from pcl.runner.sweep import parse_settings, resolve

EXPERIMENT = Experiment(
    name="trial",
    claim="",
    streams={"s": StreamSpec("split", {"batch": 100})},
    learners={"pcn": {"width": 8, "depth": 1, "inference_steps": 3}, "ncm": {}},
    arms=(Arm(seeds=5),),
    evaluation={"probe_every": 10},
)


pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    return store


PROGRAMS = {}


def compiled(config, width, mode, final_state, **none):
    """The program of a static group, which tests share: most of their time is its compilation."""
    assert not any(none.values())
    asked = config.static, width, mode, final_state
    if asked not in PROGRAMS:
        PROGRAMS[asked] = program.compile_group(config, width, mode, final_state)
    return PROGRAMS[asked]


@pytest.fixture(scope="module", autouse=True)
def _forget_programs():
    yield
    PROGRAMS.clear()


lived = functools.partial(execute, compile=compiled)


def facts(store):
    """Everything that must not depend on how the runs were executed."""
    return [{k: v for k, v in record.items() if k not in CIRCUMSTANCES} for record in store.records()]


def test_one_trace_a_static_group_for_all_seeds_and_rates(store, monkeypatch):
    traces = []

    def counting(learner, stream, *rest):
        run = make_run(learner, stream, *rest)

        def traced(*arguments):
            traces.append(stream)
            return run(*arguments)

        return traced

    monkeypatch.setattr(program, "make_run", counting)
    runs = resolve(EXPERIMENT, parse_settings(["lr=0.01,0.1"], []))
    groups = plan(runs, "map", max_width=4)
    assert [len(group) for group in groups] == [3, 2]  # 10 runs and 5, in chunks of one width
    assert execute(groups, store, "map", "trial") == 15
    assert len(traces) == 2


def test_map_and_vmap_agree(tmp_path):
    runs = resolve(EXPERIMENT)
    records = {}
    for mode in ("map", "vmap"):
        store = Store(tmp_path / mode, "trial")
        store.require_writable()
        lived(plan(runs, mode), store, mode, "trial")
        records[mode] = store.records()
        assert {r["provenance"]["mode"] for r in records[mode]} == {mode}
    for one, other in zip(records["map"], records["vmap"], strict=True):
        assert one["run_id"] == other["run_id"]
        np.testing.assert_allclose(
            one["probe_accuracy"], other["probe_accuracy"], atol=0.06
        )  # ties: one or two samples
        assert one["logged"] == other["logged"]
        if "energy" in one["logged"]:
            np.testing.assert_allclose(one["energy"], other["energy"], rtol=1e-2)


def test_a_second_execution_does_nothing(store):
    groups = plan(resolve(EXPERIMENT, seeds=2), "map")
    assert lived(groups, store, "map", "trial") == 4
    before = {part: part.stat().st_mtime_ns for part in store.parts()}
    assert lived(groups, store, "map", "trial") == 0
    assert {part: part.stat().st_mtime_ns for part in store.parts()} == before


def test_lost_parts_are_executed_again_to_the_same_bits(store):
    groups = plan(resolve(EXPERIMENT, parse_settings(["lr=0.01,0.1"], [])), "map", max_width=4)
    lived(groups, store, "map", "trial")
    whole = facts(store)
    store.parts()[1].unlink()
    assert lived(groups, store, "map", "trial") in (1, 2, 3, 4)
    assert facts(store) == whole


def test_final_states_are_saved_and_change_no_record(store, tmp_path):
    """What is loaded is the state that the same run returns; a state that is gone is made again, the record is kept."""
    runs = resolve(EXPERIMENT, learner_names=["ncm"], seeds=2)
    groups, states = plan(runs, "map"), tmp_path / "states"
    assert lived(groups, store, "map", "trial", states=states) == 2
    files, parts = {path: path.read_bytes() for path in states.iterdir()}, store.parts()
    assert set(files) == {states / f"{run.run_id}.npz" for run in runs}
    next(iter(files)).unlink()
    assert lived(groups, store, "map", "trial", states=states) == 1
    assert {path: path.read_bytes() for path in states.iterdir()} == files
    assert store.parts() == parts
    stateless = Store(tmp_path / "stateless", "trial")
    stateless.require_writable()
    lived(groups, stateless, "map", "trial")
    assert facts(store) == facts(stateless)
    run = runs[1]
    stream, data = streams.configured(run.stream_kind, run.stream, run.evaluation.probe_on)
    learner, state, hp = pcl.load(states / f"{run.run_id}.npz")
    assert (learner.name, learner.spec, hp) == ("ncm", stream.spec, run.hp)
    key = jax.random.fold_in(jax.random.key(program.BASE_KEY), run.seed)
    _, ended = jax.jit(make_run(learner, stream, run.evaluation, final_state=True))(key, hp, data)
    jax.tree.map(np.testing.assert_array_equal, state, ended)
    assert state.size.sum() == 1437  # all samples of digits that are not held out


def test_shards_share_the_runs_and_together_do_everything(tmp_path, store):
    runs = resolve(EXPERIMENT, learner_names=["ncm"], seeds=10)
    lived(plan(runs, "map", 2), store, "map", "trial")
    sharded = Store(tmp_path / "sharded", "trial")
    sharded.require_writable()
    assert [lived(plan(runs, "map", 2, index, 3), sharded, "map", "trial") for index in range(3)] == [4, 3, 3]
    assert facts(sharded) == facts(store)


def shares(runs, num_shards, mode="map", max_width=0):
    """The ids that each shard's plan holds."""
    plans = [plan(runs, mode, max_width, index, num_shards) for index in range(num_shards)]
    return [{run.run_id for group in groups for chunk in group for run in chunk.runs} for groups in plans]


def test_a_shard_owns_the_same_runs_on_any_machine(monkeypatch):
    """17 seeds, one shard planned on one core and one on two, in other modes and widths: each run has one owner."""
    runs = resolve(EXPERIMENT, seeds=17)
    reference = shares(runs, 2)
    assert not reference[0] & reference[1]
    assert reference[0] | reference[1] == {run.run_id for run in runs}
    for cores, mode, max_width in ((1, "map", 0), (1, "vmap", 3), (2, "map", 5), (64, "vmap", 0)):
        monkeypatch.setattr(execution.jax, "local_device_count", lambda cores=cores: cores)
        assert shares(runs, 2, mode, max_width) == reference
        assert shares(list(reversed(runs)), 2, mode, max_width) == reference


def test_no_shard_is_idle_beside_one_that_has_two_runs():
    assert [len(share) for share in shares(resolve(EXPERIMENT, learner_names=["ncm"], seeds=15), 3)] == [5, 5, 5]
    # Groups of one run each: dealing goes on from group to group.
    widths = parse_settings(["width=1,2,3,4,5,6"], [])
    assert [len(share) for share in shares(resolve(EXPERIMENT, widths, ["pcn"], seeds=1), 3)] == [2, 2, 2]
    assert plan(resolve(EXPERIMENT, learner_names=["ncm"], seeds=1), "map", 0, 1, 2) == []


def test_nothing_is_executed_where_a_later_group_cannot_be(store):
    """The learner of the second group contradicts itself; the first is not run before that is said."""
    runs = resolve(EXPERIMENT, learner_names=["ncm"], seeds=1)
    runs += resolve(EXPERIMENT, parse_settings(["inference=ipc", "halt=gradient"], []), ["pcn"], seeds=1)
    with pytest.raises(UsageError, match="halt=gradient: inference=ipc takes halt=fixed"):
        execute(plan(runs, "map"), store, "map", "trial")
    assert store.parts() == []


def test_widths_are_multiples_of_the_devices_and_chunks_are_even():
    devices = jax.local_device_count()
    for n_seeds, limit in ((10, 16), (10, 4), (33, 16), (1, 16)):
        (group,) = plan(resolve(EXPERIMENT, learner_names=["ncm"], seeds=n_seeds), "map", limit)
        assert sum(len(chunk.runs) for chunk in group) == n_seeds
        assert {chunk.width % devices for chunk in group} == {0}
        assert len({chunk.width for chunk in group}) == 1


def test_a_program_too_large_for_memory_is_compiled_narrower(store, monkeypatch):
    groups = plan(resolve(EXPERIMENT, learner_names=["ncm"], seeds=8), "vmap")
    wide = program.compile_group(groups[0][0].runs[0], 8, "vmap")
    monkeypatch.setattr(program.devices, "memory_budget", lambda: int(0.6 * wide.memory))
    narrow = program.compile_group(groups[0][0].runs[0], 8, "vmap")
    assert narrow.width < 8
    assert execute(groups, store, "vmap", "trial") == 8
    assert {r["provenance"]["width"] for r in store.records()} == {narrow.width}


def test_running_out_of_memory_halves_the_width_and_tries_again(store, monkeypatch):
    attempts = []
    run_chunk = execution._run_chunk

    def exhausted_once(compiled, *arguments):
        attempts.append(compiled.width)
        if len(attempts) == 1:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return run_chunk(compiled, *arguments)

    monkeypatch.setattr(execution, "_run_chunk", exhausted_once)
    assert execute(plan(resolve(EXPERIMENT, learner_names=["ncm"], seeds=8), "map"), store, "map", "trial") == 8
    assert attempts == [8, 4, 4]
    assert len(store.records()) == 8


def test_one_run_that_never_fits_is_said_in_one_line(store, monkeypatch):
    def exhausted(*arguments):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    groups = plan(resolve(EXPERIMENT, learner_names=["ncm"], seeds=1), "map")
    monkeypatch.setattr(execution, "_run_chunk", exhausted)
    with pytest.raises(UsageError, match="ncm on s: memory ran out while it ran; a device has"):
        execute(groups, store, "map", "trial")
    chunk = groups[0][0]
    needed = program.compile_group(chunk.runs[0], chunk.width, "map").memory
    monkeypatch.setattr(program.devices, "memory_budget", lambda: needed - 1)
    with pytest.raises(UsageError, match=r"^ncm on s: one run takes \S+ [KM]iB; a device has .*; make sizes smaller$"):
        program.compile_group(chunk.runs[0], chunk.width, "map")


def test_a_stream_of_recurring_contexts_is_stored_with_its_revisits_and_measured(store):
    recurring = StreamSpec("contexts", {"contexts": 2, "visits": 4, "dwell": 100, "batch": 50})
    experiment = dataclasses.replace(
        EXPERIMENT, streams={"s": recurring}, evaluation={"probe_every": 10, "revisit_steps": 3}
    )
    lived(plan(resolve(experiment, learner_names=["ncm"], seeds=2), "map"), store, "map", "trial")
    records = store.records()
    assert [np.shape(r["revisit_accuracy"]) for r in records] == [(2, 3), (2, 3)]
    assert [r["task_ends"] for r in records] == [[], []]
    assert [r["visit_start"] for r in records] == [[0, 2, 4, 6]] * 2
    acc = next(row for row in summarise(records) if row.metric == "acc")
    assert acc.mean == pytest.approx(100 * np.mean([r["probe_accuracy"][-1] for r in records]))


GROWN = (
    r"inference diverged at step \d+: it raised the energy; weights have grown since: lr=1e\+06, while inference_lr=0.1"
    r" is below 0\.\d+, what is stable at fresh weights"
)
RISES = "inference diverged at step 0: it raised the energy; "


@pytest.mark.parametrize(
    ("mode", "settings", "status"),
    [
        (
            "map",
            ["inference_lr=0.1,5", "step_limit=nothing"],
            RISES + r"inference_lr=5, stable below 0\.\d+ at fresh weights",
        ),
        (
            "vmap",
            ["inference_lr=0.1,1e30", "step_limit=nothing"],
            RISES + r"inference_lr=1e\+30, stable below 0\.\d+ at fresh weights",
        ),
        ("map", ["inference_lr=0.03,30", "inference=adam"], RISES + "inference=adam"),
        ("vmap", ["lr=0.01,1e30", "optimiser=sgd"], r"diverged at step \d"),
        ("map", ["lr=0.01,1e6", "optimiser=sgd", "step_limit=nothing"], GROWN),
    ],
    ids=["finite", "infinite", "without a bound", "weights", "grown weights"],
)
def test_a_run_that_diverges_is_a_record_with_a_status_and_harms_no_other(tmp_path, mode, settings, status):
    """Three steps of a rate that is too large leave finite numbers. The run beside it is as it is alone, to the bit."""
    runs = resolve(EXPERIMENT, parse_settings(settings, []), ["pcn"], seeds=1)
    assert len(runs) == 2
    records = []
    for name, chosen in (("both", runs), ("alone", runs[:1])):
        store = Store(tmp_path / name, "trial")
        store.require_writable()
        lived([[Chunk(tuple(chosen), width=2)]], store, mode, "trial")
        records.append({record["run_id"]: record for record in facts(store)})
    both, alone = records
    good, bad = (both[run.run_id] for run in runs)
    assert good == alone[runs[0].run_id]
    assert good["status"] == "ok"
    assert re.fullmatch(status, bad["status"]), bad["status"]
