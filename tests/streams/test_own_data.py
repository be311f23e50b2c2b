"""Data of one's own: the same samples come out of every kind of file, and streams over them are as those built in."""

import re
import shutil
from pathlib import Path

import jax
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from absl import flags
from PIL import Image

from pcl import experiment, streams
from pcl.cli import run
from pcl.cli.listing import description, listing
from pcl.cli.own import experiment_of
from pcl.command import parsed
from pcl.errors import UsageError
from pcl.fields import fields
from pcl.runner.sweep import published
from pcl.streams import sources, split
from pcl.streams.sources import from_arrays, from_dataframe, from_file, from_huggingface

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
N = 60
LENGTH, WIDTH = RNG.normal(size=N).round(3), RNG.integers(0, 2000, N)
KIND = np.asarray(["setosa", "virginica", "adriatica"])[np.arange(N) % 3]
NUMBER = np.unique(KIND, return_inverse=True)[1]
PLACE = np.asarray(["s2", "s10", "s1", "s3"])[np.arange(N) // 15]
COLUMNS = {"length": LENGTH, "width": WIDTH, "place": PLACE, "kind": KIND}


def forget(name):
    del sources.SOURCES[name]
    experiment.OUTSIDE.pop(name, None)
    sources.source.cache_clear()


@pytest.fixture(autouse=True)
def _no_sources_left():
    yield
    for name in [name for name, entry in sources.SOURCES.items() if entry.made]:
        forget(name)


@pytest.fixture
def csv(tmp_path):
    pyarrow.csv.write_csv(pa.table(COLUMNS), tmp_path / "iris.csv")
    return tmp_path / "iris.csv"


def everything(source):
    """All samples of a source, training before test."""
    return np.concatenate([source.x_train, source.x_test]), np.concatenate([source.y_train, source.y_test])


def test_a_table_becomes_features_labels_and_a_fifth_of_each_class_held_out(csv):
    found = from_file(csv, drop="place")
    assert found.classes == ("adriatica", "setosa", "virginica")
    assert found.own_units
    np.testing.assert_array_equal(np.bincount(found.y_train), [16, 16, 16])
    np.testing.assert_array_equal(np.bincount(found.y_test), [4, 4, 4])
    rows = {tuple(row) for row in np.stack([LENGTH, WIDTH, NUMBER], 1).astype(np.float32).tolist()}
    x, y = everything(found)
    assert {tuple(row) for row in np.column_stack([x, y]).astype(np.float32).tolist()} == rows
    # Training rows keep the order of the file.
    places = [int(np.flatnonzero((LENGTH.astype(np.float32) == a) & (b == WIDTH))[0]) for a, b in found.x_train]
    assert places == sorted(places)
    assert from_file(csv, drop="place").version == found.version
    assert len(from_file(csv, drop="place", test_share=0.5).y_test) == 30


def test_texts_are_one_hot_and_times_and_truth_values_are_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("day,yes,colour,label\n1970-01-02,true,red,1\n1970-01-03,false, blue ,0\n")
    found = from_file(tmp_path / "a.csv", test_share=0.0)
    np.testing.assert_array_equal(found.x_train, [[1, 1, 0, 1], [2, 0, 1, 0]])
    assert found.y_train.tolist() == [1, 0]


DIALECTS = [
    ("length;width;kind\n1,5;2;b\n-1,0;3;a\n", {"separator": "semicolon", "decimal": "comma"}),
    ("1.5,2,b\n-1,3,a\n", {"header": "no"}),
    ("1.5\t2\tb\n-1\t3\ta\n", {"header": "no", "separator": "tab"}),
    ("\ufefflength, width, kind\r\n1.5, 2, b\r\n-1, 3, a\r\n", {}),
    ('"length","width","kind"\n"1.5","2","b"\n"-1","3","a"\n', {}),
    ("kind,length,width\nb,1.5,2\na,-1,3\n", {"label": "kind"}),
    ("b,1.5,2\na,-1,3\n", {"header": "no", "label": "0"}),
    ("length,9,kind\n1.5,2,b\n-1,3,a\n", {"header": "yes"}),
]


@pytest.mark.parametrize(("text", "options"), DIALECTS, ids=[text[:20] for text, _ in DIALECTS])
def test_dialects_of_plain_text_hold_the_same_samples(tmp_path, text, options):
    (tmp_path / "a.csv").write_text(text)
    found = from_file(tmp_path / "a.csv", test_share=0.0, **options)
    np.testing.assert_array_equal(found.x_train, [[1.5, 2], [-1, 3]])
    assert (found.classes, found.y_train.tolist()) == (("a", "b"), [1, 0])


def test_every_kind_of_file_and_frame_gives_the_same_source(tmp_path, csv):
    table = pa.table(COLUMNS)
    pq.write_table(table, tmp_path / "a.parquet")
    numbers = "\n".join(f"{a},{b},{c},{d}" for a, b, c, d in zip(LENGTH, WIDTH, PLACE, KIND, strict=True))
    (tmp_path / "a.arff").write_text(
        "@relation irises\n@attribute length numeric\n@attribute width numeric\n@attribute place {s1,s2,s3,s10}\n"
        f"@attribute kind {{setosa,virginica,adriatica}}\n@data\n{numbers}\n"
    )
    known = from_file(csv)
    assert known.x_train.shape == (48, 6)  # two numbers, and one of four places
    for found in (from_file(tmp_path / "a.parquet"), from_file(tmp_path / "a.arff"), from_dataframe(table)):
        assert (found.version, found.classes) == (known.version, known.classes)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_of_a_library_give_the_same_source(csv, library):
    frame = pytest.importorskip(library).read_csv(csv)
    assert from_dataframe(frame).version == from_file(csv).version
    if library == "pandas":
        shuffled = frame.iloc[np.random.default_rng(1).permutation(N)]  # its index is no feature
        assert from_dataframe(shuffled).x_train.shape == (48, 6)


def test_the_test_is_what_a_column_or_another_file_says(tmp_path, csv):
    held = np.arange(N) % 5 == 0
    for name, values in {"text": np.where(held, "Test", "train"), "truth": held, "number": held.astype(int)}.items():
        pq.write_table(pa.table({"part": values} | COLUMNS), tmp_path / f"{name}.parquet")
        found = from_file(tmp_path / f"{name}.parquet", test="part", drop="place")
        np.testing.assert_array_equal(found.x_test[:, 1], WIDTH[held])
        np.testing.assert_array_equal(found.x_train[:, 1], WIDTH[~held])
        assert found.x_test.shape[1] == 2  # the column itself is no feature
    whole = pa.table(COLUMNS)
    pyarrow.csv.write_csv(whole.filter(~held), tmp_path / "train.csv")
    pyarrow.csv.write_csv(whole.filter(held), tmp_path / "test.csv")
    assert from_file(tmp_path / "train.csv", test_file="test.csv", drop="place").version == found.version


def gappy(tmp_path):
    rows = [f"{'' if i in (0, 7) else i},{i % 7},{'ab'[i % 2]}" for i in range(20)]
    (tmp_path / "gaps.csv").write_text("\n".join(["u,v,kind", *rows]))
    return tmp_path / "gaps.csv"


def test_missing_values_are_refused_skipped_or_masked(tmp_path):
    path = gappy(tmp_path)
    with pytest.raises(UsageError, match="2 of 20 rows lack a value, first row 1 in column 'u'"):
        from_file(path)
    timed = from_file(path, missing="skip", test_share=0.0)
    assert np.flatnonzero(np.isnan(timed.x_train).any(1)).tolist() == [0, 7]
    skipped = from_file(path, missing="skip", test_share=0.5)
    assert np.isfinite(skipped.x_test).all()
    assert len(skipped.x_test) == 10 - (2 - np.isnan(skipped.x_train).any(1).sum())
    masked = from_file(path, missing="mask", test_share=0.0)
    mean = np.mean([i for i in range(20) if i not in (0, 7)])
    np.testing.assert_allclose(masked.x_train[[0, 7]], [[mean, 0, 1], [mean, 0, 1]], rtol=1e-6)
    np.testing.assert_array_equal(masked.x_train[1], [1, 1, 0])


def test_a_masked_value_is_the_mean_of_training_rows_alone(tmp_path):
    (tmp_path / "a.csv").write_text("u,part,label\n1,train,0\n3,train,1\n,train,0\n5,train,1\n100,test,0\n,test,1\n")
    found = from_file(tmp_path / "a.csv", test="part", missing="mask")
    np.testing.assert_array_equal(found.x_test, [[100, 0], [3, 1]])


def test_arrays_in_a_file_may_come_with_their_own_test_and_columns(tmp_path):
    x = RNG.integers(0, 256, (N, 4, 5), np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=KIND, place=PLACE)
    found = from_file(tmp_path / "a.npz", session="place", test_share=0.0)
    np.testing.assert_array_equal(found.x_train, x)
    assert (found.scale, found.own_units) == (1 / 255, False)
    assert found.sessions.names == ("s2", "s10", "s1", "s3")  # as they first appear
    np.testing.assert_array_equal(found.sessions.train, np.arange(N) // 15)
    np.savez(tmp_path / "b.npz", x_train=x[:40], y_train=KIND[:40], x_test=x[40:], y_test=KIND[40:])
    found = from_file(tmp_path / "b.npz")
    np.testing.assert_array_equal(found.x_test, x[40:])
    np.testing.assert_array_equal([found.classes[i] for i in found.y_test], KIND[40:])


def test_gaps_in_arrays_are_skipped_or_masked(tmp_path):
    x = RNG.normal(size=(10, 2))
    x[3, 1] = np.nan
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(10) % 2)
    assert np.isnan(from_file(tmp_path / "a.npz", missing="skip", test_share=0.0).x_train[3, 1])
    masked = from_file(tmp_path / "a.npz", missing="mask", test_share=0.0).x_train
    np.testing.assert_allclose(masked[3], [x[3, 0], np.nanmean(x[:, 1]), 1])
    assert masked.shape == (10, 3)


def test_a_folder_of_images_has_a_folder_a_class_and_one_a_session(tmp_path):
    pixels = RNG.integers(0, 256, (12, 4, 5), np.uint8)
    for i, image in enumerate(pixels):
        folder = tmp_path / f"set/s{10 if i >= 6 else 2}" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{i}.png")
    found = from_file(tmp_path / "set", session="0", test_share=0.0)
    assert (found.classes, found.sessions.names) == (("a", "b"), ("s2", "s10"))
    order = [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]
    np.testing.assert_array_equal(found.x_train, pixels[order])
    np.testing.assert_array_equal(found.y_train, np.asarray(order) % 2)
    np.testing.assert_array_equal(found.sessions.train, [0] * 6 + [1] * 6)
    (tmp_path / "set/s2").rename(tmp_path / "set/train")
    (tmp_path / "set/s10").rename(tmp_path / "set/test")
    np.testing.assert_array_equal(from_file(tmp_path / "set", test="0").x_test, pixels[order[6:]])
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "set/train/a/0.png")
    assert from_file(tmp_path / "set", size=6, test_share=0.0).x_train.shape == (12, 6, 6, 3)


