"""Raw files that are hostile or broken: each is one line, and none takes memory for what it claims.

Figures are printed: inputs refused, mutations that end in anything but an answer or one line.
"""

import gzip
import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import raw_files as files

from pcl.errors import UsageError
from pcl.streams.sources import cifar10, idx, omniglot, tables
from pcl.streams.sources import files as raw

NAME = "images/A/character01/0001_01.png"
DRAWING = files.png(np.zeros((105, 105), bool), "1")
SHEET = files.png(np.zeros((800, 1280, 3), np.uint8), "WEBP")


@pytest.fixture
def written(tmp_path):
    def write(content, name="file"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def read_drawings(path):
    return list(omniglot._drawings(path))


def read_labels(path):
    return cifar10.sheets(path, path, path)


def header(*shape):
    return gzip.compress(bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape))


def altered(members, change):
    """A zip file in whose local and central headers something was changed."""
    content = bytearray(files.zipped(members))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            change(content, at + flags)
            at = content.find(signature, at + 1)
    return bytes(content)


def encrypted(content, flags):
    content[flags] |= 1


def method(number):
    def change(content, flags):
        content[flags + 2 : flags + 4] = struct.pack("<H", number)

    return change


def claims(size):
    """Both headers give the size unpacked 18 bytes behind the flags or, 16 bytes behind, in the local one."""

    def change(content, flags):
        content[flags + 16 : flags + 20] = struct.pack("<I", size)

    return change


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width, height):
    """A PNG file whose header claims a size, and whose pixels are missing."""
    about = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", about) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


