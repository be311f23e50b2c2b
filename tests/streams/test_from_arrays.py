"""Arrays of anyone's own: labels of any kind are numbered, and what cannot be a source is one clear line."""

import re

import numpy as np
import pytest

from pcl import streams
from pcl.errors import UsageError
from pcl.fields import identity
from pcl.streams.sources import fewer, from_arrays, samples, source

X = np.arange(24, dtype=np.float32).reshape(8, 3)
Y = np.arange(8) % 2
NOTHING = X[:0], Y[:0]


def made(x=X, y=Y, x_test=X[:4], y_test=Y[:4], scale=1.0):
    return from_arrays(x, y, x_test, y_test, scale)


NAMED = [
    ([1, 2, 3, 4] * 2, (1, 2, 3, 4)),
    (np.asarray([-1, 1] * 4), (-1, 1)),
    (["cat", "ant"] * 4, ("ant", "cat")),
    (np.asarray(["cat", "ant"] * 4, object), ("ant", "cat")),
    (np.asarray([True, False] * 4), (False, True)),
    ([3.0, -2.0] * 4, (-2, 3)),
    (np.asarray([7, 250] * 4, np.uint8), (7, 250)),
    ([1.7e12, 1.7e12 + 1] * 4, (1_700_000_000_000, 1_700_000_000_001)),
]


@pytest.mark.parametrize(("y", "classes"), NAMED, ids=str)
def test_labels_are_numbered_in_their_order_and_their_names_are_kept(y, classes):
    found = made(y=y, y_test=y[:4])
    assert (found.classes, found.num_classes) == (classes, len(classes))
    assert found.y_train.dtype == found.y_test.dtype == np.int32
    assert [found.classes[number] for number in found.y_train] == list(y)
    assert [found.classes[number] for number in found.y_test] == list(y[:4])


def test_names_are_shown():
    text = repr(made(y=["no", "yes"] * 4, y_test=["no"] * 4))
    assert text.startswith("Source(8 training and 4 test samples of shape (3,), scale 1, version ")
    assert text.endswith(", 2 classes: 0='no', 1='yes')")
    assert repr(made()).endswith(", 2 classes: 0, 1)")


def test_names_do_not_change_the_version_and_scales_that_do_not_follow_from_the_samples_do():
    assert made().version == made(y=Y + 5, y_test=Y[:4] + 5).version
    assert made().version != made(scale=0.5).version
    images = np.asarray([[0, 16]] * 8, np.uint8)
    versions = {made(images, x_test=images[:4], scale=scale).version for scale in (1 / 16, 1 / 255, 1.0)}
    assert len(versions) == 3


def test_the_digits_keep_the_version_under_which_they_were_run():
    digits = source("digits")
    assert digits.version == "d5118355c03e1b7e"
    assert digits.classes == tuple(range(10))


def nan_at(array, *place):
    array = np.array(array, np.float64)
    array[place] = np.nan
    return array


