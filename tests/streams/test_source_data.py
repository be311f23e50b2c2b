"""The real files, where they are: counts, contents by an independent reading, versions, speed."""

import gzip
import hashlib
import io
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from pcl.streams.sources import cifar10

pytestmark = pytest.mark.slow

MNIST = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
# Shapes, training samples of each class, and the version: it changes only if every run on it is to be run again.
FACTS = {
    "mnist": ((60000, 28, 28), (10000, 28, 28), MNIST, "5330326fdf49e244"),
    "fashion_mnist": ((60000, 28, 28), (10000, 28, 28), [6000] * 10, "edb94e69750cee2f"),
    "cifar10": ((50000, 32, 32, 3), (10000, 32, 32, 3), [5000] * 10, "261e42194afd739b"),
    "cifar100": ((50000, 32, 32, 3), (10000, 32, 32, 3), [500] * 100, "edfd1e07a57371a9"),
    "omniglot": ((24345, 32, 32), (8115, 32, 32), [15] * 1623, "c1080c58864cde49"),
    "electricity": ((45312, 6), (0, 6), [26075, 19237], "a46eb210a4375f40"),
    "weather": ((18159, 8), (0, 8), [12461, 5698], "b5d9d3e2411c7744"),
    "outdoor": ((4000, 21), (0, 21), [100] * 40, "fd84c7f0b6f1aa81"),
}


@pytest.mark.parametrize("name", FACTS)
def test_real_data_have_their_published_counts_and_one_version(real, name):
    found = real(name)
    train_shape, test_shape, counts, version = FACTS[name]
    assert (found.x_train.shape, found.x_test.shape) == (train_shape, test_shape)
    assert np.bincount(found.y_train).tolist() == counts
    assert found.num_classes == len(counts)
    assert found.version == version
    if found.x_train.dtype == np.uint8:
        assert found.x_train[:5000].max() * found.scale == 1.0
        assert np.ptp(np.bincount(found.y_test, minlength=found.num_classes)) <= 250


@pytest.mark.parametrize("name", FACTS)
def test_a_cached_source_opens_at_once(real, name):
    real(name)
    start = time.process_time()
    real(name)
    assert time.process_time() - start < 0.5  # to verify all of it: 0.24 s for the largest; to make it takes seconds


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_idx_images_keep_their_labels(raw_folder, real, name):
    found = real(name)
    images, labels = (gzip.decompress((raw_folder / name / f"t10k-{kind}-ubyte.gz").read_bytes())
                      for kind in ("images-idx3", "labels-idx1"))  # fmt: skip
    expected = sorted((images[16 + 784 * i : 16 + 784 * (i + 1)], labels[8 + i]) for i in range(10000))
    assert sorted((x.tobytes(), int(y)) for x, y in zip(found.x_test, found.y_test, strict=True)) == expected


def test_cifar_images_keep_their_labels(raw_folder, real):
    found = real("cifar10")
    label = {x.tobytes(): int(y) for x, y in zip(found.x_test, found.y_test, strict=True)}
    with zipfile.ZipFile(raw_folder / "cifar10/test_images.zip") as archive:
        sheet = np.asarray(Image.open(io.BytesIO(archive.read("sheet_03.webp"))))
    tiles = [sheet[32 * (i // 40) : 32 * (i // 40 + 1), 32 * (i % 40) : 32 * (i % 40 + 1)] for i in range(1000)]
    expected = np.load(raw_folder / "cifar10/labels.npz")["y_test"][3000:4000].tolist()
    assert [label[tile.tobytes()] for tile in tiles] == expected


def test_cifar100_images_and_labels_are_those_of_the_published_binary_file(raw_folder, real):
    """A row of the file: coarse label, fine label, red, green and blue pixels; its md5 is that of its publisher."""
    real("cifar100")
    archive = np.load(raw_folder / "cifar100/labels.npz")
    x = cifar10.read_sheets(raw_folder / "cifar100/test_images.zip", (500, 1))
    labels = np.stack([archive["coarse_test"], archive["y_test"]], 1).astype(np.uint8)
    rows = np.concatenate([labels, x.transpose(0, 3, 1, 2).reshape(len(x), -1)], 1)
    assert hashlib.md5(rows.tobytes()).hexdigest() == "4499cfba6c016c1be1438163640a0898"
    found = real("cifar100")
    images = {tile.tobytes() for tile in x[archive["y_test"] == 7]}
    assert {image.tobytes() for image in found.x_test[found.y_test == 7]} == images


def test_omniglot_characters_keep_their_numbers(raw_folder, real):
    found = real("omniglot")
    with zipfile.ZipFile(raw_folder / "omniglot/images_evaluation.zip") as archive:
        names = [name for name in archive.namelist() if "/ULOG/character26/" in name]
        ink = [1 - np.asarray(Image.open(io.BytesIO(archive.read(name)))).mean() for name in names]
    last = np.concatenate([found.x_train[found.y_train == 1622], found.x_test[found.y_test == 1622]])
    np.testing.assert_allclose(np.sort(last.mean((1, 2)) / 255), np.sort(ink), atol=0.002)


@pytest.mark.parametrize(("name", "rate"), [("electricity", 0.8533), ("weather", 0.680), ("outdoor", 0.9)])
def test_streams_keep_their_order(real, name, rate):
    """Repeating the last label is right as often as published (Electricity) or documented."""
    y = real(name).y_train
    assert np.mean(y[1:] == y[:-1]) == pytest.approx(rate, abs=0.003)


def test_streams_hold_the_first_and_last_rows_of_their_files(real):
    found = real("electricity")
    first = [0.0, 0.056443, 0.439155, 0.003467, 0.422915, 0.414912]
    last = [1.0, 0.050679, 0.288753, 0.003542, 0.355256, 0.23114]
    np.testing.assert_allclose(found.x_train[[0, -1]], [first, last], rtol=1e-5)
    assert found.y_train[[0, -1]].tolist() == [1, 0]
