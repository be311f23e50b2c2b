"""`import pcl` is quick and shows what there is."""

import subprocess
import sys
from pathlib import Path

import pytest

import pcl
from pcl.runner.evaluation import Evaluation
from pcl.runner.run import make_run


def test_every_public_name_is_there_and_the_help_names_the_modules():
    for name in pcl.__all__:
        assert getattr(pcl, name) is not None
        assert name in dir(pcl)
    assert pcl.make_run is make_run
    assert pcl.Evaluation is Evaluation
    for name in ("learners", "streams", "network", "results", "make_run", "save"):
        assert f"pcl.{name}" in pcl.__doc__
    with pytest.raises(AttributeError, match="no attribute 'learner'; it has Evaluation, learners"):
        _ = pcl.learner


def test_importing_it_imports_nothing_heavy():
    script = (
        "import sys; before = set(sys.modules); import pcl; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["pcl"]


def test_the_citation_names_this_version():
    text = (Path(__file__).parents[1] / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {pcl.__version__}\n" in text
