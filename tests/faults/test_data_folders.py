"""Folders of data that are damaged, locked, or not there, and users who have none: each is one line.

The figures of mutations of a cache are printed.
"""

import os
import pwd

import numpy as np
import pytest
import raw_files as files

from pcl.errors import UsageError
from pcl.streams import sources
from pcl.streams.sources import cache, load, prepared
from pcl.streams.sources import files as raw


def digest(found):
    return [array.tobytes() for array in found[:4]]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Empty folders of raw files, cached arrays and prepared data sets."""
    for place, variable in (("data", "PCL_DATA_DIR"), ("cache", "PCL_CACHE_DIR"), ("tfds", "TFDS_DATA_DIR")):
        (tmp_path / place).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / place))
    monkeypatch.setattr(raw, "KNOWN", {})
    yield tmp_path
    sources.use_data_dir(None)


@pytest.mark.slow
def test_no_mutation_of_a_cache_gives_other_numbers(places, monkeypatch):
    files.mnist_like(places / "data/kmnist", each=2)
    whole = load("kmnist")
    expected, rng = digest(whole), np.random.default_rng(0)
    monkeypatch.delenv("PCL_DATA_DIR")
    folder = places / "cache/kmnist"
    refused, same = 0, 0
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for trial in range(60):
            mutated = bytearray(content)
            # Headers first, which stand in the first 128 bytes.
            mutated[rng.integers(min(len(content), 128) if trial < 40 else len(content))] ^= 1 << rng.integers(8)
            path.write_bytes(mutated)
            os.utime(path, (0, 0))
            try:
                found = load("kmnist")
            except UsageError:
                refused += 1
            else:
                assert (digest(found), found.version, found.scale) == (expected, whole.version, whole.scale)
                same += 1
        path.write_bytes(content)
    print(f"cache: of 300 bit flips {refused} are refused, {same} change nothing, 0 give other numbers")
    assert refused > 200


def without_home(monkeypatch):
    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)


def test_a_user_without_a_home_is_told_which_folders_to_name(places, monkeypatch):
    files.mnist_like(places / "data/kmnist")
    without_home(monkeypatch)
    monkeypatch.delenv("PCL_CACHE_DIR")
    with pytest.raises(UsageError, match=r"^this user has no home folder; name a folder with PCL_CACHE_DIR$"):
        load("kmnist")
    monkeypatch.setenv("PCL_CACHE_DIR", str(places / "cache"))
    load("kmnist")  # all that is needed is named
    monkeypatch.delenv("TFDS_DATA_DIR")
    with pytest.raises(UsageError, match=r"^this user has no home folder; name a folder with TFDS_DATA_DIR$"):
        load("emnist")


NOBODY = "~no-such-user-at-all/x"
FOLDERS = [
    ("--data_dir", NOBODY, f"--data_dir={NOBODY}: no such user"),
    ("--data_dir", "", "--data_dir: is empty"),
    ("--data_dir", " ", "--data_dir: is empty"),
    ("--data_dir", "/none", "--data_dir=/none: no such folder"),
    ("--data_dir", "/etc/passwd", "--data_dir=/etc/passwd: no such folder"),
    ("--data_dir", "a\0b", "cannot be read (embedded null byte)"),
    ("--data_dir", "x" * 5000, "cannot be read (File name too long)"),
    ("PCL_DATA_DIR", NOBODY, f"PCL_DATA_DIR={NOBODY}: no such user"),
    ("PCL_DATA_DIR", " ", "PCL_DATA_DIR: is empty"),
    ("PCL_CACHE_DIR", NOBODY, f"PCL_CACHE_DIR={NOBODY}: no such user; name a folder with PCL_CACHE_DIR"),
    ("TFDS_DATA_DIR", NOBODY, f"TFDS_DATA_DIR={NOBODY}: no such user; name a folder with TFDS_DATA_DIR"),
]


@pytest.mark.parametrize(("setting", "value", "says"), FOLDERS, ids=[f"{s}={v[:9]}" for s, v, _ in FOLDERS])
def test_a_folder_that_cannot_be_is_one_line(places, monkeypatch, setting, value, says):
    if setting != "--data_dir":
        monkeypatch.setenv(setting, value)
    with pytest.raises(UsageError) as caught:
        sources.use_data_dir(value) if setting == "--data_dir" else load("mnist")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400 or len(value) > 400


def test_an_empty_variable_names_no_folder(places, monkeypatch):
    monkeypatch.setenv("PCL_DATA_DIR", "")
    with pytest.raises(UsageError, match="neither --data_dir nor PCL_DATA_DIR is set"):
        load("mnist")


@pytest.fixture
def powerless():
    """A user whom permissions hold back: root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_what_may_not_be_read_is_named(places, request):
    for place in (places, *places.parents):  # so that a user without rights may come here
        if place.stat().st_uid == os.geteuid() and "pytest" in str(place):
            place.chmod(place.stat().st_mode | 0o055)
    files.mnist_like(places / "data/kmnist")
    path = places / "data/kmnist/train-images-idx3-ubyte.gz"
    path.chmod(0)
    locked = places / "locked"
    locked.mkdir(mode=0)
    (places / "data/mnist").mkdir(mode=0)
    request.getfixturevalue("powerless")
    with pytest.raises(UsageError, match=rf"{path}: cannot be read \(Permission denied\)"):
        load("kmnist")
    with pytest.raises(UsageError, match=r"mnist/train-images.*: cannot be read \(Permission denied\)"):
        load("mnist")
    with pytest.raises(UsageError, match=r"^--data_dir=.*locked: cannot be read \(Permission denied\)"):
        sources.use_data_dir(str(locked))


def test_a_named_pipe_and_a_folder_are_no_raw_files(places):
    (places / "data/mnist").mkdir()
    os.mkfifo(places / "data/mnist/train-images-idx3-ubyte.gz")
    (places / "data/kmnist/train-images-idx3-ubyte.gz").mkdir(parents=True)
    for name in ("mnist", "kmnist"):
        with pytest.raises(UsageError, match=rf"no {places}/data/{name}/train-images-idx3-ubyte.gz"):
            load(name)


def test_a_prepared_folder_of_another_name_is_no_version(places):
    (places / "tfds/kmnist/1x.0.0").mkdir(parents=True)
    (places / "tfds/kmnist/1x.0.0/dataset_info.json").touch()
    assert prepared.find("kmnist") is None


def test_a_cache_that_is_a_file_is_replaced_or_one_line(places, monkeypatch):
    files.mnist_like(places / "data/kmnist")
    (places / "cache/kmnist").touch()
    assert load("kmnist").num_classes == 10
    assert (places / "cache/kmnist" / cache.ABOUT).is_file()
