"""Which published runs a scale makes again: the first seeds, and the programs that took least."""

import math
from pathlib import Path

import pytest

from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner.scales import SCALES, Scale, Took, choose, seconds, times
from pcl.runner.store import Store
from pcl.runner.sweep import published

TOY = Experiment(
    "toy",
    "",
    {
        name: StreamSpec("split", {"source": "digits", "order": order})
        for name, order in (("a", "random"), ("b", "iid"))
    },
    {"ncm": {}, "rls": {}},
    (Arm(seeds=3), Arm(("ncm",), ("a",), seeds=5)),
)


@pytest.fixture(scope="module")
def took():
    """A run of `rls` takes 10 s, one of `ncm` 1 s; every program takes 5 s to compile."""
    return {run.run_id: Took({"rls": 10.0, "ncm": 1.0}[run.learner], 5.0) for run in published(TOY)}


def chosen(took, seeds, limit):
    found = choose(TOY, Scale(seeds, limit), took, "map")
    return found, sorted({(r.stream_name, r.learner) for runs, _ in found.groups for r in runs})


def test_the_full_scale_is_all_that_is_published(took):
    found = choose(TOY, SCALES["full"], took, "map")
    assert {r.run_id for runs, _ in found.groups for r in runs} == {r.run_id for r in published(TOY)}
    assert (found.runs, found.seconds, found.left_out) == (14, 4 * 5 + 6 * 10 + 8 * 1, ())


def test_the_first_seeds_are_kept_and_the_others_named(took):
    found, _ = chosen(took, 2, math.inf)
    assert {run.seed for runs, _ in found.groups for run in runs} == {0, 1}
    (left,) = found.left_out
    assert (left.runs, left.seconds) == (14 - 8, 2 * 10 + 4 * 1)
    assert set(left.cells) == {"a ncm", "a rls", "b ncm", "b rls"}
    assert left.why == "further seeds than 2 of each"


@pytest.mark.parametrize(("limit", "learners"), [(14.0, ["ncm"]), (38.9, ["ncm"]), (39.0, ["ncm", "rls"]), (6.9, [])])
def test_programs_that_took_least_come_first_up_to_the_limit(took, limit, learners):
    """The two programs of `ncm` take 7 s each, those of `rls` 25 s."""
    found, kept = chosen(took, 2, limit)
    assert sorted({learner for _, learner in kept}) == learners
    assert found.seconds <= limit
    dear = [left for left in found.left_out if "minutes of an experiment" in left.why]
    assert sum(left.runs for left in dear) + found.runs == 8


def test_a_run_whose_id_has_changed_is_known_by_its_name_and_one_without_record_takes_no_time(took):
    run = published(TOY)[0]
    assert seconds([run], {(run.stream_name, run.learner, "{}", run.seed): Took(3.0, 2.0)}) == 5.0
    assert seconds([run], {}) == 0.0


def test_times_are_shares_of_chunks(tmp_path):
    assert times(tmp_path, "nothing") == {}
    results = Path(__file__).parents[2] / "results"
    record = Store(results, "load").records()[0]
    took = times(results, "load")[record["run_id"]]
    assert took.run == record["timing"]["run_s"] / record["provenance"]["width"]
    assert took.compilation == record["timing"]["compile_s"]
