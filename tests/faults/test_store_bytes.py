"""Bytes that are not those that were written, and things that are no parts: named, never believed, never waited for."""

import contextlib
import os
import pickle
import shutil
import signal
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import stored

from pcl.errors import UsageError
from pcl.runner import parts
from pcl.runner.store import Store
from pcl.runner.versions import content

FLIPS = 600


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    return store


@pytest.fixture(autouse=True)
def nothing_hangs():
    """A test that waits for ever fails."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it hangs"))
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.slow
def test_every_flipped_bit_is_detected(store, record_property):
    part = store.write([stored.row(f"{i:016x}", i) for i in range(5)])
    data = part.read_bytes()
    bits = np.random.default_rng(0).choice(8 * len(data), FLIPS, replace=False)
    detected = 0
    for bit in bits:
        part.write_bytes(flipped(data, bit))
        with pytest.raises(parts.BadPart, match="its bytes are not those that were written"):
            parts.read(part)
        detected += 1
    record_property("figure", f"bit flips in a part: {detected} of {FLIPS} detected")
    assert store.ids() == set()  # what reads parts verifies them
    with pytest.raises(UsageError, match=f"{part.name} cannot be read"):
        store.records()
    part.write_bytes(data)
    assert len(store.ids()) == len(store.records()) == 5


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data + b"\0", lambda _: b""])
def test_a_part_that_is_cut_or_grown_is_detected(store, damage):
    part = store.write([stored.row("a")])
    part.write_bytes(damage(part.read_bytes()))
    with pytest.raises(parts.BadPart, match="its bytes are not those that were written"):
        parts.read(part)


def test_a_part_without_a_digest_is_read_and_its_pages_are_verified(store):
    """A part that was renamed, or whose writer knew no digest: a flip among its numbers is still no other number."""
    hits = np.random.default_rng(0).random(3000, np.float32).tolist()
    data = store.write([stored.row("a", hits=hits)]).read_bytes()
    store.parts()[0].unlink()
    part = store.folder / "part-0123456789abcdef.parquet"
    part.write_bytes(data)
    assert not parts.is_verified(part)
    (expected,) = map(content, store.records())
    columns = pq.ParquetFile(part).metadata.row_group(0)
    pages = range(4, columns.column(columns.num_columns - 1).data_page_offset)
    assert len(pages) > len(data) / 3
    reasons = []
    for bit in np.random.default_rng(0).integers(8 * pages[0], 8 * pages[-1], 60):
        part.write_bytes(flipped(data, bit))
        rows, bad = store.read()
        assert [content(row) for _, row in rows] == ([] if bad else [expected])
        reasons += [error.reason for error in bad]
    assert sum("CRC" in reason for reason in reasons) > 30


def test_reading_a_part_executes_nothing(store, tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    (store.folder / "part-0.parquet").write_bytes(pickle.dumps(Harm()))
    rows, (bad,) = store.read()
    assert not rows
    assert bad.part.name == "part-0.parquet"
    assert not (tmp_path / "harm").exists()


NOT_FILES = {
    "a pipe": (os.mkfifo, "not a file"),
    "a folder": (os.mkdir, "not a file"),
    "a device": (lambda part: os.symlink("/dev/zero", part), "not a file"),
    "a link to nothing": (lambda part: os.symlink(part.parent / "nothing", part), "a link to nothing"),
    "a link to itself": (lambda part: os.symlink(part, part), "a link to nothing"),
}


@pytest.mark.parametrize("kind", NOT_FILES)
def test_what_is_named_like_a_part_and_is_no_file_is_named_and_passed_over(store, capsys, kind, record_property):
    make, reason = NOT_FILES[kind]
    good, odd = store.write([stored.row("a")]), store.folder / "part-0.parquet"
    make(odd)
    assert store.ids() == {"a"}
    assert [r["run_id"] for r in store.records({"a"})] == ["a"]
    warning = capsys.readouterr().err
    assert warning.count("\n") == 1  # once, however often it is met
    assert warning.startswith(f"warning: {odd} cannot be read ({reason}): `python -m scripts.check_results ")
    with pytest.raises(UsageError, match=r"part-0\.parquet cannot be read"):
        store.records()
    with pytest.raises(UsageError, match=r"part-0\.parquet cannot be read"):
        store.compact()
    assert store.parts() == sorted([odd, good])
    record_property("figure", f"refused as a part: {kind}")


def test_a_link_to_a_part_is_a_part(store, tmp_path):
    elsewhere = tmp_path / "kept"
    shutil.move(store.write([stored.row("a")]), elsewhere)
    (store.folder / "part-0.parquet").symlink_to(elsewhere)
    assert store.ids() == {"a"}


@contextlib.contextmanager
def nobody():
    """Act with the rights of a user who owns nothing."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_store():
    """A store in a folder that every user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        store = Store(folder, "trial")
        store.require_writable()
        yield store
        os.chmod(store.folder, 0o755)


@pytest.mark.parametrize("locked", ["part", "folder", "way"])
def test_what_may_not_be_read_is_a_matter_of_permission_and_not_of_damage(open_store, locked, record_property):
    part = open_store.write([stored.row("a")])
    if locked == "part":
        os.chmod(part, 0)
    else:
        os.chmod(open_store.folder, 0 if locked == "folder" else 0o444)  # 0o444: it can be listed and not entered
    for read in (open_store.ids, open_store.records, open_store.read, open_store.compact):
        with nobody(), pytest.raises(UsageError, match="Permission denied") as caught:
            read()
        message = str(caught.value)
        assert "cannot be listed" in message if locked == "folder" else "may not be read" in message
        assert "check_results" not in message
        assert "\n" not in message
    record_property("figure", f"refused without permission: {locked}")


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path):
    (tmp_path / "trial").write_text("")
    with pytest.raises(UsageError, match=r"trial cannot be listed \(Not a directory\)"):
        Store(tmp_path, "trial").ids()


def test_parts_may_be_read_by_whom_the_mask_allows(store):
    before = os.umask(0o022)
    try:
        part = store.write([stored.row("a")])
    finally:
        os.umask(before)
    assert Path(part).stat().st_mode & 0o777 == 0o644
