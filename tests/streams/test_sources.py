"""One function, `source(name)`: the same arrays from everywhere, cached, and one line for what is wrong."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import raw_files as files

from pcl.errors import UsageError
from pcl.streams import sources
from pcl.streams.sources import cache, datasets, load, omniglot, samples, use_data_dir
from pcl.streams.sources.arrays import canonical_order, from_arrays
from pcl.streams.sources.files import KNOWN
from scripts.prepare_data import prepare

KMNIST = "train-images-idx3-ubyte.gz"


def pairs(x, y):
    """Samples with their labels, in no order."""
    return sorted((row.tobytes(), int(label)) for row, label in zip(x, y, strict=True))


def test_a_source_holds_what_the_files_hold(places):
    x, y, test_x, test_y = files.mnist_like(places / "data/kmnist")
    found = load("kmnist")
    assert pairs(found.x_train, found.y_train) == pairs(x, y)
    assert pairs(found.x_test, found.y_test) == pairs(test_x, test_y)
    assert (found.x_train.dtype, found.y_train.dtype) == (np.uint8, np.int32)
    assert (found.num_classes, found.scale) == (10, 1 / 255)


def test_emnist_is_turned_upright(places):
    x, y, *_ = files.mnist_like(places / "data/emnist", 47, "emnist-balanced-train", "emnist-balanced-test")
    found = load("emnist")
    assert found.num_classes == 47
    assert pairs(found.x_train, found.y_train) == pairs(x.swapaxes(1, 2), y)
    assert pairs(found.x_train, found.y_train) != pairs(x, y)


@pytest.mark.slow
def test_the_version_depends_on_the_samples_and_not_on_where_or_in_which_order_they_were(places, monkeypatch):
    x, y, test_x, test_y = files.mnist_like(places / "data/kmnist")
    from_raw = load("kmnist")
    from_cache = load("kmnist")
    monkeypatch.delenv("PCL_DATA_DIR")
    monkeypatch.setenv("PCL_CACHE_DIR", str(places / "other_cache"))
    shuffled = np.random.default_rng(1).permutation(len(y))
    splits = {"train": (x[shuffled], y[shuffled]), "test": (test_x[::-1], test_y[::-1])}
    files.array_record(places / "tfds/kmnist/3.0.1", (28, 28, 1), 10, splits)
    from_records = load("kmnist")
    assert from_raw.version == from_cache.version == from_records.version
    for ours, theirs in zip(from_raw[:4], from_records[:4], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    monkeypatch.setenv("PCL_CACHE_DIR", str(places / "third_cache"))
    code = (
        "import sys; from pcl.streams.sources import load; print(load('kmnist').version, 'tensorflow' in sys.modules)"
    )
    elsewhere = subprocess.run((sys.executable, "-c", code), check=True, capture_output=True, text=True)
    assert elsewhere.stdout == f"{from_raw.version} False\n"
    files.mnist_like(places / "data/kmnist", seed=1)
    use_data_dir(str(places / "data"))
    assert load("kmnist").version != from_raw.version


def test_omniglot_is_the_same_from_zips_and_prepared(tmp_path):
    paper = np.random.default_rng(0).random((3, 20, 105, 105)) > 0.2
    paths = [tmp_path / "background.zip", tmp_path / "evaluation.zip"]
    for path, characters in zip(paths, ([2], [1, 0]), strict=True):
        drawn = {
            f"images/Alphabet/character01/{c + 1:04}_{d + 1:02}.png": files.png(paper[c, d], "1")
            for c in characters
            for d in range(20)
        }
        path.write_bytes(files.zipped(drawn))
    raw = omniglot.zips(*paths)
    assert (raw.x_train.shape, raw.x_test.shape) == ((45, 32, 32), (15, 32, 32))
    assert np.bincount(raw.y_train).tolist() == [15] * 3
    assert np.bincount(raw.y_test).tolist() == [5] * 3
    everything = pairs(np.concatenate(raw[::2]), np.concatenate(raw[1::2]))
    assert everything == pairs(omniglot.shrink(~paper.reshape(-1, 105, 105)), np.repeat(np.arange(3), 20))

    x, y = paper.reshape(-1, 105, 105), np.repeat(np.arange(3), 20)
    order = np.random.default_rng(1).permutation(60)
    splits = {"train": (x[order[:40]], y[order[:40]]), "test": (x[order[40:]], y[order[40:]])}
    folder = tmp_path / "omniglot/3.0.0"
    files.array_record(folder, (105, 105, 3), 3, splits, lambda image: files.png(image, "1"))
    for ours, theirs in zip(raw, omniglot.collect(folder), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_canonical_order_is_a_permutation_that_forgets_the_order():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 3, (200, 2), dtype=np.uint8), rng.integers(0, 4, 200)  # many samples are alike
    shuffled = rng.permutation(200)
    order, again = canonical_order(x, y), canonical_order(x[shuffled], y[shuffled])
    assert sorted(order) == list(range(200))
    np.testing.assert_array_equal(x[order], x[shuffled][again])
    np.testing.assert_array_equal(y[order], y[shuffled][again])
    assert (order != np.arange(200)).any()


def test_a_cached_source_is_mapped_read_only_and_needs_no_raw_files(places, monkeypatch):
    files.mnist_like(places / "data/kmnist")
    version = load("kmnist").version
    monkeypatch.delenv("PCL_DATA_DIR")
    found = load("kmnist")
    assert found.version == version
    assert isinstance(found.x_train.base, np.memmap)
    assert not found.x_train.flags.writeable
    assert [path.name for path in (places / "cache").iterdir()] == ["kmnist"]


def truncate(folder):
    path = folder / "x_train.npy"
    path.write_bytes(path.read_bytes()[:-1])


def flip(folder):
    path = folder / "y_train.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def outdate(folder):
    about = json.loads((folder / cache.ABOUT).read_text())
    (folder / cache.ABOUT).write_text(json.dumps(about | {"format": cache.FORMAT - 1}))


def shifted(folder):
    np.save(folder / "y_train.npy", np.load(folder / "y_train.npy") + 1000)


def fewer(folder):
    np.save(folder / "y_train.npy", np.load(folder / "y_train.npy")[:-1])


def other(folder):
    """Another image, of the same size, written before the JSON file was."""
    path = folder / "x_train.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, (0, 0))


def renamed(folder):
    about = json.loads((folder / cache.ABOUT).read_text())
    (folder / cache.ABOUT).write_text(json.dumps(about | {"version": "0" * 16}))


DAMAGE = [
    (truncate, "is damaged .*greater than file size"),
    (flip, "is damaged .*its arrays: training labels 0 to .*; expected 0 to 9"),
    (shifted, "is damaged .*its arrays: training labels 1000 to 1009; expected 0 to 9"),
    (fewer, "is damaged .*its arrays: 30 training samples but 29 labels"),
    (other, "holds other samples or labels than were written"),
    (renamed, "holds other samples or labels than were written"),
    (outdate, "has format 0, this version of pcl reads 1"),
    (lambda folder: (folder / "x_test.npy").unlink(), "is damaged .*No such file"),
    (lambda folder: (folder / cache.ABOUT).unlink(), "is damaged .*No such file"),
    (lambda folder: (folder / cache.ABOUT).write_text("{"), "is damaged"),
    (lambda folder: (folder / cache.ABOUT).write_text("{}"), "is damaged .*format"),
    (lambda folder: (folder / cache.ABOUT).write_text("[" * 10**5), "is damaged .*recursion"),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGE)
def test_a_damaged_cache_is_rebuilt_from_raw_files_or_is_one_clear_error(places, monkeypatch, damage, says):
    files.mnist_like(places / "data/kmnist")
    whole = load("kmnist")
    x_train = whole.x_train.copy()
    damage(places / "cache/kmnist")
    with monkeypatch.context() as without:
        without.delenv("PCL_DATA_DIR")
        with pytest.raises(UsageError, match=rf"{says}.*get it with: python -m scripts.prepare_data kmnist"):
            load("kmnist")
    rebuilt = load("kmnist")
    assert rebuilt.version == whole.version
    np.testing.assert_array_equal(rebuilt.x_train, x_train)


def test_other_raw_files_replace_the_cache(places):
    files.mnist_like(places / "data/kmnist")
    first = load("kmnist").version
    x, y, *_ = files.mnist_like(places / "data/kmnist", each=4)
    found = load("kmnist")
    assert found.version != first
    assert pairs(found.x_train, found.y_train) == pairs(x, y)


def test_the_scale_of_a_cached_source_is_not_taken_from_its_cache(places):
    files.mnist_like(places / "data/kmnist")
    whole = load("kmnist")
    path = places / "cache/kmnist" / cache.ABOUT
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scale": 1.0, "num_classes": 11}))
    found = load("kmnist")
    assert (found.scale, found.num_classes, found.version) == (1 / 255, 10, whole.version)


def test_raw_files_of_equal_size_and_time_but_other_content_replace_the_cache(places):
    x, y, *_ = files.mnist_like(places / "data/kmnist")
    path = places / "data/kmnist/train-labels-idx1-ubyte.gz"
    # Stored without compression, files of equal shapes are of equal size.
    path.write_bytes(gzip.compress(gzip.decompress(files.idx(y)), 0, mtime=0))
    before, first = path.stat(), load("kmnist")
    path.write_bytes(gzip.compress(gzip.decompress(files.idx(9 - y)), 0, mtime=0))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    found = load("kmnist")
    assert found.version != first.version
    assert pairs(found.x_train, found.y_train) == pairs(x, 9 - y)


def test_a_killed_process_leaves_no_half_written_cache(places, monkeypatch):
    files.mnist_like(places / "data/kmnist")

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            load("kmnist")
    assert not list((places / "cache").iterdir())
    # One that had no time to clear what it wrote: the next one does, once nobody can be writing there.
    for left in (".kmnist.abc", ".kmnist.def", ".mnist.abc"):
        (places / "cache" / left).mkdir()
    for left in (".kmnist.abc", ".mnist.abc"):
        os.utime(places / "cache" / left, (0, 0))
    load("kmnist")
    assert sorted(path.name for path in (places / "cache").iterdir()) == [".kmnist.def", ".mnist.abc", "kmnist"]


@pytest.mark.slow
def test_processes_that_start_together_share_one_cache(places):
    files.mnist_like(places / "data/emnist", 47, "emnist-balanced-train", "emnist-balanced-test", each=100)
    code = "from pcl.streams.sources import load; print(load('emnist').version)"
    started = [subprocess.Popen((sys.executable, "-c", code), stdout=subprocess.PIPE, text=True) for _ in range(3)]
    versions = {process.communicate()[0] for process in started}
    assert versions == {f"{load('emnist').version}\n"}
    assert [path.name for path in (places / "cache").iterdir()] == ["emnist"]


def test_a_process_that_comes_second_takes_what_the_first_wrote(places, monkeypatch):
    files.mnist_like(places / "data/kmnist")
    rename = Path.rename

    def overtaken(path, target):
        if path.name == "new":
            shutil.copytree(path, target)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    assert load("kmnist").version == load("kmnist").version
    assert [path.name for path in (places / "cache").iterdir()] == ["kmnist"]


def test_a_cache_that_cannot_be_written_is_one_clear_error(places, monkeypatch):
    files.mnist_like(places / "data/kmnist")
    (places / "file").touch()
    monkeypatch.setenv("PCL_CACHE_DIR", str(places / "file"))
    with pytest.raises(UsageError, match=r"cache cannot be written .*; name another folder with PCL_CACHE_DIR"):
        load("kmnist")


def test_missing_data_say_where_they_were_looked_for_and_how_to_get_them(places, monkeypatch):
    missing = (
        rf"^source 'kmnist' is not on this machine: no {places}/data/kmnist/{KMNIST};"
        rf" nothing prepared in {places}/tfds/kmnist; get it with: python -m scripts.prepare_data kmnist$"
    )
    with pytest.raises(UsageError, match=missing):
        load("kmnist")
    monkeypatch.delenv("PCL_DATA_DIR")
    with pytest.raises(UsageError, match="neither --data_dir nor PCL_DATA_DIR is set; nothing prepared in"):
        load("kmnist")
    with pytest.raises(UsageError, match=r"is set; get it with: python -m scripts.prepare_data weather --data_dir="):
        load("weather")
    with pytest.raises(UsageError, match=r"machine: nothing prepared in .*/places; get it with"):
        datasets.load("places", datasets.SourceEntry("without raw files", (2,), 2, tfds_name="places"))


def test_a_folder_that_is_not_there_is_named_with_its_setting(places, monkeypatch):
    with pytest.raises(UsageError, match=r"^--data_dir=/none: no such folder"):
        use_data_dir("/none")
    monkeypatch.setenv("PCL_DATA_DIR", "/none")
    with pytest.raises(UsageError, match=r"^PCL_DATA_DIR=/none: no such folder"):
        load("mnist")
    files.mnist_like(places / "data/kmnist")
    use_data_dir(str(places / "data"))  # the flag goes before the environment
    load("kmnist")


def test_a_published_file_with_another_checksum_is_refused(places, monkeypatch):
    files.mnist_like(places / "data/kmnist")
    monkeypatch.setitem(KNOWN, f"kmnist/{KMNIST}", ("0" * 64,))
    with pytest.raises(UsageError, match=r"train-images.*: its sha256 is \w{12}…, that of the published file 0{12}…"):
        load("kmnist")


def rewritten(name, array):
    return lambda folder: (folder / name).write_bytes(files.idx(array))


NOT_KMNIST = [
    (rewritten(KMNIST, np.zeros((30, 8, 8))), r"training samples of shape \(8, 8\); expected \(28, 28\)"),
    (rewritten(KMNIST, np.zeros((29, 28, 28))), "29 training samples but 30 labels; .* do not belong together"),
    (rewritten("t10k-labels-idx1-ubyte.gz", np.arange(10) + 1), "test labels 1 to 10; expected 0 to 9"),
    (rewritten("train-labels-idx1-ubyte.gz", np.arange(30) % 9), "no training sample of class 9, 1 classes are"),
]


@pytest.mark.parametrize(("damage", "says"), NOT_KMNIST)
def test_files_that_are_not_the_data_set_are_refused_and_not_cached(places, damage, says):
    files.mnist_like(places / "data/kmnist")
    damage(places / "data/kmnist")
    with pytest.raises(UsageError, match=says):
        load("kmnist")
    assert not list((places / "cache").iterdir())


def test_a_prepared_data_set_that_cannot_be_read_is_one_clear_error(places, monkeypatch):
    monkeypatch.delenv("PCL_DATA_DIR")
    x, y = np.zeros((10, 28, 28), np.uint8), np.arange(10)
    folder = places / "tfds/kmnist/3.0.1"
    files.array_record(folder, (28, 28, 1), 10, {"train": (x, y), "test": (x, y)})
    record = folder / "kmnist-train.array_record-00000-of-00001"
    record.write_bytes(record.read_bytes()[:100])
    with pytest.raises(UsageError, match=r"kmnist/3.0.1: cannot be read \(.*; remove it and prepare it again"):
        load("kmnist")
    about = folder / "dataset_info.json"
    about.write_text(about.read_text().replace("array_record", "tfrecord"))
    for reader in (lambda: load("kmnist"), lambda: prepare("kmnist", "kmnist")):
        with pytest.raises(UsageError, match=r"prepared as tfrecord, which only TensorFlow reads; remove it and prep"):
            reader()
    folder.rename(folder.with_name("incomplete.ABC_3.0.1"))
    with pytest.raises(UsageError, match="nothing prepared in"):
        load("kmnist")


def test_a_source_in_time_order_has_nothing_to_probe():
    x, y = np.zeros((4, 2), np.float32), np.arange(4) % 2
    timed = from_arrays(x, y, x[:0], y[:0], scale=1.0)
    for probe_on in ("test", "validation"):
        with pytest.raises(UsageError, match="time order has no held-out samples to probe"):
            samples(timed, probe_on)


@pytest.mark.slow
def test_names_are_listed_without_loading_or_importing_anything():
    code = (
        "import sys\n"
        "from pcl.streams.sources import SOURCES\n"
        "assert len(SOURCES) == 11 and all(entry.summary for entry in SOURCES.values())\n"
        "assert not {'tensorflow', 'tensorflow_datasets', 'array_record', 'PIL', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run((sys.executable, "-c", code), check=True)
    with pytest.raises(UsageError, match="unknown source 'mnits'; known: cifar10, "):
        sources.source("mnits")
