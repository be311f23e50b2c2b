"""Each example of predictive coding in docs/examples runs, draws, and shows what its first line says."""

import runpy
from pathlib import Path

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


def test_classifier(main):
    assert main("classifier", 5) > 0.9


@pytest.mark.slow
def test_convolutional(main):
    assert main("convolutional", 2) > 0.75


@pytest.mark.slow
def test_nudged_outputs_learn_more_than_clamped_ones(main):
    accuracy = main("nudging", 10)
    assert accuracy.pop("none") < min(accuracy.values())
    assert min(accuracy.values()) > 0.93


@pytest.mark.slow
def test_mupc_learns_through_layers_that_the_standard_form_does_not_learn_through(main):
    accuracy = main("depth", 16)
    assert accuracy.pop("muPC") > max(0.85, max(accuracy.values()) + 0.05)
