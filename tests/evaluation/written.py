"""A record that is written down."""

LOGGED = {"surprise": "taught", "input_surprise": "seen", "inference_steps": "taught", "residual": "taught"}


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
        "taught": [15, 10, 5],
        "hits": [3, 6, 8],
        "confidence": [0.0, 0, 0, 0, 0, 10.4, 0, 0, 0, 17.1],
        "confident_hits": [0, 0, 0, 0, 0, 8, 0, 0, 0, 9],
        "confident": [0, 0, 0, 0, 0, 20, 0, 0, 0, 20],
        "surprise": [30.0, 10.0, 2.5],
        "input_surprise": [20.0, 15.0, 5.0],
        "inference_steps": [300.0, 200.0, 100.0],
        "residual": [1.5, 1.0, 0.5],
        "logged": LOGGED,
        "revisit_accuracy": None,
        "timing": {"ms_per_step": 0.25},
        "status": "ok",
        "provenance": {"commit": "0123456789", "dirty": False, "versions": '{"jax": "0.10.2"}'},
    } | changes


def made_by(commit="0123456789", jax="0.10.2", dirty=False):
    return {"provenance": {"commit": commit, "dirty": dirty, "versions": f'{{"jax": "{jax}"}}'}}
