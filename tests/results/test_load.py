"""The results as one table: it holds what the records give, says what is bad, and computes nothing twice."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pcl import results
from pcl.errors import NoResults, UsageError
from pcl.evaluation.catalogue import METRICS
from pcl.evaluation.summary import logged, measure
from pcl.results import columns, frames, measured
from pcl.results.measured import every
from pcl.runner.store import Store

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PCL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def digits():
    return {record["run_id"]: record for record in Store(RESULTS, "split_digits").records()}


@pytest.fixture(scope="module")
def small(digits, tmp_path_factory):
    """Seed 0 of three learners on all streams."""
    store = Store(tmp_path_factory.mktemp("small"), "split_digits")
    store.require_writable()
    store.write([r for r in digits.values() if r["seed"] == 0 and r["learner"] in ("ncm", "pcn", "backprop")])
    return store.folder.parent, {record["run_id"]: record for record in store.records()}


def loaded(*arguments, **more):
    return results.load(*arguments, frame="arrow", **more)


@pytest.fixture
def spoilt(tmp_path, digits):
    """Two parts of an experiment: seeds 0 of two learners, and a part of which one bit has changed."""
    store = Store(tmp_path / "results", "split_digits")
    store.require_writable()
    some = [r for r in digits.values() if r["stream"] == "split_digits" and r["learner"] in ("ncm", "pcn")]
    store.write([r for r in some if r["seed"] == 0])
    part = store.write([r for r in some if r["seed"] == 1])
    data = bytearray(part.read_bytes())
    data[100] ^= 1
    part.write_bytes(data)
    return tmp_path / "results", part


def test_every_run_is_a_row_with_its_metrics_settings_cost_and_provenance(small):
    folder, runs = small
    table = loaded(folder, "split_digits")
    assert set(results.schema()) <= set(table.column_names)
    rows = {row["run_id"]: row for row in table.to_pylist()}
    assert rows.keys() == runs.keys()
    for run_id, record in runs.items():
        row, config = rows[run_id], json.loads(record["config"])
        expected = {name: value for name, value in measure(record).items() if not METRICS[name].curve}
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=0, abs=0, nan_ok=True)
        assert (row["seed"], row["status"], row["commit"]) == (record["seed"], "ok", record["provenance"]["commit"])
        assert row["stream.passes"] == config["stream"]["passes"]
        assert row["learner.name"] == config["learner"]["name"]
        assert (row["data"], row["probe_on"]) == (config["data"], "test")
    assert "stream.source" not in table.column_names  # that does not vary
    assert np.isnan(table["revisit_acc"].to_numpy()).all()  # which no stream of it defines


def test_documents_name_the_columns_that_there_are():
    """The first and third paragraph of the list name every column that is no metric and no setting."""
    which, made = (re.search(rf"{title}(.*?)\n  (?:settings|metrics)", results.__doc__, re.S).group(1)
                   for title in ("which run", "how made"))  # fmt: skip
    assert re.findall(r"`(\w+)`", which) == list(columns.RUN)
    assert re.findall(r"`(\w+)`", made) == list(columns.MADE)
    of_runs = [name for name, metric in METRICS.items() if not metric.curve and not metric.beside]
    assert list(results.schema()) == [*columns.RUN, *columns.MADE, *of_runs]
    assert all(column.meaning for column in results.schema().values())


@pytest.mark.slow
def test_every_metric_that_a_run_may_have_is_found_in_some_record():
    """And none that the catalogue says only runs beside others have."""
    found = set()
    for experiment, most in {
        "contexts": 10,
        "recurring_contexts": 25,
        "split_digits": 5,
        "load": 3,
        "thousand": 1,
    }.items():
        for record in Store(RESULTS, experiment).records()[::7][:most]:
            found |= {name for name, value in every(record).items() if not np.isnan(value)}
    known = {name for name, metric in METRICS.items() if not metric.curve and not metric.beside}
    assert not {name for name in found if METRICS.get(name) and (METRICS[name].beside or METRICS[name].curve)}
    assert known - found <= {"acc_100", "acc_200", "acc_400", "acc_600", "acc_1000", "acc_1623"}


def test_a_bad_part_is_named_and_the_rest_is_shown(spoilt, capsys):
    folder, part = spoilt
    table = loaded(folder)
    assert sorted(table["learner"].to_pylist()) == ["ncm", "pcn"]
    assert f"{part.name} cannot be read (its bytes are not those that were written)" in capsys.readouterr().err
    for good in folder.glob("*/part-*"):
        if good != part:
            good.unlink()
    with pytest.raises(NoResults, match="no part below"):
        loaded(folder)


def test_what_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(UsageError, match=r"no results in .*nowhere: name the folder"):
        loaded(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no results in"):
        loaded(tmp_path / "empty")
    with pytest.raises(UsageError, match=r"unknown experiment below .*'split_digit'; known: .*split_digits"):
        loaded(RESULTS, "split_digit")
    with pytest.raises(UsageError, match=r"unknown curve of load 'energi'; known: acc,.* prequential_acc"):
        results.curves(RESULTS, "load", "energi", frame="arrow")


def test_a_library_that_is_missing_is_named_and_the_first_that_is_there_is_taken(monkeypatch):
    there = {"polars"}
    monkeypatch.setattr(frames.importlib.util, "find_spec", lambda name: name if name in there else None)
    assert frames.kind_of(None) == "polars"
    there.clear()
    assert frames.kind_of(None) == "arrow"
    with pytest.raises(UsageError, match="pandas is not installed; `pip install pandas`, or ask for frame='arrow'"):
        frames.kind_of("pandas")
    with pytest.raises(UsageError, match="unknown frame 'excel'"):
        frames.kind_of("excel")


@pytest.mark.slow
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_of_a_library_holds_the_same(library):
    pytest.importorskip(library)
    frame, table = results.load(RESULTS, "load", frame=library), loaded(RESULTS, "load")
    assert list(frame.columns) == table.column_names
    assert frame["bits_held"].to_list() == table["bits_held"].to_pylist()


def test_what_was_measured_is_kept_and_what_is_damaged_is_measured_again(spoilt, cache, monkeypatch):
    folder, _ = spoilt
    first = repr(loaded(folder).to_pydict())
    (kept,) = cache.rglob("*.parquet")
    with monkeypatch.context() as context:
        context.setattr(measured, "every", lambda record: pytest.fail("measured twice"))
        assert repr(loaded(folder).to_pydict()) == first
    kept.write_bytes(kept.read_bytes()[:-9])
    assert repr(loaded(folder).to_pydict()) == first
    assert kept.stat().st_size > 1000
    with monkeypatch.context() as context:  # of another code
        context.setattr(measured, "_code", lambda: "another")
        context.setattr(measured, "every", lambda record: {"acc": 1.0})
        assert loaded(folder)["acc"].to_pylist() == [1.0, 1.0]


def test_a_run_that_lacks_what_metrics_need_is_named_and_stays_a_row(tmp_path, digits, capsys, cache):
    one = next(iter(digits.values())) | {"hits": None}
    Store(tmp_path, "odd").require_writable()
    Store(tmp_path, "odd").write([one])
    table = loaded(tmp_path, "odd")
    assert table["run_id"].to_pylist() == [one["run_id"]]
    assert np.isnan(table["acc"].to_numpy()).all()
    assert f"1 runs lack what metrics need, as {one['run_id']}" in capsys.readouterr().err
    assert not list(cache.rglob("*.parquet"))


def test_curves_have_a_row_a_run_and_step_and_end_where_the_metrics_do(small):
    folder, digits = small
    acc = results.curves(folder, "split_digits", "acc", frame="arrow").to_pylist()
    last = {row["run_id"]: row["acc"] for row in acc}  # by step
    assert last == pytest.approx({run_id: measure(record)["acc"] for run_id, record in digits.items()})
    assert len(acc) == sum(len(record["probe_steps"]) for record in digits.values())
    tasks = results.curves(folder, "split_digits", "task_acc", frame="arrow")
    assert tasks.column_names[-6:] == ["step", *(f"task_acc_{n}" for n in range(1, 6))]
    steps = results.curves(folder, "split_digits", "inference_steps", frame="arrow").to_pylist()
    record = digits[steps[0]["run_id"]]
    mine = [row["inference_steps"] for row in steps if row["run_id"] == record["run_id"]]
    assert np.nansum(np.multiply(mine, record["taught"])) / np.sum(record["taught"]) == pytest.approx(
        logged(record)["inference_steps"]
    )
    assert {row["learner"] for row in steps} == {
        r["learner"] for r in digits.values() if "inference_steps" in r["logged"]
    }


def test_runs_without_probes_have_no_rows_of_them():
    assert results.curves(RESULTS, "electricity", "acc", frame="arrow").num_rows == 0
    assert results.curves(RESULTS, "electricity", "prequential_acc", frame="arrow").num_rows > 90


@pytest.mark.slow
def test_results_runs_and_pages_import_no_jax_and_no_matplotlib():
    code = (
        "import sys, pcl.results, pcl.runs, pcl.compare\n"
        "assert not {name.split('.')[0] for name in sys.modules} & {'jax', 'jaxlib', 'flax', 'matplotlib', 'pandas'}"
    )
    subprocess.run((sys.executable, "-c", code), cwd=ROOT, check=True)


def test_settings_of_several_types_become_text():
    assert frames.column([1, 0.5, None]).to_pylist() == [1.0, 0.5, None]
    assert frames.column([1, "nothing", None]).to_pylist() == ["1", "nothing", None]
