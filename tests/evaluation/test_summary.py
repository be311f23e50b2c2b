"""From a record to metrics, rows and a table."""

import csv
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from written import LOGGED, made_by, record

from pcl.evaluation.catalogue import METRICS, Metric
from pcl.evaluation.classes import AT
from pcl.evaluation.summary import TASK_METRICS, measure, summarise, table


def test_revisits_are_averaged_over_groups_and_over_the_episode_or_its_first_batch():
    values = measure(record(revisit_accuracy=[[0.2, 0.6], [0.4, 1.0]]))
    assert values["revisit_acc"] == pytest.approx(55)
    assert values["revisit_first_acc"] == pytest.approx(30)


def test_every_metric_of_a_run_by_hand():
    # By task: [0.1, 0.1], [0.5, 0], [0.8, 0.2], [0.1, 0.4], [0.3, 0.8].
    assert measure(record()) == pytest.approx(
        {
            "acc": 55,
            "aaa": 100 * (0.5 + 0.8 + 0.25 + 0.55) / 4,
            "forgetting": 50,
            "bwt": -50,
            "fwt": 10,
            "learning_acc": 80,
            "min_acc": 10,
            "wc_acc": 40 + 5,
            "stability_gap": 70,
            "prequential_acc": 100 * 17 / 40,
            # Age 0: (0.8 + 0.8) / 2; age 1: 0.3. Half of 0.8 is crossed after 0.4 / 0.5 of the way.
            "half_life": 0.8,
            # Both plateaus are 0.8, first reached 4 steps of 5 samples after the task began.
            "samples_to_learn": 20,
            # Surprise 2, 1, 0.5 and error 0.8, 0.6, 0.2 fall together.
            "surprise_error_correlation": 1,
            "input_surprise": 1,
            "inference_steps": 20,
            "residual": 0.1,
            "labelled": 75,
            # Ten of forty too sure by 2.4 and 8.1 right answers.
            "calibration_error": 100 * (2.4 + 8.1) / 40,
            "state_bytes": 1200,
            "flops_per_sample": 700,
            "cost_ratio": 3.5,
            "ms_per_step": 0.25,
            "ms_per_sample": 0.05,
        }
    )


def test_chance_is_taken_off_before_half_lives_and_criteria():
    values = measure(record(chance=0.5))
    # Above chance: age 0 has 0.6 = (0.8 - 0.5) / 0.5, age 1 has 0.
    assert values["half_life"] == pytest.approx(0.5)
    assert values["samples_to_learn"] == 20


def test_metrics_that_need_every_end_are_left_out_where_ends_were_not_probed():
    probes = {"probe_steps": [0, 2, 5, 6, 8]}
    values = measure(record(**probes))
    assert {"acc", "aaa"} <= set(values)
    assert not {"forgetting", "learning_acc", "samples_to_learn"} & set(values)


def test_what_a_learner_does_not_report_is_absent():
    values = measure(record(surprise=None, logged={}))
    assert "surprise_error_correlation" not in values
    assert not {"input_surprise", "inference_steps", "residual"} & set(values)
    mixed = summarise([record(), record(seed=1, logged={"inference_steps": "taught"})])
    numbers = {row.metric: (row.seeds, row.runs) for row in mixed}
    assert (numbers["inference_steps"], numbers["residual"]) == ((2, 2), (1, 2))


def test_what_a_learner_logs_becomes_one_number_a_run_as_it_adds_up():
    """Bins of three, three and two steps, of which 40 samples arrived and 30 taught."""
    each = {"taught": 60 / 30, "seen": 60 / 40, "count": 60, "last": 30, "mean": (3 * 10 + 3 * 20 + 2 * 30) / 8}
    scalars = {f"new_{per}": [10.0, 20.0, 30.0] for per in each}
    arrays = {f"many_{per}": [[10.0, 1.0], [20.0, 1.0], [30.0, 1.0]] for per in each}
    logged = {name: name.partition("_")[2] for name in (*scalars, *arrays)}
    values = measure(record(**scalars, **arrays, surprise=[1.0, 2.0, 3.0], logged=logged | {"surprise": "taught"}))
    assert {per: values[f"new_{per}"] for per in each} == pytest.approx(each)
    assert {per: values[f"many_{per}_1"] for per in each} == pytest.approx(each)
    assert (values["many_last_2"], values["many_count_2"], values["many_mean_2"]) == (1, 3, 1)
    assert "surprise" not in values  # in another unit for each learner: a curve


