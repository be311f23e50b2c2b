"""What experiments publish is what the records hold, run for run."""

import dataclasses
import os
import shutil
from pathlib import Path

import pytest

from pcl.experiment import Arm, Experiment, StreamSpec, experiment_names, load_experiment
from pcl.runner import publication
from pcl.runner.publication import compare
from pcl.runner.store import Store
from scripts.published import write_index

ROOT = Path(__file__).parents[1]
REAL = Path(os.environ.get("PCL_DATA_DIR") or ROOT.parent / "shared" / "data")
EMBEDDED = {"digits", "noise", "dynamics"}


def needs(experiment: Experiment) -> set[str]:
    return {str(spec.settings.get("source", "digits")) for spec in experiment.streams.values()} - EMBEDDED


@pytest.mark.slow
@pytest.mark.parametrize("name", experiment_names())
def test_every_published_run_has_its_record_and_every_record_is_published(name, monkeypatch):
    if needs(load_experiment(name)) and not REAL.is_dir():
        pytest.skip(f"no {REAL}; name the folder with PCL_DATA_DIR")
    monkeypatch.setenv("PCL_DATA_DIR", str(REAL))
    if not (ROOT / "results" / name).is_dir() and load_experiment(name).arms:
        assert "No records yet" in load_experiment(name).claim
        pytest.skip(f"{name} says that it has no records yet")
    found = compare(name, ROOT / "results")
    assert not found.missing
    assert not found.unpublished


def test_a_run_without_record_a_record_without_run_and_an_older_one(tmp_path, monkeypatch):
    """Of two seeds the first has other settings, the second an older code; another learner is not published."""
    toy = Experiment("split_digits", "", {"split_digits": StreamSpec("split", {"source": "digits"})}, {"ncm": {}}, ())
    toy = dataclasses.replace(toy, arms=(Arm(seeds=2),), evaluation={"probe_every": 2})
    monkeypatch.setattr(publication, "load_experiment", lambda name: toy)
    store = Store(tmp_path, "split_digits")
    store.require_writable()
    records = [r for r in Store(ROOT / "results", "split_digits").records() if r["stream"] == "split_digits"]
    ncm = {r["seed"]: r for r in records if r["learner"] == "ncm"}
    older = ncm[1] | {"run_id": "0" * 16, "config": ncm[1]["config"].replace('"charge":"nothing",', "")}
    other = ncm[0] | {"run_id": "1" * 16, "variant": '{"batch":11}'}
    other["config"] = other["config"].replace('"batch":10', '"batch":11')
    store.write([older, other, next(r for r in records if (r["learner"], r["seed"]) == ("pcn", 0))])
    found = compare("split_digits", tmp_path)
    assert found.missing == ["split_digits ncm: seeds 0"]
    assert sorted(found.unpublished) == ["split_digits ncm batch=11: seeds 0", "split_digits pcn: seeds 0"]
    assert found.older == ["split_digits ncm (charge): seeds 1"]


def test_the_index_shows_what_was_made_and_the_records_behind_it(tmp_path):
    shutil.copytree(ROOT / "results" / "omniglot", tmp_path / "omniglot")
    for name in ("figures/fig_retention.png", "figures/fig_retention.pdf", "tables/tab_omniglot.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    text = write_index(tmp_path).read_text()
    seen = {record["seed"] for record in Store(tmp_path, "omniglot").records()}
    assert f"--experiment=omniglot`: 60 runs, seeds {min(seen)} to {max(seen)}, commits " in text
    assert '<a href="figures/fig_retention.pdf"><img src="figures/fig_retention.png"' in text
    assert "- [csv](tables/tab_omniglot.csv)" in text
    assert "fig_wall" not in text  # it was not made
