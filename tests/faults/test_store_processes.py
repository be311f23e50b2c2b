"""Writers that are killed, compactions beside each other, readers beside both: nothing lost, nothing doubled."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import stored

from pcl.errors import UsageError
from pcl.runner import parts, schema
from pcl.runner.store import Store
from pcl.runner.versions import content

ROOT = Path(__file__).parents[2]
DEADLINE = 120  # seconds for one test's processes


def start(role, folder, *arguments):
    """Another process that acts on the store in `folder`."""
    command = (sys.executable, stored.__file__, role, str(folder), *map(str, arguments))
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes)


def ended(process):
    """Wait for a process and see that it ended well."""
    _, error = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, error.decode()


def stored_runs(store):
    """Every row of every part, in order of seeds."""
    rows, bad = store.read()
    assert not bad
    return sorted((row for _, row in rows), key=lambda row: row["seed"])


def numbers(rows):
    return [content(row) for row in rows]


def expected(runs):
    """The rows of all seeds, as a table gives them back."""
    return numbers(schema.rows_of(schema.table_of([stored.run(seed) for seed in range(runs)])))


def killed_and_finished(folder, index, kills, runs):
    """A shard that is killed `kills` times, each time about when it writes, and then started for good."""
    rng = np.random.default_rng(index)
    for _ in range(kills):
        process = start("shard", folder, index, 3, runs)
        for _ in range(rng.integers(1, 4)):
            process.stdin.write(b"another part\n")
            process.stdin.flush()
            assert process.stdout.readline()  # it is about to write
        time.sleep(rng.uniform(0, 0.01))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL  # it had not ended
    ended(start("shard", folder, index, 3, runs))


@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, 20])
def test_killed_shards_lose_and_double_nothing(tmp_path, kills, record_property):
    shares = [kills // 3 + (i < kills % 3) for i in range(3)]
    runs = 3 * stored.CHUNK * (3 * max(shares) + 2)  # a life writes at most three parts
    with ThreadPoolExecutor() as pool:
        for shard in [pool.submit(killed_and_finished, tmp_path, i, shares[i], runs) for i in range(3)]:
            shard.result()
    store = Store(tmp_path, "trial")
    assert numbers(stored_runs(store)) == expected(runs)
    assert len(store.records()) == runs
    record_property("figure", f"kill -9 in three shards: {kills} survived, {runs} of {runs} runs, none twice")


@pytest.mark.slow
def test_writers_compactions_and_readers_beside_each_other(tmp_path, record_property):
    runs = 120
    store = Store(tmp_path, "trial")
    store.require_writable()
    others = [start(role, tmp_path) for role in ("compact", "compact", "read")]
    writers = [start("shard", tmp_path, i, 2, runs) for i in range(2)]
    for process in writers:
        ended(process)
    time.sleep(0.5)
    (tmp_path / "stop").touch()
    for process in others:
        ended(process)
    store.compact()
    assert len(store.parts()) == 1
    assert numbers(stored_runs(store)) == expected(runs)
    record_property("figure", f"two writers, two compactions, a reader: {runs} of {runs} runs, one part")


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    return store


def between(monkeypatch, name, act):
    """Do `act` once, before the first call of `parts.<name>`: what another process does in the meantime."""
    original, done = getattr(parts, name), []

    def call(*arguments):
        if not done:
            done.append(name)
            act()
        return original(*arguments)

    monkeypatch.setattr(parts, name, call)
    return done


@pytest.mark.parametrize("question", ["ids", "records"])
def test_parts_that_are_joined_between_listing_and_reading_are_listed_again(store, monkeypatch, question):
    for seed in range(4):
        store.write([stored.run(seed)])
    done = between(monkeypatch, "read", Store(store.folder.parent, "trial").compact)
    assert len(getattr(store, question)()) == 4
    assert done
    assert len(store.parts()) == 1


@pytest.mark.parametrize("moment", ["read", "write"])
@pytest.mark.parametrize("more", [0, 1])
def test_a_compaction_within_a_compaction_loses_and_doubles_nothing(store, monkeypatch, moment, more):
    """At each point where one can be interrupted, another runs as a whole, with or without a part of a writer."""

    def meanwhile():
        for seed in range(3, 3 + more):
            other.write([stored.run(seed)])
        other.compact()

    other = Store(store.folder.parent, "trial")
    for seed in range(3):
        store.write([stored.run(seed)])
    done = between(monkeypatch, moment, meanwhile)
    store.compact()
    assert done
    assert [row["seed"] for row in store.records()] == list(range(3 + more))
    store.compact()
    assert len(store.parts()) == 1
    assert [row["seed"] for row in stored_runs(store)] == list(range(3 + more))


def test_a_compaction_deletes_nothing_where_another_has_joined_its_part_already(store, monkeypatch):
    """Between the writing of its part and the verification of it, another joins it with a part that came meanwhile."""
    for seed in range(2):
        store.write([stored.run(seed)])
    other, read, reads = Store(store.folder.parent, "trial"), parts.read, []

    def call(part):
        reads.append(part)
        if len(reads) == 3:  # after both parts, the whole
            other.write([stored.run(2)])
            other.compact()
        return read(part)

    monkeypatch.setattr(parts, "read", call)
    store.compact()
    assert [row["seed"] for row in stored_runs(store)] == [0, 1, 2]


def test_a_compaction_deletes_nothing_where_the_whole_is_not_what_was_written(store, monkeypatch):
    """A disk may take bytes and give back others."""
    for seed in range(2):
        store.write([stored.run(seed)])
    old, write = store.parts(), parts.write

    def decaying(folder, data):
        part = write(folder, data)
        part.write_bytes(data[:-1])
        return part

    monkeypatch.setattr(parts, "write", decaying)
    with pytest.raises(UsageError, match="its bytes are not those that were written"):
        store.compact()
    assert set(old) < set(store.parts())


def plain(rows):
    """A part with the same rows as another program would write them."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.table_of(rows), sink, compression="none")
    return sink.getvalue().to_pybytes()


