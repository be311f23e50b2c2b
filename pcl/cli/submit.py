"""Submit a command of `pcl` to a cluster as several processes that share its runs.

pcl submit --to=slurm --processes=8 --minutes=120 --gpus=1 --partition=gpu -- --experiment=split_digits --seeds=100
pcl submit --to=slurm --processes=8 --dry_run -- --experiment=split_digits
pcl submit --to=tpu --tpu=my-pod --zone=us-central2-b -- --experiment=split_digits

On SLURM (by submitit, extra `slurm`) each process is a job of an array and executes the command with --claim: it starts
when there is room for it, and may be lost. A job that SLURM ends for its time or for others is queued again; one that
ends by a signal is started again on the spot, at most twice; a refused command (exit code 2) is not. `--to=local`
starts the processes on this machine. `--to=tpu` prints the line that starts the command on every worker of a pod.
"""

import importlib
import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from pcl.command import folder_flag
from pcl.errors import UsageError

FLAGS = flags.FLAGS
flags.DEFINE_enum("to", None, ["slurm", "local", "tpu"], "System on which the processes run.")
flags.DEFINE_integer("processes", 1, "Number of processes (jobs of the array).", lower_bound=1, upper_bound=1000)
flags.DEFINE_integer("minutes", 60, "Time limit of a job in minutes, after which it is queued again.", lower_bound=1)
flags.DEFINE_integer("gpus", 0, "GPUs per job.", lower_bound=0)
flags.DEFINE_integer("cpus", 1, "CPU cores per job.", lower_bound=1)
flags.DEFINE_string("partition", None, "Partition of the cluster.")
folder_flag("logs", "logs", "Folder for the output of the processes.")
flags.DEFINE_bool("dry_run", False, "Print the submission and exit.", allow_override=True)
flags.DEFINE_string("tpu", None, "Name of the TPU pod.")
flags.DEFINE_string("zone", None, "Zone of the TPU pod.")

ARGUMENTS = "the flags of the command that is to run, after --"
REFUSED = 2  # exit code of a command that would be refused again
TRIES = 3


class Share:
    """One process of the command; submitit queues it again where SLURM ends it."""

    def __init__(self, command: Sequence[str]):
        self.command = tuple(command)

    def __call__(self) -> int:
        """Execute the command until it ends well; returns how often it was started.

        Raises:
          RuntimeError: it was refused, or has failed `TRIES` times.
        """
        for tried in range(1, TRIES + 1):
            code = subprocess.run(self.command).returncode
            if code == 0:
                return tried
            if code == REFUSED:
                break
        raise RuntimeError(f"{shlex.join(self.command)} ended with exit code {code}")

    def checkpoint(self) -> Any:
        """The process to queue again: its finished runs are in the store, and its claims expire."""
        return _submitit().helpers.DelayedSubmission(self)


def main(*arguments: str) -> None:
    """Submit the command, or print what would be submitted.

    Raises:
      UsageError: a flag is missing or does not fit, or submitit or the cluster is not there.
    """
    if FLAGS.to is None:
        raise UsageError("--to is missing: slurm, local or tpu")
    if unknown := [text for text in arguments if not text.startswith("-")][:1]:
        raise UsageError(f"{unknown[0]}: only runs are submitted; write their flags as --name=value after --")
    if FLAGS.to == "tpu":
        print(_pod_line(arguments))
        return
    command = (sys.executable, "-m", "pcl", *arguments, "--claim")
    if FLAGS.dry_run:
        print(_script(command) if FLAGS.to == "slurm" else f"{FLAGS.processes} times: {shlex.join(command)}")
        return
    library = _submitit()
    try:
        executor = library.AutoExecutor(folder=FLAGS.logs, cluster=FLAGS.to)
    except RuntimeError as error:
        raise UsageError(f"--to={FLAGS.to}: {error}; submit from a machine of the cluster") from error
    options = {"timeout_min": FLAGS.minutes, "cpus_per_task": FLAGS.cpus, "gpus_per_node": FLAGS.gpus, "name": "pcl"}
    executor.update_parameters(**options, slurm_array_parallelism=FLAGS.processes, slurm_partition=FLAGS.partition)
    with executor.batch():
        jobs = [executor.submit(Share(command)) for _ in range(FLAGS.processes)]
    print(
        f"{len(jobs)} processes submitted: {', '.join(job.job_id for job in jobs)}; what they print is in {FLAGS.logs}"
    )
    if FLAGS.to == "local":
        for job in jobs:
            job.result()


def _script(command: Sequence[str]) -> str:
    """The script for sbatch, as submitit writes it, except for the line that unpacks the process."""
    _submitit()
    slurm = importlib.import_module("submitit.slurm.slurm")
    resources = {"time": FLAGS.minutes, "cpus_per_task": FLAGS.cpus, "gpus_per_node": FLAGS.gpus or None}
    array = {"map_count": FLAGS.processes, "array_parallelism": FLAGS.processes, "partition": FLAGS.partition}
    text: str = slurm._make_sbatch_string(shlex.join(command), FLAGS.logs, "pcl", **resources, **array)
    return text.strip()


def _pod_line(arguments: Sequence[str]) -> str:
    if not FLAGS.tpu or not FLAGS.zone:
        raise UsageError("--to=tpu: name the pod and its zone with --tpu and --zone")
    command = shlex.join(("pcl", *arguments, "--coordinator=auto"))
    line = ("gcloud", "compute", "tpus", "tpu-vm", "ssh", FLAGS.tpu, f"--zone={FLAGS.zone}", "--worker=all")
    return shlex.join((*line, f"--command={command}"))


def _submitit() -> Any:
    try:
        return importlib.import_module("submitit")
    except ImportError as error:
        raise UsageError(f"pcl submit needs submitit ({error}): pip install 'pcl-jax[slurm]'") from error
