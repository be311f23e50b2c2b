"""Resolution: who gets which setting, what a run's identity is, what is compiled together."""

import dataclasses

import pytest
from flax import struct

from pcl import learners, streams
from pcl.cli.run import labelled
from pcl.errors import UsageError
from pcl.experiment import Arm, Experiment, StreamSpec, experiment_names, load_experiment
from pcl.fields import check, fields, idle, idles, replace, traced
from pcl.learners.steps import InferenceHParams
from pcl.runner.evaluation import Evaluation
from pcl.runner.sweep import applicable, parse_settings, published, require_one_meaning, resolve, static_groups

EXPERIMENT = Experiment(
    name="trial",
    claim="",
    streams={"a": StreamSpec("split", {}), "b": StreamSpec("split", {"order": "iid"})},
    learners={"pcn": {"width": 8}, "ncm": {}},
    arms=(Arm(seeds=3),),
    smoke={"width": 4, "batch": 50},
)


def ids(runs):
    return [run.run_id for run in runs]


def test_grid_and_zip():
    cells = parse_settings(["lr=0.1,0.2", "width=8"], ["passes=1,2", "batch=5,9"])
    assert len(cells) == 4
    assert {"lr": "0.2", "width": "8", "passes": "2", "batch": "9"} in cells
    assert {"lr": "0.2", "width": "8", "passes": "1", "batch": "9"} not in cells
    assert parse_settings([], []) == [{}]


@pytest.mark.parametrize(
    ("grid", "zipped", "message"),
    [
        (["lr"], [], "write name=value"),
        (["lr=0.1,,0.2"], [], "write name=value"),
        (["lr=0.1", "lr=0.2"], [], "lr is set twice"),
        ([], ["lr=0.1,0.2", "passes=1"], "equally many"),
    ],
)
def test_malformed_settings(grid, zipped, message):
    with pytest.raises(UsageError, match=message):
        parse_settings(grid, zipped)


def test_a_learner_without_the_setting_runs_once():
    runs = resolve(EXPERIMENT, parse_settings(["lr=0.1,0.2"], []))
    assert sum(run.learner == "pcn" for run in runs) == 2 * 2 * 3
    assert sum(run.learner == "ncm" for run in runs) == 2 * 3


def test_identity_does_not_depend_on_the_sweep_but_on_every_number():
    alone = resolve(EXPERIMENT, parse_settings(["lr=0.2"], []), ["pcn"], ["b"], seeds=1)
    among = resolve(EXPERIMENT, parse_settings(["lr=0.3,0.2", "width=8,16"], []), seeds=5)
    assert set(ids(alone)) < set(ids(among))
    assert len(set(ids(among))) == len(among)
    changed = [
        resolve(EXPERIMENT, parse_settings([s], []), ["pcn"], ["b"], 1) for s in ("lr=0.1", "batch=5", "probe_every=3")
    ]
    assert len({ids(runs)[0] for runs in changed} | set(ids(alone))) == 4


def test_a_setting_that_came_later_leaves_old_runs_their_ids():
    """At its default, which is what was done before; any other value makes another run."""
    plain, named, other = (
        resolve(EXPERIMENT, parse_settings(["depth=1", *given], []), ["bpc"], ["a"], 1)[0]
        for given in ([], ["inference=gd"], ["inference=adam"])
    )
    assert not set(plain.hp.LATER) & set(plain.identity["learner"])
    assert other.identity["learner"] == plain.identity["learner"] | {"inference": "adam"}
    assert plain.run_id == named.run_id != other.run_id
    assert plain.static != other.static


def test_products_are_part_of_the_identity_and_of_the_program():
    plain, named, rounded = (
        resolve(EXPERIMENT, parse_settings(given, []), ["pcn"], ["a"], 1)[0]
        for given in ([], ["products=float32"], ["products=bfloat16"])
    )
    assert rounded.identity["evaluation"] == plain.identity["evaluation"] | {"products": "bfloat16"}
    assert plain.run_id == named.run_id != rounded.run_id
    assert plain.static == named.static != rounded.static


