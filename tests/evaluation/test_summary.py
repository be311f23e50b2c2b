"""From a record to metrics, rows and a table."""

import subprocess
import sys

import numpy as np
import pytest

from pcl.evaluation.summary import TASK_METRICS, measure, summarise, table


def record(**changes):
    """Two tasks of two classes; 4 steps of 5 samples each, a probe after every second step, bins of 3 steps."""
    return {
        "experiment": "twin",
        "stream": "split",
        "learner": "pcn",
        "variant": "{}",
        "seed": 0,
        "config": '{"stream": {"kind": "split", "batch": 5}}',
        "state_bytes": 1200,
        "flops_per_sample": 700.0,
        "cost_ratio": 3.5,
        "chance": 0.0,
        "steps": 8,
        "log_every": 3,
        "task_ends": [4, 8],
        "probe_steps": [0, 2, 4, 6, 8],
        "group_count": [10, 10, 10, 10],
        "group_task": [1, 0, 0, 1],
        "probe_accuracy": [
            [0.0, 0.1, 0.1, 0.2],
            [0.0, 0.4, 0.6, 0.0],
            [0.0, 0.8, 0.8, 0.4],
            [0.3, 0.2, 0.0, 0.5],
            [0.9, 0.4, 0.2, 0.7],
        ],
        "seen": [15, 15, 10],
        "taught": [15, 15, 10],
        "hits": [3, 6, 8],
        "confidence": [0.0, 0, 0, 0, 0, 10.4, 0, 0, 0, 17.1],
        "confident_hits": [0, 0, 0, 0, 0, 8, 0, 0, 0, 9],
        "confident": [0, 0, 0, 0, 0, 20, 0, 0, 0, 20],
        "surprise": [30.0, 15.0, 5.0],
        "input_surprise": [20.0, 15.0, 5.0],
        "inference_steps": [300.0, 300.0, 200.0],
        "residual": [1.5, 1.5, 1.0],
        "revisit_accuracy": None,
        "timing": {"ms_per_step": 0.25},
    } | changes


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
            "labelled": 100,
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
    values = measure(record(surprise=None, input_surprise=None, inference_steps=None, residual=None))
    assert "surprise_error_correlation" not in values
    assert not {"input_surprise", "inference_steps", "residual"} & set(values)
    mixed = summarise([record(), record(seed=1, residual=None)])
    assert "inference_steps" in {row.metric for row in mixed}
    assert "residual" not in {row.metric for row in mixed}


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
    assert (row.mean, row.low, row.high) == pytest.approx((50, 42.5, 57.5))
    assert row.seeds == 2
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
    assert cells == ["split", "pcn", "2", "50.0 [42.5, 57.5]", "1,200", "0.25", "-"]


def test_evaluation_of_records_imports_no_jax():
    others = "acquisition, calibration, metrics, prequential, retention, shifts, statistics, summary"
    code = f"import sys; from pcl.evaluation import {others}; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
