"""Each example of predictive coding in docs/examples runs, draws, and shows what its first line says."""

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


@pytest.fixture
def main(tmp_path, capsys):
    """Runs an example with a size: what it returns; its figure is there, and it printed one line."""

    def run(name, size):
        found = runpy.run_path(EXAMPLES / f"pc_{name}.py")["main"](tmp_path, size)
        assert [path.stem for path in tmp_path.iterdir()] == [f"pc_{name}"]
        assert next(tmp_path.iterdir()).stat().st_size > 5000
        assert len(capsys.readouterr().out.splitlines()) == 1
        return found

    return run


def test_no_example_is_longer_than_forty_lines():
    for path in EXAMPLES.glob("pc_*.py"):
        assert len(path.read_text().splitlines()) <= 40, path


@pytest.mark.slow
def test_classifier(main):
    assert main("classifier", 5) > 0.9


@pytest.mark.slow
def test_convolutional(main):
    assert main("convolutional", 2) > 0.75


@pytest.mark.slow
def test_completions_are_nearer_than_the_mean_image(main):
    error, mean_error = main("completion", 8)
    assert error < 0.85 * mean_error


def test_a_sine_is_predicted_and_continued_alone(main):
    error, alone = main("sine", 3000)
    assert error < 0.001  # 0.031 if the last observation is repeated
    assert alone < 0.1  # 0.5 if nothing but its mean is known


@pytest.mark.slow
def test_rotating_digits_are_predicted(main):
    error, still = main("rotation", 40)
    assert error < still / 4


@pytest.mark.slow
def test_learned_precisions_are_those_of_the_noise(main):
    deviation, found, error = main("precision", 20)
    np.testing.assert_allclose(found, deviation, atol=0.15)  # 1347 samples: a twentieth of 1.5 is two deviations
    assert error["diagonal"] < 0.85 * error["identity"]


@pytest.mark.slow
def test_nudged_outputs_learn_more_than_clamped_ones(main):
    accuracy = main("nudging", 10)
    assert accuracy.pop("none") < min(accuracy.values())
    assert min(accuracy.values()) > 0.93


@pytest.mark.slow
def test_mupc_learns_through_layers_that_the_standard_form_does_not_learn_through(main):
    accuracy = main("depth", 16)
    assert accuracy.pop("muPC") > max(0.85, max(accuracy.values()) + 0.05)