def test_naming_a_default_is_the_same_run_under_that_name():
    assert ids(resolve(EXPERIMENT, parse_settings(["width=8"], []), ["pcn"])) == ids(resolve(EXPERIMENT, [{}], ["pcn"]))
    assert resolve(EXPERIMENT)[0].variant == {}
    swept = resolve(EXPERIMENT, parse_settings(["width=8,9", "batch=10"], []), ["pcn"], ["a"], 1)
    assert [run.variant for run in swept] == [{"batch": 10, "width": 8}, {"batch": 10, "width": 9}]
    # 0.003 is pcn's own rate: its row is named like those beside it.
    rates = resolve(EXPERIMENT, parse_settings(["lr=0.001,0.003,0.01"], []), ["pcn"], ["a"], 1)
    assert [run.variant for run in rates] == [{"lr": 0.001}, {"lr": 0.003}, {"lr": 0.01}]
    assert ids(rates)[1] == ids(resolve(EXPERIMENT, [{}], ["pcn"], ["a"], 1))[0]


def test_a_table_shows_the_names_of_its_command_for_records_made_without_them():
    rates = resolve(EXPERIMENT, parse_settings(["lr=0.003,0.01"], []), ["pcn"], ["a"], 1)
    records = [{"run_id": run.run_id, "variant": "{}", "seed": 0} for run in rates]
    assert [r["variant"] for r in labelled(records, rates)] == ['{"lr":0.003}', '{"lr":0.01}']
    plain = resolve(EXPERIMENT, [{}], ["pcn"], ["a"], 1)
    assert labelled([{**records[0], "variant": '{"lr":0.003}'}], plain)[0]["variant"] == "{}"


def test_a_swept_default_of_the_experiment_is_named():
    cells = parse_settings(("width=8,16",), [])
    experiment = dataclasses.replace(EXPERIMENT, arms=(Arm(settings=("width=8,16",)),))
    assert [run.variant for run in resolve(experiment, cells, ["pcn"], ["a"], 1)] == [{"width": 8}, {"width": 16}]


@pytest.mark.parametrize(
    ("first", "seeds", "right"),
    [(0, 1, True), (2**31 - 1, 1, True), (2**31 - 2, 2, True), (2**31 - 1, 2, False), (2**31, 1, False)],
)
def test_a_seed_fits_the_store_and_the_generator(first, seeds, right):
    if right:
        assert resolve(EXPERIMENT, [{}], ["ncm"], ["a"], seeds, first_seed=first)[-1].seed == first + seeds - 1
    else:
        with pytest.raises(UsageError, match=rf"--first_seed={first} with --seeds={seeds}: all seeds .* 2147483647\]"):
            resolve(EXPERIMENT, [{}], ["ncm"], ["a"], seeds, first_seed=first)


def test_more_runs_than_can_be_planned_are_refused_before_they_are_counted_out():
    values = ",".join(map(str, range(1, 400)))
    with pytest.raises(UsageError, match=r"the grid of --set and --zip has 159201 runs; at most 100,000"):
        parse_settings([f"lr={values}", f"width={values}"], [])
    with pytest.raises(UsageError, match=r"4 configurations with 25001 seeds each are 100004 runs; at most 100,000"):
        resolve(EXPERIMENT, seeds=25_001)


def test_seeds_and_traced_numbers_share_a_program_static_ones_do_not():
    runs = resolve(EXPERIMENT, parse_settings(["lr=0.1,0.2"], []), ["pcn"])
    assert [len(group) for group in static_groups(runs)] == [6, 6]
    runs = resolve(EXPERIMENT, parse_settings(["width=8,16"], []), ["pcn"])
    assert [len(group) for group in static_groups(runs)] == [3, 3, 3, 3]