REFUSED = [
    ({"y": [0, 0.5, 1, 1.5] * 2}, "y_train: label 0.5 of sample 1 is not a whole number"),
    ({"y": nan_at(Y, 3)}, "y_train: label nan of sample 3 is not a whole number"),
    ({"y": np.eye(2)[Y]}, "y_train: one-hot of shape (8, 2); expected one label per sample: y_train.argmax(1)"),
    ({"y_test": np.eye(2)[Y[:4]].tolist()}, "y_test: one-hot of shape (4, 2)"),
    ({"y": Y[:, None]}, "y_train: of shape (8, 1); expected one label per sample"),
    ({"y": 3}, "y_train: of shape (); expected one label per sample"),
    ({"y": ["a", 1] * 4}, "y_train: labels 'a' and 1 are not of one kind"),
    ({"y": ["a"] * 7 + [float("nan")]}, "y_train: labels 'a' and nan are not of one kind"),
    ({"y": [None] * 8}, "y_train: label None; expected integers"),
    ({"y": np.asarray(Y, "datetime64[D]")}, "y_train: labels of type datetime64[D]; expected integers"),
    ({"y": Y + 0j}, "y_train: labels of type complex128"),
    ({"y": [2**70] * 8}, "y_train: labels of type object"),
    ({"y": Y[:7]}, "x_train, y_train: 8 samples but 7 labels"),
    ({"y_test": Y[:3]}, "x_test, y_test: 4 samples but 3 labels"),
    ({"y_test": []}, "x_test, y_test: 4 samples but 0 labels"),
    ({"y_test": [0, 1, 2, 0]}, "y_test: no training sample has the label 2 of sample 2"),
    ({"y": ["a", "c"] * 4, "y_test": ["a", "b", "c", "d"]}, "y_test: no training sample has the label 'b' of sample 1"),
    ({"y_test": ["0", "1", "0", "1"]}, "y_test: strings, but y_train has integers"),
    (
        {"y": [0, 1, 0, 1, 0, 1, 0, 2]},
        "y_train: one sample has the label 2, which is never taught",
    ),
    ({"x": X[:0], "y": Y[:0]}, "x_train: empty; expected at least one sample"),
    ({"x": X[:, 0]}, "x_train: of shape (8,); expected [samples, features]"),
    ({"x": X[:, :0]}, "x_train: of shape (8, 0)"),
    ({"x": X.reshape(8, 1, 1, 1, 3)}, "x_train: of shape (8, 1, 1, 1, 3)"),
    ({"x": X.astype(object)}, "x_train: of type object; expected real numbers"),
    ({"x": X.astype(str)}, "x_train: of type <U32; expected real numbers"),
    ({"x": X + 1j}, "x_train: of type complex64"),
    ({"x": [[1, 2], [3]]}, "x_train: rows of different lengths"),
    ({"x_test": X[:4, :2]}, "x_test: samples of shape (2,); expected that of x_train, (3,)"),
    ({"x_test": nan_at(X[:4], 2, 1)}, "x_test: sample 2 holds NaN or an infinite value"),
    ({"x": np.where(X == 7, 1e39, X.astype(float))}, "x_train: sample 2 holds 1e+39; numbers beyond 4.6e+18"),
    ({"x": np.where(X == 7, -3e38, X)}, "x_train: sample 2 holds -3e+38; numbers beyond 4.6e+18"),
    ({"scale": 0.0}, "scale=0.0: expected a positive number"),
    ({"scale": float("nan")}, "scale=nan: expected a positive number"),
]


@pytest.mark.parametrize(("wrong", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_what_cannot_be_a_source_is_one_clear_line(wrong, says):
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        made(**wrong)
    assert "\n" not in str(caught.value)


def test_in_time_order_a_class_may_come_once():
    found = from_arrays(X, [0, 1, 0, 1, 0, 1, 0, 2], *NOTHING, 1.0)
    assert (found.num_classes, found.x_test.shape) == (3, (0, 3))
    assert from_arrays(X.tolist(), Y.tolist(), [], [], 1.0).x_test.shape == (0, 3)


def test_what_is_held_out_for_validation_is_finite():
    x = np.repeat(X, 5, axis=0)
    y = np.repeat(Y, 5)
    whole = samples(made(x, y), "validation")
    gap = np.flatnonzero((x == whole.probe_x[0]).all(1))
    spoilt = x.copy()
    spoilt[gap, 1] = np.inf
    left = samples(made(spoilt, y), "validation")
    assert len(whole.probe_x) == 8
    assert np.isfinite(left.probe_x).all()
    assert 0 < len(left.probe_x) < 8


def test_fewer_training_samples_are_a_share_of_each_class_and_nested():
    digits = source("digits")
    for probe_on in ("test", "validation"):
        whole = samples(digits, probe_on)
        assert fewer(whole, 0) is whole
        few, more = (fewer(whole, n) for n in (100, 300))
        counts = np.bincount(few.y)
        assert counts.sum() == 100
        assert counts.min() >= 9
        np.testing.assert_array_equal(few.probe_x, whole.probe_x)
        rows = [{(x.tobytes(), int(y)) for x, y in zip(one.x, one.y, strict=True)} for one in (few, more, whole)]
        assert rows[0] < rows[1] < rows[2]


@pytest.mark.parametrize(
    ("n", "says"),
    [
        (2000, "train_samples=2000: there are 1437; name at most as many"),
        (5, "train_samples=5: leaves classes without"),
    ],
)
def test_a_number_of_training_samples_that_cannot_be_is_refused(n, says):
    with pytest.raises(UsageError, match=says):
        fewer(samples(source("digits"), "test"), n)


@pytest.mark.parametrize(
    ("kind", "settings"), [("split", {}), ("contexts", {}), ("class_contexts", {}), ("recorded", {"source": "digits"})]
)
def test_streams_of_fewer_samples_hold_no_others(kind, settings):
    _, data = streams.make(kind, train_samples=50, **settings)
    assert len(data["x"]) == len(data["y"]) == 50
    with pytest.raises(UsageError, match="train_samples=3000: "):
        streams.make(kind, train_samples=3000, **settings)


def test_the_identity_of_a_run_on_all_samples_is_as_before_there_was_the_setting():
    config = streams.REGISTRY["split"].config
    assert "train_samples" not in identity(config)
    assert identity(config.replace(train_samples=50))["train_samples"] == 50