@pytest.mark.slow
def test_a_data_set_of_hugging_face_keeps_its_images_splits_and_names():
    datasets = pytest.importorskip("datasets")
    pixels = RNG.integers(0, 256, (8, 4, 4), np.uint8)
    columns = {"image": [Image.fromarray(image) for image in pixels], "label": [0, 1] * 4}
    about = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "ant"])})
    whole = datasets.Dataset.from_dict(columns, features=about)
    found = from_huggingface(datasets.DatasetDict(train=whole.select(range(6)), test=whole.select([6, 7])))
    np.testing.assert_array_equal(found.x_train, pixels[:6])
    np.testing.assert_array_equal(found.x_test, pixels[6:])
    assert [found.classes[i] for i in found.y_test] == ["cat", "ant"]
    table = datasets.Dataset.from_dict({name: list(values) for name, values in COLUMNS.items()})
    assert from_huggingface(table).version == from_dataframe(pa.table(COLUMNS)).version


def test_a_share_of_arrays_is_held_out_by_class_and_session():
    x, session = np.arange(80.0).reshape(40, 2), np.arange(40) // 20
    found = from_arrays(x, np.arange(40) % 2, session=session, test_share=0.2)
    for of_class in (0, 1):
        for of_session in (0, 1):
            assert ((found.y_test == of_class) & (found.sessions.test == of_session)).sum() == 2
    assert found.version != from_arrays(x, np.arange(40) % 2, test_share=0.2).version


