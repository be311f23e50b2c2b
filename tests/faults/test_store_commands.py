"""The commands that read all records: one bad part stops nothing else, is named at the end, and can be set aside."""

import shutil
from pathlib import Path

import forked
import pytest
import stored

from pcl.runner.store import Store

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "results"


def command(script, folder, *flags):
    return forked.run(f"scripts.{script}", f"--results_dir={folder}", *flags)


@pytest.fixture
def results(tmp_path):
    """Two experiments: `good`, and `spoilt`, one of whose two parts is bad."""
    for name in ("good", "spoilt"):
        store = Store(tmp_path, name)
        store.require_writable()
        for seed in range(2):
            store.write([stored.row(f"{seed:016x}", seed)])
    data = bytearray(store.parts()[0].read_bytes())
    data[100] ^= 1
    store.parts()[0].write_bytes(data)
    return tmp_path


def test_the_check_names_what_is_bad_and_sets_it_aside(results):
    bad, whole = Store(results, "spoilt").parts()
    done = command("check_results", results)
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        "good: runs 2, parts that can be read 2",
        "spoilt: runs 1, parts that can be read 1",
        f"  {bad.name} cannot be read: its bytes are not those that were written",
    ]
    said = f"error: faults in {results}: 1 parts or folders; --set_aside renames such parts\n"
    assert done.stderr == said
    assert Store(results, "spoilt").parts() == [bad, whole]

    done = command("check_results", results, "--set_aside")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"  {bad.name} is set aside as {bad.name}.bad\n" in done.stdout
    assert Store(results, "spoilt").parts() == [whole]
    assert len(Store(results, "spoilt").records()) == 1


def test_compaction_leaves_an_experiment_with_a_bad_part_as_it_is_and_joins_the_others(results):
    before = {part: part.read_bytes() for part in Store(results, "spoilt").parts()}
    done = command("compact_results", results)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "error: spoilt is left as it is: " in done.stderr
    assert done.stdout.startswith("good: ")
    assert len(Store(results, "good").parts()) == 1
    assert {part: part.read_bytes() for part in Store(results, "spoilt").parts()} == before


@pytest.mark.slow
def test_compaction_drops_what_is_not_published_where_it_is_told_to_and_names_it(tmp_path):
    """A record of a learner in no arm, beside all that are published; then one of those is missing."""
    shutil.copytree(COMMITTED / "digits_rates", tmp_path / "digits_rates")
    store = Store(tmp_path, "digits_rates")
    published = store.ids()
    store.write([stored.row("0" * 16, 7)])
    done = command("compact_results", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(store.ids()) == len(published) + 1

    done = command("compact_results", tmp_path, "--published_only")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" bytes\n  dropped: s l: seeds 7\n")
    assert store.ids() == published

    store.write([stored.row("0" * 16, 7)])
    store.compact(without={min(published)})
    before = store.ids()
    done = command("compact_results", tmp_path, "--published_only")
    assert done.returncode == 2
    assert "digits_rates is left as it is: 1 published cells have no record" in done.stderr
    assert store.ids() == before


@pytest.mark.slow
def test_what_cannot_be_drawn_is_named_at_the_end_and_the_rest_is_drawn(tmp_path):
    """A bad part, records of which one learner of a figure is missing, and one experiment that is whole."""
    for name in ("drift", "load"):
        shutil.copytree(COMMITTED / name, tmp_path / name)
    bad = Store(tmp_path, "drift").parts()[0]
    bad.write_bytes(bad.read_bytes()[:-1])
    digits = Store(tmp_path, "split_digits")
    digits.require_writable()
    digits.write([r for r in Store(COMMITTED, "split_digits").records() if r["stream"] == "split_digits"])
    done = command("make_figures", tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    drawn = {Path(line).name for line in done.stdout.split()}
    assert {"tab_load.md", "tab_load.csv", "tab_split_digits.md"} <= drawn
    assert not {"tab_drift.md", "fig_wall.png"} & drawn
    assert "tab_thousand is left out: no results in " in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert errors == done.stderr.splitlines()[-len(errors) :]
    (named,) = [line for line in errors if str(bad) in line]
    assert named.startswith("error: tab_drift not drawn: ")
    assert "fig_wall" in done.stderr
