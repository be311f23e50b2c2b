"""The store: whole parts or none, and one clear line for what cannot be read or written."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stored import row

from pcl.errors import UsageError
from pcl.runner import older, parts
from pcl.runner.check import Check
from pcl.runner.store import Store, experiments

LATER = "2026-01-01T00:00:01+00:00"


def test_round_trip_in_an_order_that_does_not_depend_on_the_parts(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    store.write([row("b", 1)])
    assert store.records({"b"})[0]["seed"] == 1
    store.write([row("a", 2), row("c", 0, revisit_accuracy=[[0.0, 0.5]])])
    assert store.ids() == {"a", "b", "c"}
    records = store.records()
    assert [r["run_id"] for r in records] == ["c", "b", "a"]
    assert records[0]["probe_accuracy"] == [[0.5, 1.0]]
    assert (records[0]["logged"], "energy" in records[0]) == ({}, False)
    assert [r["revisit_accuracy"] for r in records] == [[[0.0, 0.5]], None, None]


def test_compaction_leaves_one_part_and_every_record(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    for i, run_id in enumerate("cab"):
        store.write([row(run_id, i)])
    records = store.records()
    for _ in range(2):
        store.compact()
        assert len(store.parts()) == 1
        assert store.records() == records


def test_compaction_leaves_out_runs_that_are_named_and_never_all(tmp_path):
    """Of two parts one holds every run: it is not kept, because it holds the one that is left out too."""
    store = Store(tmp_path, "trial")
    store.require_writable()
    rows = [row(run_id, i) for i, run_id in enumerate("abc")]
    store.write(rows), store.write(rows[:1])
    before = {part: part.read_bytes() for part in store.parts()}
    with pytest.raises(UsageError, match=r"no record of .* would be left"):
        store.compact(without=set("abcd"))
    assert {part: part.read_bytes() for part in store.parts()} == before
    kept = [record for record in store.records() if record["run_id"] != "b"]
    for _ in range(2):
        store.compact(without={"b", "d"})
        assert len(store.parts()) == 1
        assert store.records() == kept


def test_a_compaction_that_is_killed_before_it_deletes_loses_nothing(tmp_path, monkeypatch):
    store = Store(tmp_path, "trial")
    store.require_writable()
    store.write([row("a"), row("b", 1)])
    store.write([row("c", 2)])

    def killed(path, missing_ok=False):
        if path.name.startswith("part-"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            store.compact(without={"b"})
    assert (store.ids(), len(store.parts())) == ({"a", "b", "c"}, 3)
    store.compact(without={"b"})
    assert (store.ids(), len(store.parts())) == ({"a", "c"}, 1)


def test_a_single_part_without_a_digest_gets_one_by_compaction(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    old = store.write([row("a"), row("b", 1)]).rename(store.folder / "part-0123456789abcdef.parquet")
    records = store.records()
    store.compact()
    assert [parts.is_verified(part) for part in (old, *store.parts())] == [False, True]
    assert store.records() == records


def test_a_run_stored_twice_counts_once_and_its_newest_copy_counts(tmp_path):
    """Names and circumstances differ between copies; NaN is NaN."""
    store = Store(tmp_path, "trial")
    store.require_writable()
    nan = {"energy": [float("nan"), 1.0], "logged": {"energy": "taught"}}
    for created in (LATER, "2025-12-31T00:00:00+00:00"):
        timing = {"run_s": float(created == LATER)}
        store.write([row("a", created=created, experiment=created, timing=timing, **nan), row("b", 1)])
    first, second = store.records()
    assert (first["run_id"], first["provenance"]["created"], first["timing"]["run_s"]) == ("a", LATER, 1.0)
    assert second["run_id"] == "b"
    store.compact()
    assert [r["provenance"]["created"] for r in store.records()] == [LATER, row("b")["provenance"]["created"]]


CONFLICTS = {
    "another setting": (
        [row("a"), row("b", 1)],
        [row("c", step=0.2, created=LATER)],
        r"two versions of l on s, which differ in learner\.step: .*check_results.* sets the older aside",
    ),
    "another setting, of other seeds": (
        [row("a"), row("b", 1)],
        [row("c", 2, step=0.2, created=LATER)],
        r"two versions of l on s, which differ in learner\.step: ",
    ),
    "another number": (
        [row("a"), row("b", 1)],
        [row("a", created=LATER, hits=[1.0, 2.0000002])],
        r"run a with different numbers: .*check_results.* sets the older aside",
    ),
    "another sign of zero": (
        [row("a", hits=[0.0])],
        [row("a", created=LATER, hits=[-0.0])],
        r"run a with different numbers: ",
    ),
    "another status": ([row("a")], [row("a", created=LATER, status="diverged at step 3")], "run a with different"),
}


@pytest.mark.parametrize("kind", CONFLICTS)
@pytest.mark.parametrize("order", [1, -1])
def test_versions_are_not_mixed_and_the_older_rows_are_set_aside(tmp_path, kind, order, record_property):
    old, new, message = CONFLICTS[kind]
    store = Store(tmp_path, "trial")
    store.require_writable()
    first, second = (store.write(rows) for rows in (old, new)[::order])
    before = {part: part.read_bytes() for part in (first, second)}
    for refusing in (store.records, store.compact):
        with pytest.raises(UsageError, match=message) as caught:
            refusing()
        assert {first.name, second.name} <= set(str(caught.value).replace("/", " ").split())
    assert {part: part.read_bytes() for part in store.parts()} == before

    check = Check(store)
    superseded = first if order == 1 else second
    assert check.superseded == [superseded]
    assert check.faults == 1
    assert any("are older than those of" in line for line in check.lines())
    assert list(check.set_aside()) == [f"  {superseded.name} is set aside as {superseded.name}.superseded"]
    assert superseded.with_name(f"{superseded.name}.superseded").read_bytes() == before[superseded]
    assert Check(store).faults == 0
    kept = {r["run_id"]: r["hits"] for r in store.records()}
    newer = {r["run_id"]: r["hits"] for r in new}
    rest = {r["run_id"]: r["hits"] for r in old if kind == "another number" and r["run_id"] == "b"}
    assert {k: [pytest.approx(v) for v in hits] for k, hits in kept.items()} == newer | rest
    record_property("figure", f"not mixed: {kind}")


def test_rows_that_do_not_conflict_stay_when_others_of_their_part_are_superseded(tmp_path):
    """As after a change of one learner's settings: its runs are made again, the other learners' still count."""
    store = Store(tmp_path, "trial")
    store.require_writable()
    old = store.write([row("a"), row("b", 1), row("x", learner="m"), row("y", variant='{"width":3}')])
    store.write([row("c", step=0.2, created=LATER)])
    assert store.records({"c", "x"})  # what is asked for by its id is of one version
    list(Check(store).set_aside())
    assert [r["run_id"] for r in store.records()] == ["y", "c", "x"]
    assert store.ids() == {"c", "x", "y"}
    assert not old.exists()


def test_versions_of_one_second_are_left_to_their_owner(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    store.write([row("a", hits=[1.0])])
    store.write([row("a", hits=[2.0])])
    check = Check(store)
    (line,) = check.set_aside()
    assert "made in one second: rename the one that is wrong to <part>.superseded" in line
    assert Check(store).faults == 1
    check.superseded[0].rename(f"{check.superseded[0]}.superseded")
    assert len(store.records()) == 1


def test_bad_parts_are_set_aside_under_names_that_are_free(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    good = store.write([row("a")])
    bad = store.folder / "part-0.parquet"
    for damage in (b"one", b"two", b"three"):
        bad.write_bytes(damage)
        check = Check(store)
        assert check.faults == 1
        assert [line for line in check.lines() if line.startswith("  part-0.parquet cannot be read: ")]
        list(check.set_aside())
        assert store.parts() == [good]
    kept = [bad.with_name(f"part-0.parquet.bad{i}").read_bytes() for i in ("", "2", "3")]
    assert kept == [b"one", b"two", b"three"]
    assert [r["run_id"] for r in store.records()] == ["a"]


def test_experiments_are_folders_with_parts(tmp_path):
    with pytest.raises(UsageError, match="no results in"):
        experiments(tmp_path / "nothing")
    (tmp_path / "figures").mkdir()
    (tmp_path / "part-0.parquet").write_bytes(b"")
    with pytest.raises(UsageError, match="no results in"):
        experiments(tmp_path)
    for name in ("two", "one"):
        store = Store(tmp_path, name)
        store.require_writable()
        store.write([row("a")])
    assert experiments(tmp_path) == ["one", "two"]
    with pytest.raises(UsageError, match=r"part-0\.parquet cannot be listed \(Not a directory\)"):
        experiments(tmp_path / "part-0.parquet")


def test_what_a_killed_process_left_is_not_a_part(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    (store.folder / ".part-0.1.tmp").write_bytes(b"half")
    assert store.ids() == set()


def test_no_results(tmp_path):
    with pytest.raises(UsageError, match=r"no results in .*trial: run `python -m experiments.run --experiment=trial`"):
        Store(tmp_path, "trial").records()


@pytest.mark.parametrize("damage", [b"", b"not parquet", None])
def test_a_bad_part_is_named_and_what_it_held_is_missing(tmp_path, damage, capsys):
    """Nobody is told to delete it, and it is not in the way of running again what it held."""
    store = Store(tmp_path, "trial")
    store.require_writable()
    store.write([row("b", 1)])
    part = store.write([row("a")])
    part.write_bytes(part.read_bytes()[:-40] if damage is None else damage)
    assert store.ids() == {"b"}
    said = capsys.readouterr().err
    assert said.startswith(f"warning: {part} cannot be read (its bytes are not those that were written): `python -m ")
    assert said.count("\n") == 1
    for refusing in (store.records, store.compact):
        with pytest.raises(UsageError, match=r"cannot be read .*check_results .*--set_aside` sets it aside") as caught:
            refusing()
        assert "\n" not in str(caught.value)
        assert "delete" not in str(caught.value)
    store.write([row("a", created=LATER)])
    assert [r["run_id"] for r in store.records({"a", "b"})] == ["a", "b"]


def test_part_of_another_schema(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    pq.write_table(pa.table({"run_id": ["a"]}), store.folder / "part-0.parquet")
    with pytest.raises(UsageError, match="another schema"):
        store.records()
    assert store.ids() == set()


@pytest.mark.parametrize("name", ["run_id", "stream", "learner", "variant", "seed", "config"])
def test_a_row_that_does_not_say_which_run_it_is_of_is_bad(tmp_path, name):
    store = Store(tmp_path, "trial")
    store.require_writable()
    store.write([row("a") | {name: None}])
    with pytest.raises(UsageError, match="a row without one of run_id, stream"):
        store.records()


@pytest.mark.parametrize("there", [older.FIRST, tuple(older.LOGGED)], ids=["first", "last"])
def test_a_part_with_a_column_a_curve_is_read_as_what_its_learner_logged(tmp_path, there):
    store = Store(tmp_path, "trial")
    store.require_writable()
    curves = {"surprise": [1.0, 2.0], "belief": [[0.25, 0.75]], "contexts": [2.0]}
    logged = {"surprise": "taught", "belief": "mean", "contexts": "last"}
    known = [name for name in curves if name in there]
    old = dict.fromkeys(there) | row("a") | {name: curves[name] for name in known}
    table = pa.Table.from_pylist([old], schema=older.schema_with(there))
    pq.write_table(table, store.folder / "part-0.parquet")
    assert store.ids() == {"a"}
    (read,) = store.records()
    assert read["logged"] == {name: logged[name] for name in known}
    assert {name: read[name] for name in curves if name in read} == {name: curves[name] for name in known}
    # The same run lived again is the same run, and both are one part when they are joined.
    store.write([row("a", created=LATER, logged=read["logged"], **{name: curves[name] for name in known})])
    store.compact()
    assert [one["provenance"]["created"] for one in store.records()] == [LATER]


def test_curves_of_any_name_and_shape_stand_beside_each_other(tmp_path):
    """A name that is one number a bin in one run and an array in another; what is not logged is not there."""
    store = Store(tmp_path, "trial")
    store.require_writable()
    layers = [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[0.0, 0.0], [0.0, -0.0], [float("inf"), 0.5]]]
    store.write([row("a", width=[1.0, 2.0], logged={"width": "count"})])
    store.write([row("b", 1, width=layers, gain=[0.5, 0.25], logged={"width": "mean", "gain": "last"})])
    store.compact()
    first, second = store.records()
    assert (first["width"], first["logged"], "gain" in first) == ([1.0, 2.0], {"width": "count"}, False)
    assert (second["width"], second["gain"]) == (layers, [0.5, 0.25])
    assert second["logged"] == {"gain": "last", "width": "mean"}


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write to .*: name another folder with --results_dir"):
        Store(tmp_path / "file", "trial").require_writable()


def test_a_full_disk_leaves_finished_parts_and_no_half_one(tmp_path, monkeypatch):
    store = Store(tmp_path, "trial")
    store.require_writable()
    store.write([row("a")])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=r"cannot write a part .*No space left on device.*finished parts are kept"):
        store.write([row("b")])
    assert store.ids() == {"a"}
    assert [path.name for path in store.folder.iterdir()] == [part.name for part in store.parts()]