def test_of_parts_with_the_same_rows_every_compaction_keeps_the_same_one(tmp_path):
    """As two versions of pyarrow write them: if each kept its own and deleted the other, none would be left."""
    kept = set()
    for seed in range(50):
        store = Store(tmp_path, f"trial{seed}")
        store.require_writable()
        own, other = store.write([stored.row(f"{seed}")]), parts.write(store.folder, plain([stored.row(f"{seed}")]))
        assert own != other
        store.compact()
        assert store.parts() == [min(own, other)]
        kept.add(own < other)
        if len(kept) == 2:  # each of the two was the one to keep
            return
    pytest.fail("one program's names came first 50 times")


def test_writers_with_one_process_id_do_not_share_a_temporary_name(store):
    """Threads have one process id, as containers may; all write the same rows at the same time."""
    errors = []

    def write():
        try:
            for _ in range(5):
                store.write([stored.run(0)])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert [path.name for path in store.folder.iterdir()] == [part.name for part in store.parts()]
    assert [row["seed"] for row in store.records()] == [0]


def test_leftovers_are_cleared_a_day_later_and_living_writers_left_alone(store):
    now = time.time()
    kept = store.write([stored.run(0)])
    ages = {".part-0.1.tmp": 2, ".part-ab.tmp": 1.01, ".part-cd.tmp": 0.99, ".other.tmp": 3, "part-x.bad": 3}
    for name, days in ages.items():
        (store.folder / name).write_bytes(b"half")
        os.utime(store.folder / name, (now - days * 24 * 3600,) * 2)
    os.utime(kept, (now - 9 * 24 * 3600,) * 2)
    (store.folder / ".part-folder.tmp").mkdir()
    os.utime(store.folder / ".part-folder.tmp", (now - 9 * 24 * 3600,) * 2)
    store.require_writable()
    left = {path.name for path in store.folder.iterdir()}
    assert left == {kept.name, ".part-cd.tmp", ".other.tmp", "part-x.bad", ".part-folder.tmp"}