def test_what_was_logged_comes_in_the_order_of_the_metrics_and_unknown_names_behind_them():
    values = measure(record(zeal=[1.0] * 3, logged=LOGGED | {"zeal": "count"}))
    assert [name for name in values if name in {*LOGGED, "zeal"}] == [
        "input_surprise",
        "inference_steps",
        "residual",
        "zeal",
    ]


def test_scripts_add_rows_of_metrics_of_their_own(monkeypatch):
    rows = summarise([record(), record(seed=1)], lambda run: {"grasp": 12.346})
    assert "12.3 [12.3, 12.3]" in table(rows, ["grasp"])
    monkeypatch.setitem(METRICS, "grasp", Metric("%", "what was grasped", decimals=2, varies=False))
    assert "  12.35\n" in f"{table(rows, ['grasp'])}\n"


def test_every_metric_of_a_committed_table_has_its_row():
    assert {f"acc_{n}" for n in AT} <= set(METRICS)
    for path in (Path(__file__).parents[2] / "results/tables").glob("*.csv"):
        with open(path, newline="") as file:
            assert {row["metric"] for row in csv.DictReader(file) if "metric" in row} <= set(METRICS), path


def test_without_labels_what_is_a_sample_that_was_learned_from_is_not_a_number_and_nothing_warns():
    nothing = [0.0, 0.0, 0.0]
    unlabelled = record(taught=nothing, surprise=nothing, inference_steps=nothing, residual=nothing)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = measure(unlabelled)
        assert values["labelled"] == 0
        assert np.isnan([values[name] for name in ("inference_steps", "residual", "surprise_error_correlation")]).all()
        rows = {row.metric for row in summarise([unlabelled, unlabelled | {"seed": 1}])}
        assert "acc" in rows
        assert "residual" not in rows


def test_groups_that_a_probe_did_not_draw_are_left_out():
    nan = np.nan
    accuracy = [
        [nan, 0.1, 0.1, 0.2],
        [nan, nan, nan, 0.0],
        [0.0, 0.8, 0.8, 0.4],
        [nan, 0.2, 0.0, nan],
        [0.9, 0.4, 0.2, 0.7],
    ]
    drawn = record(probe_accuracy=accuracy)
    values = measure(drawn)
    # By task: [0.1, 0.2], [-, 0], [0.8, 0.2], [0.1, -], [0.3, 0.8]; the probe after step 2 says nothing of task 0, so
    # that the one after step 4 stands for both, and the one after step 6 is of task 0 alone.
    assert values["acc"] == pytest.approx(55)
    assert values["aaa"] == pytest.approx(100 * (4 * 0.8 + 2 * 0.1 + 2 * 0.55) / 8)
    assert values["fwt"] == pytest.approx(100 * (0.2 - 0.2))
    assert values["min_acc"] == pytest.approx(10)
    # Neither is task 1 known after step 6, but it is after step 8, where it stands at its plateau.
    assert values["samples_to_learn"] == pytest.approx(20)
    assert values["half_life"] == pytest.approx(0.8)
    # Nothing at all is known of what was just taught.
    blind = np.asarray(drawn["probe_accuracy"])
    blind[2, 1:3], blind[4, [0, 3]] = nan, nan
    assert np.isnan(measure(drawn | {"probe_accuracy": blind})["half_life"])


def test_a_load_of_random_labels_is_measured_in_bits():
    # Two groups of 8 pairs under 2 labels, taught until steps 4 and 8: all or nothing is recalled, so a pair is a bit.
    load = record(
        config='{"stream": {"kind": "load", "labels": 2, "batch": 5}}',
        group_count=[8, 8],
        group_task=[0, 1],
        probe_accuracy=[[0.5, 0.5], [1.0, 0.5], [1.0, 0.5], [0.0, 0.5], [0.5, 1.0]],
    )
    bits = {name: value for name, value in measure(load).items() if name.startswith("bits_")}
    assert bits == pytest.approx(
        {
            "bits_gained": 16,
            "bits_lost": 8,
            "bits_held": 8,
            "bits_gained_per_lost": 2,
            "bits_gained_per_byte": 16 / 1200,
            "bits_held_per_byte": 8 / 1200,
        }
    )
    assert not [name for name in measure(record()) if name.startswith("bits_")]


