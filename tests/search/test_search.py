"""A search over whole runs: its study on disk, taken up again, and its winner as a setting."""

import dataclasses
import json

import numpy as np
import pytest
from absl import flags

import pcl.cli.run  # noqa: F401  (defines the flags)
from pcl.cli import search as cli
from pcl.command import parsed
from pcl.errors import NoResults, UsageError
from pcl.evaluation.summary import measure
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner import studies
from pcl.runner.store import Store
from pcl.runner.studies import Study, Trial
from pcl.runner.sweep import parse_settings, resolve
from pcl.search import search
from pcl.search.space import parse_space

FLAGS = flags.FLAGS
EXPERIMENT = Experiment(
    name="trial",
    claim="",
    streams={"s": StreamSpec("split", {"batch": 100}), "sea": StreamSpec("drift", {})},
    learners={"nlms": {}, "ncm": {}},
    arms=(Arm(("nlms",), ("s",), seeds=2),),
    evaluation={"probe_every": 10},
)
TEXTS = ("lr=0.001:0.1:log",)


def search_of(**changed):
    own = resolve(EXPERIMENT)[0].hp
    plain = {"fixed": {"probe_on": "validation"}, "method": "tpe", "trials": 5, "ask": 3, "metric": "acc"}
    plain |= {
        "rungs": (15,),
        "eta": 4,
        "aggregate": "mean",
        "seeds": 2,
        "first_seed": 0,
        "decided_by": "validation samples of digits",
    }
    return search.Search(EXPERIMENT, "s", parse_space(TEXTS, {"nlms": own}), TEXTS, **(plain | changed))


def course(wanted, folder):
    """The study after the search over whole runs, and its records."""
    study, store = search.begun(wanted, folder), Store(folder.parent, folder.name)
    store.require_writable()
    search.whole_lives(wanted, "nlms", study, search.Execution(store, "map"))
    return study, store


@pytest.mark.slow
def test_a_search_killed_between_chunks_goes_on_to_the_same_study_and_runs_nothing_twice(tmp_path, monkeypatch):
    executed, compiled, execute, compile_group = [], [], search.execute, search.compile_group

    def counting(groups, *rest, **how):
        executed.append(execute(groups, *rest, **how))
        return executed[-1]

    def compiling(config, width, **how):
        compiled.append(config.static)
        return compile_group(config, width, **how)

    monkeypatch.setattr(search, "execute", counting)
    monkeypatch.setattr(search, "compile_group", compiling)
    whole, store = course(search_of(), tmp_path / "whole")
    assert executed == [6, 4]  # chunks of three configurations and of two, with two seeds each
    assert len(compiled) == 1  # program, for both chunks
    assert whole.about["steps"] == 10 * 15
    for trial in whole.trials:
        runs = search_of().runs("nlms", [trial.settings])[0]
        records = store.records({run.run_id for run in runs})
        assert trial.values == tuple(measure(record)["acc"] for record in records)
        assert trial.value == pytest.approx(np.mean(trial.values))
        assert all(json.loads(record["config"])["evaluation"]["probe_on"] == "validation" for record in records)

    class Killed(Exception):
        pass

    def dying(groups, *rest, **how):
        if len(executed) == 3:
            raise Killed
        return counting(groups, *rest, **how)

    monkeypatch.setattr(search, "execute", dying)
    with pytest.raises(Killed):
        course(search_of(), tmp_path / "cut")
    left = studies.read(tmp_path / "cut")
    assert [trial.known for trial in left.trials] == [True, True, True, False, False]
    monkeypatch.setattr(search, "execute", counting)
    cut, _ = course(search_of(), tmp_path / "cut")
    assert executed == [6, 4, 6, 4]
    assert cut.trials == whole.trials == studies.read(tmp_path / "cut").trials
    course(search_of(), tmp_path / "cut")
    assert executed == [6, 4, 6, 4]


def study_in(folder, finished=True, **about):
    winners = {"nlms": {"settings": {"lr": "0.02"}, "trial": 0, "value": 1.0, "interval": None}}
    study = Study(folder, {"asked": {}, "finished": finished, "winners": winners} | about)
    study.trials = [Trial("nlms", 0, 0, 12, {"lr": "0.02"}, (0.1, 2 / 3), 0.3, 1), Trial("nlms", 1, 0, 0, {"lr": "1"})]
    study.write()
    return study


def test_a_study_is_read_as_it_was_written(tmp_path):
    study = study_in(tmp_path / "s")
    found = studies.read(tmp_path / "s")
    assert (found.about, found.trials[0]) == (study.about, study.trials[0])
    assert not found.trials[1].known
    assert found.trials[1].settings == {"lr": "1"}
    (tmp_path / "s" / "trials.csv").write_text("learner\nnlms\n")
    with pytest.raises(UsageError, match=r"study .*s is damaged .*: delete its folder"):
        studies.read(tmp_path / "s")


def test_a_setting_from_a_study_is_the_same_run_as_its_value(tmp_path):
    study_in(tmp_path / "studies" / "rates")
    studies.use_results_dir(tmp_path)
    named, plain = (resolve(EXPERIMENT, parse_settings([f"lr={v}"], ())) for v in ("from:rates", "0.02"))
    assert [run.run_id for run in named] == [run.run_id for run in plain]
    assert [run.variant for run in named] == [{"lr": 0.02}] * 2
    own = dataclasses.replace(EXPERIMENT, learners={"nlms": EXPERIMENT.learners["nlms"] | {"lr": "from:rates"}})
    assert [run.run_id for run in resolve(own)] == [run.run_id for run in plain]
    assert resolve(own)[0].variant == {}


