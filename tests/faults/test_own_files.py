"""Files of one's own that are wrong: each is one line that names the file and says what would be right."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pcl.errors import UsageError
from pcl.streams.sources import from_dataframe, from_file, own

GOOD = "a,b,kind\n" + "".join(f"{i},{i % 3},{'xy'[i % 2]}\n" for i in range(12))


def table(text, **options):
    return "t.csv", text.encode(), options


TABLES = [
    ("nothing at all", table(""), "empty; expected one line per sample"),
    ("an empty line", table("\n"), "one column alone, ''"),
    ("a header alone", table("a,b\n"), "holds only a header"),
    ("one column", table("a\n1\n2\n"), "one column alone, 'a'; expected one column per feature, and one of labels"),
    ("another separator", table(GOOD.replace(",", ";")), "one column alone, 'a;b;kind'; say separator=semicolon"),
    ("no header", table("1,2,x\n3,4,y\n"), "the first line holds the number 1: say header=no if it is a sample"),
    ("a short line", table(GOOD + "1,2\n"), r"Row #14: Expected 3 columns, got 2: 1,2"),
    ("a long line", table(GOOD + "1,2,x,3\n"), r"Row #14: Expected 3 columns, got 4: 1,2,x,3"),
    ("two columns of one name", table(GOOD.replace("b", "a", 1)), "two columns are called 'a'"),
    ("Latin 1 as UTF-8", ("t.csv", GOOD.replace("x", "é").encode("latin1"), {}), "column 'kind' holds bytes that"),
    ("a header in Latin 1", ("t.csv", GOOD.replace("a", "é").encode("latin1"), {}), "not in the encoding utf8; say"),
    ("an encoding that is none", table(GOOD, encoding="klingon"), "encoding=klingon: unknown; try utf8, latin1"),
    ("1e39", table(GOOD + "1e39,1,x\n"), r"column 'a', row 13: 1e\+39 is beyond 4.6e\+18, too large for float32"),
    ("an empty cell", table(GOOD + ",1,x\n"), "1 of 13 rows lack a value, first row 13 in column 'a'; missing=skip"),
    ("infinity", table(GOOD + "inf,1,x\n"), "1 of 13 rows lack a value, first row 13 in column 'a'"),
    ("an empty label", table(GOOD + "1,1,\n"), r"row 13 has no value in column 'kind' \(label\)"),
    ("a label that is not there", table(GOOD, label="sort"), "label=sort: there is no such column; there are a, b, ki"),
    ("a label beyond the last", table(GOOD, label="3"), "label=3: there is no such column"),
    ("a real label", table("a,b\n1,0.5\n2,0.25\n"), r"label 0.5 of sample 0 is not a whole number.*taken from 'b'"),
    ("one class", table("a,b\n1,x\n2,x\n"), "column 'b' holds 1 different labels in 2 rows; expected two or more"),
    ("prices as labels", table("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(9))),
     "column 'b' holds 9 different labels in 9 rows.*name another column with label="),
    ("one of a class", table(GOOD + "1,2,z\n"), "one sample has the label 'z'|no training sample has the label 'z'"),
    ("no column but labels", table(GOOD, drop="a+b"), "none is left as input"),
    ("an unknown column to drop", table(GOOD, drop="c"), "drop=c: there is no such column"),
    ("names", table("a,b\n" + "".join(f"name{i},{i % 2}\n" for i in range(99))),
     r"column 'a' holds 99 different texts \(as 'name0'\).*leave it out with drop=a"),
    ("a column of nothing", table("a,b,c\n,1,x\n,2,y\n"), "column 'a' holds nothing; leave it out with drop=a"),
    ("another test column", table(GOOD, test="b", label="kind"), "test=b: row 3 says '2'; expected test and train"),
    ("a test column of one value", table(GOOD.replace(",0,", ",1,").replace(",2,", ",1,"), test="b", label="kind"),
     "test=b: all rows say '1'"),
    ("a test file that is missing", table(GOOD, test_file="no.csv"), "test_file=no.csv: no such file or folder"),
    ("a test file of other columns", table(GOOD, test_file="other.csv"), "the test has the columns a, kind; expected"),
    ("a separator of two", table(GOOD, separator="::"), "separator=::: expected one character, or comma, semicolon"),
    ("an archive that is none", ("t.csv.gz", GOOD.encode(), {}), "cannot be read"),
    ("a Parquet file that is none", ("t.parquet", GOOD.encode(), {}), "cannot be read"),
    ("an ARFF file that is none", ("t.arff", GOOD.encode(), {}), "cannot be read"),
    ("an .npz file that is none", ("t.npz", GOOD.encode(), {}), "cannot be read"),
    ("a spreadsheet", ("t.xlsx", b"PK", {}), "unknown kind of file; known: .csv, .tsv"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "file", "says"), TABLES, ids=[case[0] for case in TABLES])
def test_a_table_that_is_wrong_is_one_line(tmp_path, name, file, says):
    called, content, options = file
    (tmp_path / called).write_bytes(content)
    (tmp_path / "other.csv").write_text("a,kind\n1,x\n")
    with pytest.raises(UsageError, match=says) as caught:
        from_file(tmp_path / called, **options)
    assert str(caught.value).startswith(f"{tmp_path / called}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"no.csv: no such file or folder"):
        from_file(tmp_path / "no.csv")


def test_a_parquet_file_of_lists_and_one_without_rows(tmp_path):
    pq.write_table(pa.table({"a": [[1, 2], [3, 4]], "label": [0, 1]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match=r"column 'a' is of type list<.*>; expected numbers, truth values, times"):
        from_file(tmp_path / "a.parquet")
    pq.write_table(pa.table({"a": pa.array([], "int64")}), tmp_path / "b.parquet")
    with pytest.raises(UsageError, match="holds no rows; expected one per sample"):
        from_file(tmp_path / "b.parquet")


X, Y = np.arange(24.0).reshape(12, 2), np.arange(12) % 2
ARRAYS = [
    ({"z": X}, "holds the arrays z; expected x and y"),
    ({"x": X}, "holds no labels"),
    ({"x": X, "y": Y[:5]}, r"array y is of shape \(5,\); expected one value per sample, \(12,\)"),
    ({"x": X, "y": Y.astype(object)}, "cannot be read .*allow_pickle"),
    ({"x": X, "y": Y + 0.5}, "label 0.5 of sample 0 is not a whole number"),
    ({"x": X.astype(str), "y": Y}, "of type <U.*; expected real numbers"),
    ({"x": X * np.nan, "y": Y}, "12 of 12 rows lack a value, first row 1 in column 'x.0.'"),
    ({"x": X * 1e38, "y": Y}, "numbers beyond 4.6e.18 are too large"),
    ({"x_train": X, "y_train": Y, "x_test": X[:, :1], "y_test": Y}, r"test samples are of shape \(1,\); expected"),
    ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1}, "no training sample has the label 2"),
]


@pytest.mark.parametrize(("arrays", "says"), ARRAYS, ids=[case[1][:30] for case in ARRAYS])
def test_arrays_that_are_wrong_are_one_line(tmp_path, arrays, says):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UsageError, match=says) as caught:
        from_file(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)


def test_folders_of_images_that_are_wrong_are_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"a folder without images; expected one folder per class, as cats/1.png"):
        from_file(tmp_path)
    (tmp_path / "cats").mkdir()
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "cats/1.png")
    (tmp_path / "cats/2.png").write_bytes((tmp_path / "cats/1.png").read_bytes()[:40])
    with pytest.raises(UsageError, match=r"cats/2.png: not a whole image; remove it or get it again"):
        from_file(tmp_path)
    Image.fromarray(np.zeros((6, 7), np.uint8)).save(tmp_path / "cats/2.png")
    with pytest.raises(UsageError, match=r"cats/1.png has 5x4 pixels, cats/2.png 7x6; say size=32"):
        from_file(tmp_path)
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "3.png")
    with pytest.raises(UsageError, match=r"3.png: expected one folder per class, as cats/1.png, all equally deep"):
        from_file(tmp_path)


OPTIONS = [
    ("sort=kind", "unknown option 'sort'; known: decimal, drop"),
    ("label", "label: write label=value"),
    ("label=", "label=: write label=value"),
    ("test_share=lots", "test_share=lots: test_share is a static float"),
    ("test_share=1", r"test_share=1.0: must be finite and within \[0, 0.9\]"),
    ("missing=ignore", "missing=ignore: choose one of refuse, skip, mask"),
    ("size=-1", "size=-1: must be finite and within"),
]


@pytest.mark.parametrize(("text", "says"), OPTIONS)
def test_options_that_are_wrong_are_one_line(text, says):
    with pytest.raises(UsageError, match=says):
        own.options(text)


def test_what_is_no_data_frame_is_one_line():
    with pytest.raises(UsageError, match=r"of type list; expected a data frame, as of pandas 2.2 or polars 1"):
        from_dataframe([1, 2])


def test_a_packed_table_that_is_cut_off_is_one_line(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(GOOD.encode())[:-20])
    with pytest.raises(UsageError, match=r"t.csv.gz: cannot be read"):
        from_file(tmp_path / "t.csv.gz")