def test_a_stream_without_held_out_samples_has_what_was_measured_while_it_was_lived():
    nothing = {"probe_steps": [], "probe_accuracy": [], "group_count": [], "group_task": [], "task_ends": []}
    every = measure(record())
    held_out = {*TASK_METRICS, "half_life", "samples_to_learn"}
    assert measure(record(**nothing)) == {name: every[name] for name in every if name not in held_out}


def test_rows_over_seeds():
    better = record(seed=1, hits=[6, 8, 9])
    rows = {row.metric: row for row in summarise([record(), better])}
    row = rows["prequential_acc"]
    # Student's 97.5 % quantile for one degree of freedom is 12.7062; 42.5 and 57.5 have the standard error 7.5.
    assert (row.mean, row.low, row.high) == pytest.approx((50, 50 - 12.7062 * 7.5, 50 + 12.7062 * 7.5), abs=1e-3)
    assert (row.seeds, row.runs, row.diverged, row.commits, row.jax) == (2, 2, 0, "01234567", "0.10.2")
    assert row.command == "python -m experiments.run --experiment=twin --streams=split --learners=pcn --seeds=2"


def test_undefined_metrics_are_left_out_and_never_is_infinite():
    # Nothing is ever learned on a shuffled stream: no transfer is defined, no plateau is reached.
    rows = {row.metric: row for row in summarise([record(task_ends=[8, 8], probe_accuracy=np.zeros((5, 4)))])}
    assert "bwt" not in rows
    assert "half_life" not in rows
    assert rows["samples_to_learn"].mean == np.inf
    assert np.isnan(rows["samples_to_learn"].low)


def test_tasks_that_never_end_are_measured_as_if_they_ended_with_the_stream():
    assert measure(record(task_ends=[])) == pytest.approx(measure(record(task_ends=[8, 8])), nan_ok=True)


def test_table_shows_intervals_of_results_and_not_of_costs():
    rows = summarise([record(), record(seed=1, hits=[6, 8, 9])])
    text = table(rows, ["prequential_acc", "state_bytes", "ms_per_step", "nonsense"], "github")
    cells = [cell.strip() for cell in text.splitlines()[-1].strip("|").split("|")]
    assert cells == ["split", "pcn", "2", "50.0 [-45.3, 145.3]", "1,200", "0.25", "-"]


def cells_of(runs, wanted):
    text = table(summarise(runs), wanted, "github")
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


def test_a_run_that_diverged_is_marked_and_takes_no_metric_from_the_others():
    lost = {
        "surprise": [30.0, np.nan, np.nan],
        "inference_steps": [300.0, np.nan, np.nan],
        "status": "diverged at step 9",
    }
    runs = [record(seed=seed, **(lost if seed == 3 else {})) for seed in range(10)]
    rows = {row.metric: row for row in summarise(runs)}
    assert (rows["acc"].seeds, rows["acc"].runs, rows["acc"].diverged) == (10, 10, 1)
    assert (rows["inference_steps"].seeds, rows["inference_steps"].mean) == (9, 20)
    assert rows["surprise_error_correlation"].seeds == 9
    (cells,) = cells_of(runs, ["prequential_acc", "inference_steps"])
    assert cells == ["split", "pcn", "10 (1 diverged)", "42.5 [42.5, 42.5]", "20 (9 seeds)"]


def test_rows_of_two_commits_or_versions_say_so():
    others = [record(seed=1, **made_by("abc" * 4)), record(seed=2, **made_by(dirty=True, jax="0.11.2"))]
    runs = [record(), *others, record(learner="er", **made_by("abc" * 4))]
    (er,), (pcn,) = (
        [row for row in summarise(runs) if (row.learner, row.metric) == (name, "acc")] for name in ("er", "pcn")
    )
    assert (er.commits, er.jax) == ("abcabcab", "0.10.2")
    assert (pcn.commits, pcn.jax) == ("01234567 01234567+ abcabcab", "0.10.2 0.11.2")
    assert [cells[2] for cells in cells_of(runs, ["acc"])] == ["1", "3 (3 commits, 2 JAX versions)"]


@pytest.mark.slow
def test_evaluation_of_records_imports_no_jax():
    others = "acquisition, classes, contexts, metrics, offline, reactions, requests, shifts, summary"
    code = f"import sys; from pcl.evaluation import {others}; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
