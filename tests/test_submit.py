"""Submission of a command as several processes: what SLURM or a TPU pod would get, and processes on this machine."""

import sys

import forked
import pytest

from pcl.cli.submit import Share
from pcl.runner.store import Store


def submitted(*arguments):
    return forked.run("pcl", "submit", *arguments)


def exits(tmp_path, *codes):
    """A process that ends with these exit codes, one after the other, and its command."""
    code = f"import sys; from pathlib import Path; tried = Path({str(tmp_path / 'tried')!r}); n = tried.stat().st_size"
    (tmp_path / "tried").touch()
    code += " ; tried.write_text('x' * (n + 1)); " + f"sys.exit({codes!r}[n])"
    return Share((sys.executable, "-c", code))


def test_a_process_that_is_killed_is_started_again_and_a_refused_one_is_not(tmp_path):
    assert exits(tmp_path, 137, 0)() == 2
    for name, codes, tries in (("refused", (2, 0), 1), ("hopeless", (143, 1, 143, 0), 3)):
        (tmp_path / name).mkdir()
        with pytest.raises(RuntimeError, match=f"exit code {codes[tries - 1]}$"):
            exits(tmp_path / name, *codes)()
        assert (tmp_path / name / "tried").stat().st_size == tries


def test_a_process_that_slurm_ends_is_queued_again_as_it_was():
    pytest.importorskip("submitit")
    again = Share(("a", "b")).checkpoint()
    assert again.function.command == ("a", "b")


@pytest.mark.slow
def test_the_script_asks_for_an_array_of_processes_that_claim_their_runs():
    pytest.importorskip("submitit")
    done = submitted("--to=slurm", "--processes=8", "--gpus=1", "--dry_run", "--", "--experiment=split_digits")
    assert done.returncode == 0, done.stderr
    for line in ("#SBATCH --array=0-7%8", "#SBATCH --gpus-per-node=1", "#SBATCH --time=60"):
        assert line in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1].endswith("-m pcl --experiment=split_digits --claim")


@pytest.mark.slow
def test_a_pod_s_line_and_what_is_refused():
    done = submitted("--to=tpu", "--tpu=pod", "--zone=here", "--", "--experiment=load", "--set", "width=1,2")
    assert done.stderr == ("error: width=1,2: only runs are submitted; write their flags as --name=value after --\n")
    done = submitted("--to=tpu", "--tpu=pod", "--zone=here", "--", "--experiment=load", "--set=width=1,2")
    assert done.stdout == (
        "gcloud compute tpus tpu-vm ssh pod --zone=here --worker=all"
        " '--command=pcl --experiment=load --set=width=1,2 --coordinator=auto'\n"
    )
    assert submitted("--", "--experiment=load").stderr == "error: --to is missing: slurm, local or tpu\n"


@pytest.mark.slow
def test_processes_of_this_machine_share_the_runs(tmp_path):
    pytest.importorskip("submitit")
    command = ("--experiment=split_digits", "--smoke", "--seeds=4", "--learners=ncm", "--streams=split_digits_iid_5")
    command += ("--max_width=2", f"--results_dir={tmp_path}")
    done = submitted("--to=local", "--processes=2", f"--logs={tmp_path / 'logs'}", "--", *command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 processes submitted: ")
    rows, bad = Store(tmp_path / "smoke", "split_digits").read()
    assert not bad
    assert sorted(row["seed"] for _, row in rows) == [0, 1, 2, 3]