@pytest.mark.parametrize(
    ("setting", "learner", "error", "message"),
    [
        ("lr=from:nowhere", "nlms", NoResults, r"no study 'nowhere' in .*studies; there: open, rates"),
        ("lr=from:../x", "nlms", UsageError, "a study is named with letters"),
        ("lr=from:open", "nlms", UsageError, "lr=from:open: study 'open' is not finished"),
        ("step=from:rates", "nlms", UsageError, "step=from:rates: unknown setting of study rates 'step'; known: lr"),
        (
            "lr=from:rates",
            "backprop",
            UsageError,
            "lr=from:rates: unknown learner of study rates 'backprop'; known: nlms",
        ),
    ],
)
def test_a_study_that_has_no_such_winner(tmp_path, setting, learner, error, message):
    study_in(tmp_path / "studies" / "rates")
    study_in(tmp_path / "studies" / "open", finished=False)
    studies.use_results_dir(tmp_path)
    with pytest.raises(error, match=message):
        resolve(EXPERIMENT, parse_settings([setting], ()), [learner])


def test_a_study_of_another_search_is_refused_by_what_differs(tmp_path):
    study = search.begun(search_of(), tmp_path)
    study.write()
    assert search.begun(search_of(), tmp_path).about == study.about
    for name, other in (
        ("trials", 6),
        ("metric", "aaa"),
        ("seeds", 3),
        ("fixed", {"random_features": "4"}),
        ("space", ("lr=1:2",)),
    ):
        with pytest.raises(UsageError, match=rf"is of another search: {name} is .*; name another with --study"):
            search.begun(
                search_of(**{name: other}) if name != "space" else dataclasses.replace(search_of(), space=other),
                tmp_path,
            )


@pytest.fixture
def asked():
    """The search that a command line asks for."""

    def ask(*arguments):
        FLAGS.unparse_flags()
        for name in FLAGS:
            FLAGS[name].unparse()
        parsed(["run", "--search=tpe", "--study=one", "--space=lr=0.001:1:log", "--streams=s", *arguments])
        return cli._asked(EXPERIMENT)

    yield ask
    for name in FLAGS:
        FLAGS[name].unparse()


def test_flags_give_a_search_on_validation_samples(asked):
    found = asked("--trials=7", "--set=random_features=4", "--seeds=3", "--aggregate=low")
    assert (found.trials, found.seeds, found.aggregate, list(found.spaces)) == (7, 3, "low", ["nlms"])
    assert found.fixed == {"random_features": "4", "probe_on": "validation"}
    assert found.decided_by == "validation samples of digits"
    assert found.runs("nlms", [{"lr": "0.1"}])[0][0].evaluation.probe_on == "validation"
    twin = asked("--smoke", "--trials=50")
    assert (twin.trials, twin.seeds) == (cli.TWIN, EXPERIMENT.smoke_seeds)
    drawn = asked("--streams=sea", "--reported=split_digits:split_digits")
    assert drawn.decided_by == "test samples of drift; reported is digits"


def test_the_plan_of_a_halving_says_what_each_rung_costs(asked, tmp_path):
    search = asked("--search=halving", "--trials=16", "--rungs=0.2", "--seeds=5")
    assert search.fixed == {"probe_on": "validation", "probe_every": "3"}  # of 15 steps, so that a rung has its probe
    assert search.rungs == (3, 15)
    plan = cli._plan(search, tmp_path)
    rows = [line.split() for line in plan.splitlines() if line.startswith("nlms")]
    assert rows == [["nlms", "lr", "-", "0", "3", "16", "80"], ["nlms", "lr", "-", "3", "15", "4", "20"]]
    assert "32 whole runs at most, 5 seeds of each configuration; decided by validation samples of digits" in plan


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--study="], "--study is missing"),
        (["--zip=lr=1,2"], "--search takes no --zip"),
        (["--num_shards=2"], "--search takes no --num_shards"),
        (["--claim"], "--search takes no --claim"),
        (["--mode=fastest"], "--search takes no --mode=fastest"),
        (["--search=halving", "--objective=forgetting"], "objective that a run has before its end 'forgetting'"),
        (["--search=halving", "--rungs=0.5,0.25"], "--rungs=0.5,0.25: with a probe every 8 steps of 15"),
        (["--streams=s,sea"], "a search is on one stream; name one of s, sea"),
        (["--set=step=plain,normalised"], "a search takes one value"),
        (["--set=lr=1"], "lr is given twice"),
        (["--set=widht=4"], "unknown setting of these learners or the stream 'widht'"),
        (["--set=probe_on=test"], "probe_on=test: test samples may not choose"),
        (["--streams=sea"], "nothing can be held back"),
        (["--objective=accuracy"], "unknown objective 'accuracy'"),
        (["--learners=ncm"], "unknown setting of ncm 'lr'"),
    ],
)
def test_flags_that_do_not_go_with_a_search(asked, arguments, message):
    with pytest.raises(UsageError, match=message):
        asked(*arguments)
