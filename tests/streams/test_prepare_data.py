"""Preparing data: real files through the real builders where TensorFlow is, and one line for what is wrong."""

import gzip
import importlib.util
import os
import shutil
from pathlib import Path

import forked
import pytest

from pcl.errors import UsageError
from pcl.streams.sources import SOURCES, load
from pcl.streams.sources.files import KNOWN
from scripts import prepare_data

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("PCL_DATA_DIR") or ROOT.parent / "shared" / "data")
HASH_OF_A = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


def test_a_download_is_verified_packed_and_whole(tmp_path, monkeypatch):
    (tmp_path / "elec.csv").write_text("a")
    path = tmp_path / "data/streams/elec.csv.gz"
    with pytest.raises(UsageError, match=r"elec.csv.gz: its sha256 is ca978112ca1b…, that of the published"):
        prepare_data.fetch((tmp_path / "elec.csv").as_uri(), path)
    assert not list(tmp_path.rglob("*gz*"))
    monkeypatch.setitem(KNOWN, "streams/elec.csv.gz", (HASH_OF_A,))
    prepare_data.fetch((tmp_path / "elec.csv").as_uri(), path)
    assert gzip.decompress(path.read_bytes()) == b"a"
    assert [file.name for file in path.parent.iterdir()] == ["elec.csv.gz"]
    with pytest.raises(UsageError, match=r"could not be downloaded from file:///none: .*No such file"):
        prepare_data.fetch("file:///none", path)


def test_every_data_set_can_be_got_somewhere():
    for name, entry in SOURCES.items():
        assert sum(map(bool, (entry.embedded, entry.tfds_name, entry.publisher))) == 1, name


def test_without_tensorflow_the_error_says_how_to_get_it(places, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"preparing mnist needs TensorFlow; install it with: pip install -e '.\[prep"):
        prepare_data.prepare("mnist", "mnist")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "error: nothing to do; name data sets, as: python -m scripts.prepare_data mnist"),
        (("mnits",), "error: unknown data set 'mnits'; known: cifar10, "),
        (("weather",), "error: weather is downloaded to the folder of raw files; name it with --data_dir or PCL"),
        (("weather", "--data_dir=/none"), "error: --data_dir=/none: no such folder"),
    ],
)
def test_bad_arguments_are_one_line(arguments, says):
    environment = {name: value for name, value in os.environ.items() if name != "PCL_DATA_DIR"}
    done = forked.run("scripts.prepare_data", *arguments, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith(says)
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_two_data_sets_of_the_same_file_names_are_prepared_as_from_raw(places, monkeypatch):
    pytest.importorskip("tensorflow", reason="preparing needs the extra 'prepare'")
    names = ("mnist", "fashion_mnist")
    for name in names:
        if not all((REAL / file).is_file() for file in SOURCES[name].files):
            pytest.skip(f"no {name} in {REAL}; name the folder with PCL_DATA_DIR")
        manual = places / "tfds/downloads" / name / "manual"
        manual.mkdir(parents=True)
        for file in SOURCES[name].files:
            shutil.copy(REAL / file, manual)
        monkeypatch.setenv("PCL_DATA_DIR", str(REAL))
        monkeypatch.setenv("PCL_CACHE_DIR", str(places / "raw"))
        raw = load(name).version
        prepared = prepare_data.prepare(name, name)
        assert prepare_data.prepare(name, name) == prepared  # and the second time it only looks
        monkeypatch.delenv("PCL_DATA_DIR")
        monkeypatch.setenv("PCL_CACHE_DIR", str(places / "prepared"))
        assert load(name).version == raw
