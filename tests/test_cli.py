"""The command `pcl`: its first argument names what is done; messages name commands that exist where they are read."""

import importlib.util
import sys
from pathlib import Path

import pytest

from pcl import __version__, cli, commands
from pcl.experiment import experiment_names, load_experiment

ROOT = Path(__file__).parents[1]


@pytest.fixture
def started(monkeypatch):
    """What `pcl` starts, and the command line that this sees, instead of starting it."""
    found = []
    monkeypatch.setattr(cli, "start", lambda name: found.append((name, sys.argv)))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["pcl", *arguments])
        cli.main()
        return found.pop()

    return call


def test_the_first_argument_names_a_command_and_is_taken_from_the_line(started):
    assert started("figures", "--only=fig_wall") == ("figures", ["pcl figures", "--only=fig_wall"])
    assert started("report", "a:b:c") == ("report", ["pcl report", "a:b:c"])


def test_the_version_is_that_of_the_package_and_nothing_is_started(monkeypatch, capsys):
    monkeypatch.setattr(cli, "start", lambda name: pytest.fail(f"{name} was started"))
    monkeypatch.setattr(sys, "argv", ["pcl", "--version"])
    cli.main()
    assert capsys.readouterr().out == f"pcl {__version__}\n"


def test_without_a_command_an_experiment_is_run(started):
    assert started() == ("run", ["pcl"])
    assert started("--experiment=load", "figures") == ("run", ["pcl", "--experiment=load", "figures"])


def test_an_unknown_command_is_one_line_that_names_those_there_are(started, capsys):
    with pytest.raises(SystemExit) as ended:
        started("figure")
    assert ended.value.code == 2
    known = ", ".join(commands.COMMANDS)
    assert capsys.readouterr().err == (
        f"error: unknown command 'figure'; known: {known}. Settings are written --set name=value\n"
    )


@pytest.mark.parametrize("module", commands.COMMANDS.values())
def test_every_command_has_its_module(module):
    assert importlib.util.find_spec(module) is not None


def test_messages_name_the_commands_of_a_clone_in_its_folder_and_else_those_of_an_installed_copy(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert [commands.called(name) for name in ("run", "check", "conform")] == [
        "python -m experiments.run",
        "python -m scripts.check_results",
        "python -m pcl conform",
    ]
    monkeypatch.chdir(tmp_path)
    assert [commands.called(name) for name in ("run", "check")] == ["pcl", "pcl check"]


def test_help_names_commands_as_they_are_called(tmp_path, monkeypatch):
    text = "python -m scripts.make_figures, python -m pcl.runs list, python -m pcl conform x, python -m experiments.run"
    monkeypatch.chdir(tmp_path)
    assert commands.as_called(text) == "pcl figures, pcl runs list, pcl conform x, pcl"
    monkeypatch.chdir(ROOT)
    assert commands.as_called(text) == text.replace("pcl.runs", "pcl runs")


def test_experiments_are_found_and_import_each_other_under_the_name_that_they_are_installed_by():
    assert {"split_digits", "split_mnist", "split_fashion_mnist"} <= set(experiment_names())
    assert load_experiment("split_fashion_mnist").name == "split_fashion_mnist"
    assert "pcl.experiments.split_mnist" in sys.modules
