"""Each example of predictive coding in docs/examples runs, draws, and shows what its first line says."""

import re
import runpy
import textwrap
from pathlib import Path

import numpy as np
import pytest

from pcl import network as pc

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS / "examples"
PAGE = (DOCS / "network.md").read_text(encoding="utf-8")


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


def test_the_page_shows_the_example_of_the_docstring_and_names_everything():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert textwrap.indent(code, "    ") in pc.__doc__
    for path in re.findall(r"\]\((?!http)(.*?)\)", PAGE):
        assert (DOCS / path).exists(), path
    assert set(EXAMPLES.glob("pc_*.py")) == {DOCS / path for path in re.findall(r"\]\((examples/.*?)\)", PAGE)}
    for name in (*pc.OUTPUTS, *pc.PRECISIONS, *pc.NUDGES, *pc.INITS):
        assert f"`{name}`" in PAGE, name
    rates = dict(re.findall(r"^\| `(\w+)` \|.*?\| (?:yes|no|within a layer) \| (\S+) \|", PAGE, re.MULTILINE))
    assert set(rates) == set(pc.RULES)
    assert all(rates[name] in ("none", f"{rule.rate:g}") for name, rule in pc.RULES.items())


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
    assert accuracy.pop("muPC, lr 0.03") > max(0.85, max(accuracy.values()) + 0.05)