def observed(config, source):
    stream, data = split.make(config, source, "test")
    schedule = jax.jit(stream.schedule)(jax.random.key(3), data)
    batches = jax.vmap(lambda step: stream.observe(schedule.world, step, data))(schedule.step)
    last = jax.tree.map(lambda leaf: leaf[-1], schedule.step)
    return stream, schedule, batches, stream.probe(schedule.world, last, data, None)


@pytest.mark.slow
def test_sessions_arrive_in_order_with_all_classes_and_are_scored_each(csv):
    source = from_file(csv, session="place")
    config = split.Split(content="sessions", order="natural", batch=4)
    stream, schedule, batches, (probe, group) = observed(config, source)
    valid = np.asarray(batches.valid)
    assert valid.sum() == 48
    np.testing.assert_array_equal(np.asarray(batches.task)[valid], np.repeat(np.arange(4), 12))
    for task in range(4):
        assert set(np.asarray(batches.y)[valid & (np.asarray(batches.task) == task)].tolist()) == {0, 1, 2}
    assert stream.task_ends == (3, 6, 9, 12)
    assert np.asarray(schedule.layout.group_task).tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(np.bincount(group), [3, 3, 3, 3])
    np.testing.assert_array_equal(probe.task, group)
    drawn = observed(split.Split(content="sessions", batch=4), source)[1].layout.group_task
    assert sorted(np.asarray(drawn).tolist()) == [0, 1, 2, 3] != np.asarray(drawn).tolist()