def test_smoke_shrinks_settings_and_seeds():
    runs = resolve(EXPERIMENT, smoke=True)
    assert len(runs) == 2 * 2 * 2
    assert runs[0].hp.width == 4
    assert runs[0].stream.batch == 50


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("foo=1", "unknown setting of pcn, ncm or the stream 'foo'; known: .*lr.*width"),
        ("lr=abc", "lr is a traced float"),
        ("lr=nan", "must be finite"),
        ("lr=-1", "within"),
        ("width=0.5", "width is a static int"),
        ("width=0", "within"),
        ("activation=wave", "choose one of tanh, relu"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(UsageError, match=message):
        resolve(EXPERIMENT, parse_settings([settings], []))


def test_unknown_names():
    with pytest.raises(UsageError, match=r"unknown learner 'foo'; known: .*pcn"):
        resolve(EXPERIMENT, learner_names=["foo"])
    with pytest.raises(UsageError, match="unknown stream of trial 'c'; known: a, b"):
        resolve(EXPERIMENT, stream_names=["c"])
    with pytest.raises(UsageError, match=r"unknown experiment 'foo'; known: .*split_digits"):
        load_experiment("foo")
    with pytest.raises(UsageError, match="at least 1"):
        resolve(EXPERIMENT, seeds=0)


def meanings(configs):
    """What each setting says that it is, by name."""
    said = {}
    for config in configs:
        for name, field in fields(config).items():
            said.setdefault(name, set()).add(field.metadata["help"])
    return said


def ambiguous(said):
    """Names of which several things are said."""
    return {name: texts for name, texts in said.items() if len(texts) > 1}


def test_no_name_means_two_things():
    """A setting goes to whatever has it, so no learner may share a name with a stream or the evaluation.

    Where learners share one, or streams do, all of them say of it what it is in the same words.
    """
    of_runs = {name for e in streams.REGISTRY.values() for name in fields(e.config)} | set(fields(Evaluation))
    of_learners = meanings(e.hparams for e in learners.REGISTRY.values())
    assert not of_runs & of_learners.keys()
    assert ambiguous(of_learners) == {}
    assert ambiguous(meanings(e.config for e in streams.REGISTRY.values())) == {}


@pytest.mark.parametrize(
    "config",
    [e.hparams for e in learners.REGISTRY.values()] + [e.config for e in streams.REGISTRY.values()],
    ids=lambda c: f"{type(c).__module__}.{type(c).__name__}",
)
def test_what_makes_a_setting_mean_nothing_is_a_value_of_another(config):
    known = fields(config)
    for name, with_these in idles(config).items():
        for other, values in with_these.items():
            assert other != name
            for value in values:
                check(known[other], value)


def test_a_setting_that_means_nothing_with_the_others_is_refused():
    with pytest.raises(UsageError, match=r"beta=0\.1: has no effect with nudge=none"):
        resolve(EXPERIMENT, parse_settings(["beta=0.1"], []))
    with pytest.raises(UsageError, match=r"blur=0\.2: has no effect with boundary=sharp"):
        resolve(EXPERIMENT, parse_settings(["blur=0.2"], []))
    runs = resolve(EXPERIMENT, parse_settings(["beta=0.1"], ["nudge=centred"]), ["pcn"], ["a"], 1)
    assert [run.variant for run in runs] == [{"beta": 0.1, "nudge": "centred"}]
    assert runs[0].hp.beta == 0.1


# One line each: a setting, those with which it means nothing, and a learner that has them.
@pytest.mark.parametrize(
    ("setting", "others", "why", "learner"),
    [
        ("inference_momentum=0.3", {"inference": "adam"}, "inference=adam", "pcn"),
        ("inference_lr=0.3", {"inference": "gauss_newton"}, "inference=gauss_newton", "pcn"),
        ("step_limit=nothing", {"inference": "layerwise"}, "inference=layerwise", "tpc"),
        ("step_share=0.5", {"step_limit": "nothing"}, "step_limit=nothing", "pcn"),
        ("step_share=0.5", {"inference": "adam"}, "inference=adam", "tpc"),
        ("tolerance=0.1", {}, "halt=fixed", "pcn"),
        ("depth=3", {"architecture": "vgg5"}, "architecture=vgg5", "backprop"),
        ("inference_steps=3", {}, "depth=0", "bpc"),
        ("activation=relu", {}, "depth=0", "bpc"),
        ("patch=6", {}, "features=random", "parallax"),
        ("critical=100", {"features": "raw"}, "features=raw", "rls"),
        ("contrast=none", {"features": "code"}, "features=code", "ncm"),
        ("random_features=8", {"features": "code"}, "features=code", "parallax"),
        ("random_features=8", {}, "features=code", "reopening_parallax"),
        ("code=8", {"features": "raw"}, "features=raw", "parallax"),
    ],
)
def test_what_means_nothing_with_the_other_settings(setting, others, why, learner):
    hp = replace(learners.REGISTRY[learner].hparams, others)
    assert idle(hp)[setting.partition("=")[0]] == why
    experiment = dataclasses.replace(EXPERIMENT, learners={learner: others})
    with pytest.raises(UsageError, match=f"has no effect with {why}"):
        resolve(experiment, parse_settings([setting], []), [learner], ["a"], 1)


def test_a_learner_that_is_told_tasks_is_refused_on_a_stream_without_them():
    of_file = dataclasses.replace(EXPERIMENT, streams={"a": StreamSpec("recorded", {"source": "digits"})})
    for learner in ("ewc", "fresh"):
        with pytest.raises(
            UsageError, match=f"^{learner} is told tasks, and a has none; streams that have: class_cont"
        ):
            resolve(of_file, [{}], [learner], ["a"], 1)
    assert len(resolve(of_file, [{}], ["er_ace"], ["a"], 1)) == 1


def test_what_a_file_has_no_use_for():
    of_dynamics = {"observed", "hidden", "contexts", "visits", "visit_steps"}
    assert idle(replace(streams.REGISTRY["sequence"].config, {"source": "weather"})).keys() == of_dynamics
    assert idle(streams.REGISTRY["sequence"].config) == {}


def test_what_means_something_after_all():
    assert "inference_momentum" not in idle(replace(learners.REGISTRY["pcn"].hparams, {"inference": "momentum"}))
    deep = replace(learners.REGISTRY["bpc"].hparams, {"depth": 1, "halt": "gradient"})
    assert idle(deep).keys() & fields(InferenceHParams).keys() == {"inference_momentum"}
    assert not {"patch", "critical"} & idle(replace(learners.REGISTRY["rls"].hparams, {"features": "code"})).keys()


@struct.dataclass
class Other:
    """The numbers of a learner from outside, which calls another thing by a name that is there."""

    lr: float = traced(0.1, "learning rate of the weights")
    momentum: float = traced(0.5, "speed of a mass")
    passes: float = traced(1.0, "times over")


def test_a_setting_that_means_two_things_to_the_learners_is_refused(monkeypatch):
    monkeypatch.setitem(learners.REGISTRY, "other", learners.REGISTRY["ncm"]._replace(hparams=Other()))
    cells = parse_settings(["momentum=0.5", "optimiser=momentum", "lr=0.1"], [])
    runs = resolve(EXPERIMENT, cells, ["pcn", "backprop", "other"], ["a"], 1)
    with pytest.raises(
        UsageError, match=r"^momentum means several things: backprop: momentum of the weights; other: speed of a mass"
    ):
        require_one_meaning(["lr", "momentum"], runs)
    require_one_meaning(["lr"], runs)
    require_one_meaning(["momentum"], [run for run in runs if run.learner != "other"])
    runs = resolve(EXPERIMENT, parse_settings(["passes=2"], []), ["other"], ["a"], 1)
    with pytest.raises(
        UsageError, match=r"^passes means several things: other: times over; split: passes over each task"
    ):
        require_one_meaning(["passes"], runs)


def test_where_a_setting_means_nothing_all_its_values_are_one_run():
    cells = parse_settings(["nudge=none,centred", "beta=0.1,0.2"], [])
    runs = resolve(EXPERIMENT, cells, ["pcn"], ["a"], 1)
    assert [run.variant for run in runs] == [
        {"nudge": "none"},
        {"nudge": "centred", "beta": 0.1},
        {"nudge": "centred", "beta": 0.2},
    ]
    assert ids(runs)[0] == ids(resolve(EXPERIMENT, [{}], ["pcn"], ["a"], 1))[0]


# Two arms of `a` and `b`, and one of a learner without settings; each cell as stream, learner and variant.
ARMS = dataclasses.replace(
    EXPERIMENT,
    arms=(
        Arm(streams=("a",), settings=("lr=0.1,0.2",), seeds=2),
        Arm(("ncm",), ("b",), seeds=1, first_seed=7),
        Arm(("rls",), ("a", "b"), ("ridge=0.5",), seeds=1),
    ),
)


def cells(runs):
    return {(run.stream_name, run.learner, *run.variant.values()) for run in runs}


def test_an_experiment_runs_the_cells_of_its_arms_each_once():
    runs = published(ARMS)
    first = {("a", "pcn", 0.1), ("a", "pcn", 0.2), ("a", "ncm")}
    assert cells(runs) == first | {("b", "ncm"), ("a", "rls", 0.5), ("b", "rls", 0.5)}
    assert sorted(run.seed for run in runs if run.stream_name == "b") == [0, 7]
    assert len(set(ids(runs))) == len(runs) == 3 * 2 + 1 + 2
    again = dataclasses.replace(ARMS, arms=(*ARMS.arms, Arm(("ncm",), ("a",), seeds=2)))
    assert ids(published(again)) == ids(runs)


def test_names_narrow_the_arms():
    assert cells(published(ARMS, ["ncm"])) == {("a", "ncm"), ("b", "ncm")}
    assert cells(published(ARMS, stream_names=["b"])) == {("b", "ncm"), ("b", "rls", 0.5)}
    assert cells(published(ARMS, ["rls", "ncm"], ["b"])) == {("b", "ncm"), ("b", "rls", 0.5)}


def test_what_no_arm_has_lives_through_the_first_one():
    assert cells(published(ARMS, ["nlms"])) == {("a", "nlms", 0.1), ("a", "nlms", 0.2)}
    assert cells(published(ARMS, ["pcn"], ["b"])) == {("b", "pcn", 0.1), ("b", "pcn", 0.2)}
    more = dataclasses.replace(ARMS, streams=ARMS.streams | {"c": StreamSpec("split", {"batch": 5})})
    assert cells(published(more, stream_names=["c"])) >= {("c", "pcn", 0.1), ("c", "pcn", 0.2), ("c", "ncm")}


def test_who_publishes_nothing_says_so():
    with pytest.raises(UsageError, match="trial publishes no runs yet: choose runs with --seeds"):
        published(dataclasses.replace(EXPERIMENT, arms=()))
    with pytest.raises(UsageError, match="unknown stream of trial 'c'; known: a, b"):
        published(ARMS, stream_names=["c"])


def test_a_twin_lives_each_learner_and_each_stream_once():
    experiment = dataclasses.replace(EXPERIMENT, arms=(Arm(settings=("width=8,9", "lr=0.1")), *ARMS.arms))
    runs = published(experiment, smoke=True)
    assert cells(runs) == {("a", "pcn", 0.1), ("a", "ncm"), ("b", "ncm")}
    assert (len(runs), runs[0].hp.width) == (3 * 2, 4)
    alike = dataclasses.replace(experiment, smoke=EXPERIMENT.smoke | {"order": "iid"})
    assert cells(published(alike, smoke=True)) == {("a", "pcn", 0.1), ("a", "ncm")}


@pytest.mark.parametrize("name", experiment_names())
def test_experiments_resolve_and_state_their_claim(name):
    experiment = load_experiment(name)
    assert experiment.name == name
    assert len(experiment.claim.partition("\n")[0]) > 20
    assert published(experiment, smoke=True)
    for arm in map(experiment.named, experiment.arms):
        assert {text.partition("=")[0] for text in arm.settings} <= applicable(experiment, arm.pairs)
        assert set(arm.learners) <= set(learners.REGISTRY)
        assert set(arm.streams) <= set(experiment.streams)
    used = {stream for arm in map(experiment.named, experiment.arms) for stream in arm.streams}
    assert not experiment.arms or used == set(experiment.streams)
