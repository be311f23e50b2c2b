"""Execution: one trace a static group, the same numbers in both modes, resumable chunk by chunk."""

import dataclasses
import re

import jax
import numpy as np
import pytest

from pcl.evaluation.summary import summarise
from pcl.runner import execute as execution
from pcl.runner import program
from pcl.runner.execute import Chunk, execute, plan
from pcl.runner.experiment import Evaluation, Experiment, StreamSpec
from pcl.runner.run import make_run
from pcl.runner.store import CIRCUMSTANCES, Store
from pcl.runner.sweep import parse_settings, resolve

EXPERIMENT = Experiment(
    name="trial",
    streams={"s": StreamSpec("split", {"batch": 100})},
    learners={"pcn": {"width": 8, "depth": 1, "inference_steps": 3}, "ncm": {}},
    seeds=5,
    evaluation=Evaluation(probe_every=10),
    smoke={},
)


pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    return store


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
        execute(plan(runs, mode), store, mode, "trial")
        records[mode] = store.records()
        assert {r["provenance"]["mode"] for r in records[mode]} == {mode}
    for one, other in zip(records["map"], records["vmap"], strict=True):
        assert one["run_id"] == other["run_id"]
        np.testing.assert_allclose(
            one["probe_accuracy"], other["probe_accuracy"], atol=0.06
        )  # ties: one or two samples
        if one["energy"] is not None:
            np.testing.assert_allclose(one["energy"], other["energy"], rtol=1e-2)


def test_a_second_execution_does_nothing(store):
    groups = plan(resolve(EXPERIMENT, seeds=2), "map")
    assert execute(groups, store, "map", "trial") == 4
    before = {part: part.stat().st_mtime_ns for part in store.parts()}
    assert execute(groups, store, "map", "trial") == 0
    assert {part: part.stat().st_mtime_ns for part in store.parts()} == before


def test_lost_parts_are_executed_again_to_the_same_bits(store):
    groups = plan(resolve(EXPERIMENT, parse_settings(["lr=0.01,0.1"], [])), "map", max_width=4)
    execute(groups, store, "map", "trial")
    whole = facts(store)
    store.parts()[1].unlink()
    assert execute(groups, store, "map", "trial") in (1, 2, 3, 4)
    assert facts(store) == whole


def test_shards_share_the_chunks_and_together_do_everything(tmp_path, store):
    groups = plan(resolve(EXPERIMENT, learner_names=["ncm"], seeds=10), "map", max_width=2)
    execute(groups, store, "map", "trial")
    sharded = Store(tmp_path / "sharded", "trial")
    sharded.require_writable()
    counts = [execute(groups, sharded, "map", "trial", index, 3) for index in range(3)]
    assert min(counts) > 0
    assert sum(counts) == 10
    assert facts(sharded) == facts(store)


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

    def exhausted_once(compiled, runs, experiment):
        attempts.append(compiled.width)
        if len(attempts) == 1:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return run_chunk(compiled, runs, experiment)

    monkeypatch.setattr(execution, "_run_chunk", exhausted_once)
    assert execute(plan(resolve(EXPERIMENT, learner_names=["ncm"], seeds=8), "map"), store, "map", "trial") == 8
    assert attempts == [8, 4, 4]
    assert len(store.records()) == 8


def test_a_stream_of_recurring_contexts_is_stored_with_its_revisits_and_measured(store):
    recurring = StreamSpec("contexts", {"contexts": 2, "visits": 4, "dwell": 100, "batch": 50})
    experiment = dataclasses.replace(
        EXPERIMENT, streams={"s": recurring}, evaluation=Evaluation(probe_every=10, revisit_steps=3)
    )
    execute(plan(resolve(experiment, learner_names=["ncm"], seeds=2), "map"), store, "map", "trial")
    records = store.records()
    assert [np.shape(r["revisit_accuracy"]) for r in records] == [(2, 3), (2, 3)]
    assert [r["task_ends"] for r in records] == [[], []]
    assert [r["visit_start"] for r in records] == [[0, 2, 4, 6]] * 2
    acc = next(row for row in summarise(records) if row.metric == "acc")
    assert acc.mean == pytest.approx(100 * np.mean([r["probe_accuracy"][-1] for r in records]))


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
    ],
    ids=["finite", "infinite", "without a bound", "weights"],
)
def test_a_run_that_diverges_is_a_record_with_a_status_and_harms_no_other(tmp_path, mode, settings, status):
    """Three steps of a rate that is too large leave finite numbers. The run beside it is as it is alone, to the bit."""
    runs = resolve(EXPERIMENT, parse_settings(settings, []), ["pcn"], seeds=1)
    assert len(runs) == 2
    records = []
    for name, chosen in (("both", runs), ("alone", runs[:1])):
        store = Store(tmp_path / name, "trial")
        store.require_writable()
        execute([[Chunk(tuple(chosen), width=2)]], store, mode, "trial")
        records.append({record["run_id"]: record for record in facts(store)})
    both, alone = records
    good, bad = (both[run.run_id] for run in runs)
    assert good == alone[runs[0].run_id]
    assert good["status"] == "ok"
    assert re.fullmatch(status, bad["status"]), bad["status"]