def npy_of(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<i8", "fortran_order": False, "shape": shape})
    return file.getvalue()


def images(path):
    return idx.read_idx(path, 3)


HOSTILE = [
    ("IDX of 2^31 images", images, header(2**31, 28, 28), "holds 0 values, its header announces 1683627180032"),
    ("IDX of 2^64 values", images, header(2**31, 2**31, 4), "its header announces 18446744073709551616"),
    ("IDX of 2^31 labels", lambda path: idx.read_idx(path, 1), header(2**31), "header announces 2147483648"),
    ("encrypted zip", read_drawings, altered({NAME: DRAWING}, encrypted), f"{NAME} is encrypted"),
    ("zip by method 99", read_drawings, altered({NAME: DRAWING}, method(99)), "by method 99; known: stored, deflated"),
    ("zip by method 9", cifar10.read_sheets, altered({"a.webp": SHEET}, method(9)), "packed by method 9; known"),
    ("zip by bzip2", read_drawings, altered({NAME: DRAWING}, method(zipfile.ZIP_BZIP2)), "packed by method 12; known"),
    ("zip of 4 GB", read_drawings, altered({NAME: DRAWING}, claims(2**32 - 2)), "unpacks to 4,294,967,294 bytes; at"),
    ("zip of 30 times 200 MB", read_drawings,
     altered({NAME.replace("01.png", f"{i:02}.png"): b"" for i in range(30)}, claims(2 * 10**8)),
     "unpacks to 6,000,000,000 bytes; at most 1,073,741,824"),
    ("encrypted npz", read_labels, altered({"y_train.npy": npy_of((4,))}, encrypted), "is encrypted"),
    ("npz of 2^40 labels", read_labels, files.zipped({"y_train.npy": npy_of((2**40,))}), "not an npz file with"),
    ("npz of 2^64 labels", read_labels, files.zipped({"y_train.npy": npy_of((2**64,))}), "not an npz file with"),
    ("npz of a negative shape", read_labels, files.zipped({"y_train.npy": npy_of((-4,))}), "not an npz file with"),
    ("PNG of 100,000 x 100,000", read_drawings, files.zipped({NAME: png_of(100_000, 100_000)}), "has too many pixels"),
    ("PNG of 10,000 x 10,000", read_drawings, files.zipped({NAME: png_of(10_000, 10_000)}), "has 10000x10000 pixels"),
    ("PNG without pixels", read_drawings, files.zipped({NAME: png_of(105, 105)}), "is not a whole PNG image"),
    ("EPS as PNG", read_drawings, files.zipped({NAME: b"%!PS-Adobe-3.0 EPSF-3.0\n"}), "is not a whole PNG image"),
    ("sheet of another kind", cifar10.read_sheets, files.zipped({"a.webp": DRAWING}), "is not a whole WebP image"),
    ("table of a long first line", tables.one_table, gzip.compress(b"," * 10**6 + b"\n1\n" * 10**5), "line 2 is not"),
    ("a table of a header alone", tables.one_table, gzip.compress(b"a,b\n"), "holds only a header"),
    ("1e39 in a table", tables.one_table, gzip.compress(b"a,b\n1,0\n1e39,1\n"), "line 3 holds a value beyond 4.6e+18"),
    ("NaN in a table", tables.one_table, gzip.compress(b"a,b\n1,0\nnan,1\n"), "line 3 holds a value that is not fin"),
    ("an empty cell", tables.one_table, gzip.compress(b"a,b\n1,0\n,1\n"), "line 3 is not 2 numbers: ',1'"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "reader", "content", "says"), HOSTILE, ids=[case[0] for case in HOSTILE])
def test_a_hostile_file_is_one_line_and_takes_no_memory(written, name, reader, content, says):
    path = written(content)
    tracemalloc.start()
    try:
        with pytest.raises(UsageError) as caught:
            reader(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert peak < 2**25  # nothing of what is claimed, up to 2^64 bytes, is set aside
    print(f"refused: {name}, peak {peak / 2**20:.0f} MiB")


def bomb():
    return gzip.compress(bytes(2**25), 9)


@pytest.mark.parametrize("reader", [images, tables.one_table], ids=["idx", "table"])
def test_a_gzip_bomb_is_unpacked_no_further_than_the_bound(written, monkeypatch, reader):
    path = written(bomb())
    monkeypatch.setattr(raw, "UNPACKED", 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=r"unpacks to more than 1,048,576 bytes"):
            reader(path)
        assert tracemalloc.get_traced_memory()[1] < 2**23  # of 2^25
    finally:
        tracemalloc.stop()


def test_a_zip_bomb_that_lies_about_its_size_is_unpacked_no_further_than_it_says(written):
    """Its headers say 100 bytes, and 2^25 would come out."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(NAME, bytes(2**25))
    content = bytearray(file.getvalue())
    for signature, size in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.find(signature)
        content[at + size : at + size + 4] = struct.pack("<I", 100)
    path = written(bytes(content))
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=r"not a whole zip file \(Bad CRC-32"):
            read_drawings(path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_a_raw_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(UsageError, match=r"has 1,099,511,627,776 bytes; files of at most 1,073,741,824 are read"):
        images(path)


WHOLE = {
    "idx": (images, files.idx(np.zeros((2, 3, 4)))),
    "drawings": (read_drawings, files.zipped({NAME: DRAWING})),
    "labels": (lambda path: cifar10._labels(path.read_bytes(), "y_train", path), npy_of((4,)) + bytes(32)),
    "table": (tables.one_table, gzip.compress(b"a,b\n1,0\n2.5,1\n", mtime=0)),
    "plain table": (tables.one_table, b"a,b\n1,0\n2.5,1\n"),
    "png": (read_drawings, DRAWING),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_no_mutation_of_a_file_ends_in_anything_but_an_answer_or_one_line(written, kind):
    """Bytes that a checksum covers are mutated before they are packed, so that readers meet them."""
    rng = np.random.default_rng(0)
    reader, whole = WHOLE[kind]
    pack = {"plain table": gzip.compress, "png": lambda content: files.zipped({NAME: content})}.get(kind, bytes)
    refused, answered = 0, 0
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(len(content))] = rng.integers(256)
        if rng.random() < 0.3:
            del content[rng.integers(len(content)) :]
        try:
            reader(written(pack(bytes(content))))
            answered += 1
        except UsageError:
            refused += 1
    print(f"{kind}: of 150 mutations {refused} are refused, {answered} are still files of their kind, 0 tracebacks")
    assert refused > 50
