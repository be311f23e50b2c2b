"""Successive halving goes on with lives: nothing is lived twice, and survivors have the records of whole runs."""

import numpy as np
import pytest

from pcl.errors import UsageError
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner import studies
from pcl.runner.execute import execute, plan
from pcl.runner.store import CIRCUMSTANCES, Store
from pcl.runner.sweep import resolve
from pcl.search import halving, search
from pcl.search.halving import Halving, rung_steps
from pcl.search.objective import so_far
from pcl.search.space import parse_space

EXPERIMENT = Experiment(
    name="trial",
    claim="",
    streams={"s": StreamSpec("split", {"batch": 100, "order": "iid"})},  # 12 steps, a fifth being held out
    learners={"nlms": {}},
    arms=(Arm(seeds=2),),
    evaluation={"probe_every": 2, "probe_on": "validation"},
)
STEPS = 12
LOGGED = ("surprise",)


class Killed(Exception):
    pass


def test_rungs_are_behind_probes_and_rise_to_the_end():
    assert rung_steps([0.0625, 0.25], 575, 36) == (36, 144, 575)
    assert rung_steps([0.1, 0.5], 100, 25) == (25, 50, 100)
    for shares, every in (([0.1, 0.2], 50), ([0.5, 0.25], 1), ([0.9], 60)):
        with pytest.raises(UsageError, match=rf"--rungs=.* every {every} steps of 100 .* must rise and end"):
            rung_steps(shares, 100, every)


def test_a_record_so_far_holds_the_probes_that_were_made():
    record = {"probe_steps": [0, 2, 4], "probe_accuracy": [[1], [2], [0]], "hits": [5, 0], "task_ends": (4,)}
    shorter = {"probe_steps": [0, 2], "probe_accuracy": [[1], [2]], "hits": [5, 0], "task_ends": [4]}
    assert so_far(record, 3) == shorter
    assert so_far(record, 4) == record | {"task_ends": [4]}


class Course:
    """A search by halving, with what it compiled and how many runs it moved from which step to which."""

    def __init__(self, folder, monkeypatch, mode="map", texts=("lr=0.01:10:log", "step=plain,normalised"), **changed):
        self.folder, self.compiled, self.lived = folder, [], []
        monkeypatch.setattr(search, "compile_group", self._compiling(search.compile_group))
        monkeypatch.setattr(halving.Lives, "lived", self._living(halving.Lives.lived))
        plain = {"method": "halving", "trials": 9, "ask": 0, "rungs": (2, 6, STEPS), "eta": 3, "metric": "acc"}
        plain |= {"aggregate": "mean", "seeds": 2, "first_seed": 0, "decided_by": "validation samples of digits"}
        space = parse_space(texts, {"nlms": resolve(EXPERIMENT)[0].hp})
        self.search = search.Search(EXPERIMENT, "s", space, texts, {}, **(plain | changed))
        self.store, self.mode = Store(folder.parent, folder.name), mode
        self.store.require_writable()

    def run(self):
        study = search.begun(self.search, self.folder)
        Halving(self.search, search.Execution(self.store, self.mode)).best_of("nlms", study)
        return study

    def _compiling(self, compile_group):
        def compile(config, width, **how):
            program = compile_group(config, width, **how)
            self.compiled.append(program.width)
            return program

        return compile

    def _living(self, lived):
        def live(lives, until, progress):
            self.lived.append((len(lives.runs), lives.steps, until))
            return lived(lives, until, progress)

        return live

    def steps(self):
        """The runs that were moved from one step to another."""
        found = {}
        for runs, begin, end in self.lived:
            found[begin, end] = found.get((begin, end), 0) + runs
        return found


def facts(records):
    return [{k: v for k, v in record.items() if k not in CIRCUMSTANCES} for record in records]


@pytest.mark.slow
def test_survivors_have_the_records_of_their_own_whole_runs_and_no_step_is_lived_twice(tmp_path, monkeypatch):
    course = Course(tmp_path / "one", monkeypatch)
    study = course.run()
    assert course.steps() == {(0, 2): 18, (2, 6): 6, (6, 12): 2}  # nine configurations of two seeds, three, one
    assert study.about["steps"] == 18 * 2 + 6 * 4 + 2 * 6
    assert len(course.compiled) == 2  # a program a rule, for all rungs
    (winner,) = study.best("nlms", False)
    for rung, kept in ((0, 3), (1, 1)):
        order = sorted(study.of("nlms", rung), key=lambda trial: -trial.value)
        assert sorted(t.trial for t in order[:kept]) == sorted(t.trial for t in study.of("nlms", rung + 1))
    runs = course.search.runs("nlms", [winner.settings])[0]
    whole = Store(tmp_path, "whole")
    whole.require_writable()
    execute(plan(runs, "map"), whole, "map", "trial")
    assert course.store.ids() == whole.ids() == {run.run_id for run in runs}
    for one, other in zip(facts(course.store.records()), facts(whole.records()), strict=True):
        for name in LOGGED:
            np.testing.assert_allclose(one.pop(name), other.pop(name), rtol=1e-5)
        assert one == other
    assert not list(course.folder.glob("checkpoint-*"))


@pytest.mark.slow
def test_a_search_killed_behind_a_rung_goes_on_from_its_states_to_the_same_study(tmp_path, monkeypatch):
    course = Course(tmp_path / "one", monkeypatch, texts=("lr=0.01:10:log",))
    whole = course.run()
    cut, tell = Course(tmp_path / "two", monkeypatch, texts=("lr=0.01:10:log",)), halving.tell

    def dying(of, study, waiting, *rest):
        if waiting[0].rung == 1:
            raise Killed
        return tell(of, study, waiting, *rest)

    monkeypatch.setattr(halving, "tell", dying)
    with pytest.raises(Killed):
        cut.run()
    assert [trial.known for trial in studies.read(cut.folder).trials] == [True] * 9 + [False] * 3
    (checkpoint,) = cut.folder.glob("checkpoint-*.npz")
    monkeypatch.setattr(halving, "tell", tell)
    again = cut.run()
    assert again.trials == whole.trials
    assert cut.steps() == {(0, 2): 18, (2, 6): 12, (6, 12): 2}  # the second rung, which nothing had told, once more
    assert not checkpoint.exists()
    assert facts(cut.store.records()) == facts(course.store.records())
    cut.run()
    assert cut.steps() == {(0, 2): 18, (2, 6): 12, (6, 12): 2}


@pytest.mark.slow
@pytest.mark.long
def test_sixty_four_configurations_of_five_seeds_are_one_program_a_rung(tmp_path, monkeypatch):
    sizes = {"trials": 64, "seeds": 5, "eta": 4, "rungs": (2, 6, STEPS)}
    course = Course(tmp_path / "one", monkeypatch, "vmap", ("lr=0.01:10:log",), **sizes)
    study = course.run()
    assert course.compiled == [320, 80, 20]
    assert course.lived == [(320, 0, 2), (80, 2, 6), (20, 6, 12)]
    assert len(study.best("nlms", False)) == 4