def test_held_out_sessions_that_never_arrive_are_scored_by_class(tmp_path):
    pq.write_table(pa.table(COLUMNS | {"part": np.where(PLACE == "s3", "test", "train")}), tmp_path / "a.parquet")
    source = from_file(tmp_path / "a.parquet", session="place", test="part", label="kind")
    assert source.sessions.test is None
    assert source.sessions.names == ("s2", "s10", "s1")
    stream, schedule, _, (_, group) = observed(split.Split(content="sessions", batch=5), source)
    assert np.asarray(schedule.layout.group_task).tolist() == [0, 0, 0]
    assert stream.task_ends == (stream.steps,)
    np.testing.assert_array_equal(np.bincount(group), [5, 5, 5])


def test_a_source_without_sessions_and_settings_that_do_not_fit_them_are_refused(csv):
    with pytest.raises(UsageError, match="content=sessions: digits does not say in which session"):
        split.make(split.Split(content="sessions"), from_file(csv), "test")
    with pytest.raises(UsageError, match="scenario=domain: tasks of sessions share all classes"):
        split.make(split.Split(content="sessions", scenario="domain"), from_file(csv, session="place"), "test")


def test_each_feature_of_a_table_is_standardised_by_what_has_arrived_of_it(csv):
    _, _, batches, _ = observed(split.Split(order="iid", classes_per_task=1, batch=1), from_file(csv, drop="place"))
    rows = np.asarray(batches.x)[:, 0]
    np.testing.assert_allclose(rows[0], 0, atol=1e-6)
    source = from_file(csv, drop="place")
    train = source.x_train.astype(np.float64)
    last = rows[-1] * train.std(0) + train.mean(0)
    assert abs(train - last).max(1).min() < 1e-2  # after all rows, the moments are those of the training rows
    pixels = from_file(csv, drop="place", standardise="pixels")
    assert pixels.version != source.version
    assert abs(np.asarray(observed(split.Split(order="iid", classes_per_task=1, batch=1), pixels)[2].x)[-1, 0, 0]) < 1.5


@pytest.mark.parametrize("kind", ["contexts", "class_contexts", "load"])
def test_streams_that_standardise_all_inputs_together_take_pixels_alone(csv, kind):
    settings = {"groups": 2, "pairs": 20} if kind == "load" else {"contexts": 2}
    settings |= {"classes_per_task": 1} if kind == "class_contexts" else {}
    sources.register(from_file(csv), name="mine")
    with pytest.raises(UsageError, match=r"source=mine: its features have units of their own.*standardise=pixels"):
        streams.make(kind, source="mine", **settings)
    sources.register(from_file(csv, standardise="pixels"), name="mine")
    streams.make(kind, source="mine", **settings)


def runs_of(path, options="label=kind"):
    made = experiment_of(str(path), options)
    ids = [run.run_id for run in published(made, ["ncm"])]
    forget(made.name)
    return ids


