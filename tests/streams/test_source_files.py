"""Every raw format, byte for byte, and what is said of files that are damaged or something else."""

import gzip
import io

import numpy as np
import pytest
import raw_files as files

from pcl.errors import UsageError
from pcl.streams.sources import cifar10, idx, load, omniglot, tables


@pytest.fixture
def written(tmp_path):
    def write(content, name="file.gz"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def test_idx_holds_rows_in_order(written):
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    np.testing.assert_array_equal(idx.read_idx(written(files.idx(array)), 3), array)
    np.testing.assert_array_equal(idx.read_idx(written(files.idx(array[0, 0])), 1), array[0, 0])


IMAGES = files.idx(np.zeros((2, 3, 4)))
BAD_IDX = [
    (IMAGES[:-9], "not a whole gzip file"),
    (b"plain", "not a whole gzip file"),
    (gzip.compress(b""), "begins with 0x, an IDX file of images with 0x00000803"),
    (files.idx(np.zeros(3)), "begins with 0x00000801, an IDX file of images with 0x00000803"),
    (gzip.compress(gzip.decompress(IMAGES)[:-1]), "holds 23 values, its header announces 24"),
    (gzip.compress(gzip.decompress(IMAGES) + b"0"), "holds 25 values, its header announces 24"),
    (gzip.compress(gzip.decompress(IMAGES)[:9]), "holds 0 values, its header announces 0; it is damaged"),
]


@pytest.mark.parametrize(("content", "says"), BAD_IDX, ids=[says for _, says in BAD_IDX])
def test_bad_idx_is_refused(written, content, says):
    with pytest.raises(UsageError, match=f"file.gz: {says}"):
        idx.read_idx(written(content), 3)


def test_cifar_sheets_are_cut_row_by_row(written):
    tiles = np.random.default_rng(0).integers(0, 256, (2000, 32, 32, 3), dtype=np.uint8)
    content = files.zipped({"sheet_01.webp": files.sheet(tiles[1000:]), "sheet_00.webp": files.sheet(tiles[:1000])})
    np.testing.assert_array_equal(cifar10.read_sheets(written(content)), tiles)


def test_sheets_of_one_column_are_cut_into_tiles(written):
    tiles = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    content = files.zipped({"a.webp": files.png(tiles.reshape(128, 32, 3), "WEBP")})
    np.testing.assert_array_equal(cifar10.read_sheets(written(content), (4, 1)), tiles)
    with pytest.raises(UsageError, match="has 32x128 pixels; a sheet has 64x64"):
        cifar10.read_sheets(written(content), (2, 2))


def test_cifar_labels_come_with_their_images(places):
    tiles = np.random.default_rng(0).integers(0, 256, (1000, 32, 32, 3), dtype=np.uint8)
    folder = places / "data/cifar10"
    folder.mkdir()
    for split in ("train", "test"):
        (folder / f"{split}_images.zip").write_bytes(files.zipped({"sheet_00.webp": files.sheet(tiles)}))
    y = np.arange(1000) % 10
    np.savez(folder / "labels.npz", y_train=y, y_test=y)
    found = load("cifar10")
    label = {tile.tobytes(): i % 10 for i, tile in enumerate(tiles)}
    assert [label[tile.tobytes()] for tile in found.x_train] == found.y_train.tolist()
    (folder / "labels.npz").write_bytes(b"PK")
    with pytest.raises(UsageError, match=r"labels.npz: not a whole zip file"):
        load("cifar10")
    np.savez(folder / "labels.npz", y_train=y, y=y)
    with pytest.raises(UsageError, match=r"labels.npz: not an npz file with y_train and y_test"):
        load("cifar10")


SHEET = files.png(np.zeros((800, 1280, 3), np.uint8), "WEBP")
NOISE = files.sheet(np.random.default_rng(0).integers(0, 256, (1000, 32, 32, 3), dtype=np.uint8))
BAD_SHEETS = [
    (files.zipped({"sheet_00.webp": SHEET})[:-9], "file.gz: not a whole zip file"),
    (files.zipped({}), "file.gz: holds no sheet"),
    (files.zipped({"a.webp": NOISE[:-9]}), "file.gz: a.webp is not a whole WebP image"),
    (
        files.zipped({"a.webp": files.png(np.zeros((9, 64, 3), np.uint8), "WEBP")}),
        "a.webp has 64x9 pixels; a sheet",
    ),
    (files.zipped({"a.webp": files.png(np.zeros((800, 1280), np.uint8))}), "a.webp is not a whole WebP image"),
]


@pytest.mark.parametrize(("content", "says"), BAD_SHEETS, ids=[says for _, says in BAD_SHEETS])
def test_bad_sheets_are_refused(written, content, says):
    with pytest.raises(UsageError, match=says):
        cifar10.read_sheets(written(content))


def test_drawings_shrink_by_exact_area():
    """Both sizes divide 3360: blow the drawing up to it, average blocks, and round half up."""
    ink = np.random.default_rng(0).random((2, 105, 105)) < 0.3
    fine = ink.repeat(32, 1).repeat(32, 2)
    share = fine.reshape(2, 32, 105, 32, 105).mean((2, 4))
    np.testing.assert_array_equal(omniglot.shrink(ink), np.floor(share * 255 + 0.5))
    assert (omniglot.shrink(np.ones((1, 105, 105), bool)) == 255).all()


DRAWING = files.png(np.zeros((105, 105), bool), "1")
BAD_DRAWINGS = [
    ({"images/A/character01/cat.png": DRAWING}, "holds images/A/character01/cat.png; expected only drawings"),
    ({"images/A/character01/0001_01.png": DRAWING[:45]}, "0001_01.png is not a whole PNG image"),
    ({"images/A/character01/0001_01.png": files.png(np.zeros((5, 9), bool), "1")}, "9x5 pixels; a drawing has 105x105"),
]


@pytest.mark.parametrize(("members", "says"), BAD_DRAWINGS)
def test_bad_drawings_are_refused(written, members, says):
    path = written(files.zipped(members))
    with pytest.raises(UsageError, match=f"file.gz: .*{says}"):
        omniglot.zips(path, path)


def packed(text):
    return gzip.compress(text.encode())


def test_streams_keep_the_order_of_the_file_and_have_no_test(written):
    table = tables.one_table(written(packed("a,b,class\n1.5,-2,1\n0,3e2,0\n"), "table.gz"))
    np.testing.assert_array_equal(table.x_train, np.float32([[1.5, -2], [0, 300]]))
    assert table.x_train.dtype == np.float32
    assert table.y_train.tolist() == [1, 0]
    assert (table.x_test.shape, table.y_test.shape) == ((0, 2), (0,))
    two = tables.two_tables(written(packed("1.5 -2\n0 3e2\n"), "x.gz"), written(packed("1\n0\n"), "y.gz"))
    np.testing.assert_array_equal(two.x_train, table.x_train)
    assert two.y_train.tolist() == [1, 0]


BAD_TABLES = [
    ("", "empty; expected one line per sample"),
    ("a,b\n1,0\n1,2,3\n", "line 3 is not 2 numbers: '1,2,3'"),
    ("a,b\n1,UP\n", "line 2 is not 2 numbers: '1,UP'"),
    ("a,b\n1,0\n\n", "line 3 is not 2 numbers: ''"),
    ("a,b\n1,0\nnan,1\n", "line 3 holds a value that is not finite"),
    ("a,b\n1,0.5\n", "a label is not a whole number: 0.5"),
    ("é,b\n1,0\n", "not a table in plain text"),
]


@pytest.mark.parametrize(("text", "says"), BAD_TABLES)
def test_bad_tables_are_refused(written, text, says):
    with pytest.raises(UsageError, match=f"file.gz: {says}"):
        tables.one_table(written(packed(text)))


def test_features_and_labels_of_a_stream_must_be_as_many(places):
    (places / "data/streams").mkdir()
    rows = io.StringIO()
    np.savetxt(rows, np.zeros((40, 21)), fmt="%g")
    (places / "data/streams/outdoorStream.data.gz").write_bytes(packed(rows.getvalue()))
    (places / "data/streams/outdoorStream.labels.gz").write_bytes(packed("\n".join(map(str, range(39)))))
    with pytest.raises(UsageError, match="40 training samples but 39 labels"):
        load("outdoor")
