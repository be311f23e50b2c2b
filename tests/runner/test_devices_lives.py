"""Learners live on any number of CPU devices: none waits for itself, and the number changes no answer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import forked
import numpy as np
import pytest

from pcl.learners import REGISTRY
from tests.runner.lives import KINDS, SEEDS

ROOT = Path(__file__).parents[2]
LIMIT = 300  # seconds for a life with its compilation; one that waits for itself would take for ever
UNBATCHED = ("parallax", "parallax_single", "parallax_told", "reopening_parallax")  # side by side: slow to compile


def start(count, mode, names):
    """A process with so many CPU devices in which some learners live."""
    if str(count) == os.environ["JAX_NUM_CPU_DEVICES"]:
        return forked.Forked("tests.runner.lives", mode, ",".join(names))
    command = (sys.executable, "-m", "tests.runner.lives", mode, ",".join(names))
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": str(count)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def lives(process, limit=LIMIT):
    """What its learners said, by name."""
    try:
        output, error = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"still alive after {limit} s, having said: {process.communicate()[0][:200]}") from None
    assert process.returncode == 0, error
    return {said["name"]: said for said in map(json.loads, output.splitlines())}


@pytest.mark.slow
def test_there_are_as_many_devices_as_are_asked_for_however_often():
    told = "from pcl.runner import devices; devices.configure(); devices.configure()"
    code = f"{told}; import jax; print(jax.device_count())"
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "3"}
    done = subprocess.run((sys.executable, "-c", code), cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "3", done.stderr


@pytest.mark.slow
def test_parallax_lives_on_two_devices():
    said = lives(start(2, "map", ["parallax"]))["parallax"]
    hits = np.asarray(said["hits"])
    assert said["devices"] == 2
    assert hits.shape == (SEEDS, 120)
    assert hits[:, 100:].mean() > 0.5  # of ten classes, in the first context again
    assert np.isfinite(said["surprise"]).all()


@pytest.mark.slow
@pytest.mark.long
def test_records_on_one_two_and_four_devices_agree():
    names = [*REGISTRY, *KINDS]
    processes = [start(count, "map", names) for count in (1, 2, 4)]
    alone, *others = (lives(process, 4 * LIMIT) for process in processes)
    assert list(alone) == names
    for count, together in zip((2, 4), others, strict=True):
        for name in names:
            one, many = alone[name], together[name]
            assert (one["devices"], many["devices"]) == (1, count)
            exact = (
                np.testing.assert_array_equal if REGISTRY[KINDS.get(name, name)].labels else np.testing.assert_allclose
            )
            exact(many["hits"], one["hits"], err_msg=name)
            # One program in another place: what compilers may order otherwise is the rounding of a sum.
            np.testing.assert_allclose(many["surprise"], one["surprise"], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.long
def test_runs_side_by_side_on_two_devices_end_and_agree_with_those_in_turn():
    names = [name for name in (*REGISTRY, *KINDS) if name not in UNBATCHED]
    processes = [start(2, mode, names) for mode in ("vmap", "map")]
    beside, in_turn = (lives(process, 4 * LIMIT) for process in processes)
    assert list(beside) == names
    for name in names:
        np.testing.assert_allclose(beside[name]["hits"], in_turn[name]["hits"], atol=1e-3, err_msg=name)
        np.testing.assert_allclose(
            beside[name]["surprise"], in_turn[name]["surprise"], rtol=1e-3, atol=1e-4, err_msg=name
        )