def test_runs_are_told_apart_by_the_content_of_the_file_and_not_by_its_place(csv, tmp_path):
    ids = runs_of(csv)
    (tmp_path / "other").mkdir()
    moved = shutil.copy(csv, tmp_path / "other")
    assert runs_of(moved) == ids
    changed = csv.read_text().replace(str(LENGTH[0]), "7.5", 1)
    Path(moved).write_text(changed)
    assert not set(runs_of(moved)) & set(ids)


STREAMS = [
    ("label=kind", {"split_iris", "split_iris_iid"}),
    ("label=kind,session=place", {"split_iris", "split_iris_iid", "sessions_iris"}),
    ("label=kind,test_share=0,name=Flowers of 1936", {"recorded_flowers_of_1936"}),
]


@pytest.mark.parametrize(("options", "expected"), STREAMS)
def test_the_experiment_on_a_file_has_the_streams_that_its_samples_allow(csv, options, expected):
    made = experiment_of(str(csv), options)
    assert set(made.streams) == expected
    assert experiment.load_experiment(made.name) is made
    for run_ in published(made, ["ncm"]):
        stream, _ = streams.configured(run_.stream_kind, run_.stream)
        assert stream.steps > 0


@pytest.mark.parametrize(("classes", "together"), [(2, 1), (3, 1), (4, 2), (9, 3), (10, 2), (25, 5)])
def test_tasks_hold_the_fewest_classes_above_one_that_divide_them(tmp_path, classes, together):
    np.savez(tmp_path / "a.npz", x=np.ones((4 * classes, 2)), y=np.arange(4 * classes) % classes)
    assert experiment_of(str(tmp_path / "a.npz"), "").streams["split_a"].settings["classes_per_task"] == together


def test_a_name_that_is_taken_is_refused(csv):
    for name in ("digits", "split_digits"):
        with pytest.raises(UsageError, match=f"the name '{name}' is taken; add --source_options=name={name}_2"):
            experiment_of(str(csv), f"name={name}")
    with pytest.raises(UsageError, match="there is a source 'digits' already"):
        sources.register(from_file(csv), name="digits")
    sources.register(from_file(csv), name="mine")
    sources.register(from_file(csv, drop="place"), name="mine")
    assert sources.source("mine").x_train.shape == (48, 2)


@pytest.fixture
def asked():
    """What a command line asks for."""

    def ask(line):
        flags.FLAGS.unparse_flags()
        for name in flags.FLAGS:
            flags.FLAGS[name].unparse()
        parsed(line.split())
        try:
            return run.asked()
        finally:
            if "iris" in sources.SOURCES:
                forget("iris")

    yield ask
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()


def test_the_page_on_own_data_does_what_it_says(tmp_path, monkeypatch, asked):
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/own_data.md").read_text()
    example, frames, mapped = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(example, "own_data.md", "exec"), {})
    commands = re.findall(r"^pcl --.*$", page, re.MULTILINE)
    assert [len(asked(command)[1]) for command in commands[:-1]] == [12, 3, 2, 3]
    names = {"labels": np.arange(10) % 2, "x_test": np.zeros((4, 3), np.uint8), "y_test": np.arange(4) % 2}
    np.save("images.npy", np.arange(30, dtype=np.uint8).reshape(10, 3))
    exec(
        compile(frames + mapped.replace('feed="host"', 'feed="host", classes_per_task=1'), "own_data.md", "exec"), names
    )
    assert isinstance(sources.source("images").x_train.base, np.memmap)
    assert {option.strip("`=") for option in re.findall(r"`[a-z_]+=", page)} - {"name", "probe_on"} <= set(
        fields(sources.own.Options)
    )


def test_the_listing_and_descriptions_hold_what_a_file_brought(csv):
    experiment_of(str(csv), "label=kind")
    lines = listing().splitlines()
    assert sum(line.split()[:1] == ["iris"] and "60 samples of 6 features, 3 classes, 12 held out" in line
               for line in lines) == 2  # as experiment and as source  # fmt: skip
    assert "0='adriatica', 1='setosa', 2='virginica'" in description("iris")
    page = description("source_options")
    assert all(re.search(rf"^{name} ", page, re.MULTILINE) for name in fields(sources.own.Options))
    assert re.search(r"^missing +refuse +refuse, skip, mask ", page, re.MULTILINE)


def test_options_without_a_file_are_refused(asked):
    with pytest.raises(UsageError, match="--source_options needs a file: name it with --source_file"):
        asked("pcl --experiment=split_digits --source_options=label=y")
