"""The store: whole parts or none, and one clear line for what cannot be read or written."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pcl.errors import UsageError
from pcl.runner.store import COLUMNS, OPTIONAL, Store


def row(run_id, seed=0, revisit_accuracy=None):
    empty = {name: None for name in COLUMNS.names}
    named = {"run_id": run_id, "stream": "s", "learner": "l", "variant": "{}", "seed": seed}
    return empty | named | {"probe_accuracy": [[0.5, 1.0]], "hits": [1.0, 2.0], "revisit_accuracy": revisit_accuracy}


def test_round_trip_in_an_order_that_does_not_depend_on_the_parts(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    store.write([row("b", 1)])
    assert store.records({"b"})[0]["seed"] == 1
    store.write([row("a", 2), row("c", 0, [[0.0, 0.5]])])
    assert store.ids() == {"a", "b", "c"}
    records = store.records()
    assert [r["run_id"] for r in records] == ["c", "b", "a"]
    assert records[0]["probe_accuracy"] == [[0.5, 1.0]]
    assert records[0]["energy"] is None
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


def test_a_run_stored_twice_counts_once(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    store.write([row("a")])
    store.write([row("a"), row("b", 1)])
    assert len(store.records()) == 2


def test_two_versions_of_a_run_are_not_mixed(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    store.write([row("a")])
    store.write([row("b")])  # same stream, learner, variant and seed
    with pytest.raises(UsageError, match=r"hold two versions of l on s, seed 0: delete the older part"):
        store.records()
    assert len(store.records({"b"})) == 1


def test_what_a_killed_process_left_is_not_a_part(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    (store.folder / ".part-0.1.tmp").write_bytes(b"half")
    assert store.ids() == set()


def test_no_results(tmp_path):
    with pytest.raises(UsageError, match=r"no results in .*trial: run `python -m experiments.run --experiment=trial`"):
        Store(tmp_path, "trial").records()


@pytest.mark.parametrize("damage", [b"", b"not parquet", None])
def test_corrupt_part(tmp_path, damage):
    store = Store(tmp_path, "trial")
    store.require_writable()
    part = store.write([row("a")])
    part.write_bytes(part.read_bytes()[:-40] if damage is None else damage)
    for read in (store.ids, store.records):
        with pytest.raises(UsageError, match=f"{part.name} cannot be read .*delete it and run") as caught:
            read()
        assert "\n" not in str(caught.value)


def test_part_of_another_schema(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    pq.write_table(pa.table({"run_id": ["a"]}), store.folder / "part-0.parquet")
    with pytest.raises(UsageError, match="another schema"):
        store.records()


def test_a_part_made_before_there_were_optional_columns_reads_as_none(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    old = pa.schema([field for field in COLUMNS if field.name not in OPTIONAL])
    pq.write_table(pa.Table.from_pylist([row("a")], schema=old), store.folder / "part-0.parquet")
    store.write([row("b", 1) | {"belief": [[0.25, 0.75]], "contexts": [2.0]}])
    assert store.ids() == {"a", "b"}
    first, second = store.records()
    assert all(first[name] is None for name in OPTIONAL)
    assert (second["belief"], second["contexts"], second["merged"]) == ([[0.25, 0.75]], [2.0], None)


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
    with pytest.raises(UsageError, match=r"cannot write .*No space left on device.*finished parts are kept"):
        store.write([row("b")])
    assert store.ids() == {"a"}
    assert [path.name for path in store.folder.iterdir()] == [part.name for part in store.parts()]
