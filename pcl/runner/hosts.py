"""The processes of one command on several machines: the number of this one, and joining them to one mesh."""

import os
from collections.abc import Mapping
from typing import NamedTuple

import jax

from pcl.errors import UsageError, shown

# Variables with the index of a process and their number, by launcher; `mpirun` within SLURM sets those of both.
LAUNCHERS = {
    "Open MPI": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    "MPICH and Intel MPI": ("PMI_RANK", "PMI_SIZE"),
    "srun": ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
}
ARRAY = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT")
POD = ("TPU_WORKER_ID", "TPU_WORKER_HOSTNAMES")


class Place(NamedTuple):
    """One of `size` processes, which are numbered from 0."""

    rank: int
    size: int


def place(environment: Mapping[str, str] = os.environ) -> Place:
    """The place of this process, by the variables of its launcher; of several jobs of an array, among all of them.

    Raises:
      UsageError: no launcher has numbered this process, or its variables are not valid numbers.
    """
    inner = _launched(environment)
    first, least, step, jobs = ARRAY
    if first in environment:
        job = (_number(environment, first) - _number(environment, least, "0")) // _number(environment, step, "1")
        inner = inner or Place(0, 1)
        inner = Place(job * inner.size + inner.rank, _number(environment, jobs, "1") * inner.size)
    if inner is None and jax.process_count() > 1:  # a TPU knows of its pod without any variables
        inner = Place(jax.process_index(), jax.process_count())
    if inner is None:
        known = ", ".join(name for name, _ in (*LAUNCHERS.values(), ARRAY[:2], POD))
        raise UsageError(
            f"--coordinator=auto: no launcher has numbered this process ({known} are not set): start it by srun or"
            " mpirun, or number the processes with --num_shards and --shard_index"
        )
    if not 0 <= inner.rank < inner.size:
        raise UsageError(f"--coordinator=auto: process {inner.rank} of {inner.size}, as the launcher says, cannot be")
    return inner


def join(address: str | None = None, number: Place | None = None) -> None:
    """Connect the processes so that their devices form one mesh; each waits here until all have come.

    Without an address JAX finds it, and the numbers of the processes, in what SLURM, MPI or a TPU pod says. If one of
    the processes is lost, the others end too. To be called before the first computation.

    Raises:
      UsageError: no launcher gives the address and numbers, or the processes cannot connect.
    """
    rank, size = (number.rank, number.size) if number else (None, None)
    try:
        jax.distributed.initialize(address, size, rank)
    except (RuntimeError, ValueError) as error:
        named = "auto" if address is None else shown(address)
        raise UsageError(
            f"--coordinator={named}: the processes cannot be joined ({str(error).splitlines()[0]}): start them by srun"
            " or mpirun, or name HOST:PORT of the first with --num_shards and --shard_index"
        ) from error


def _launched(environment: Mapping[str, str]) -> Place | None:
    for index, count in LAUNCHERS.values():
        if index in environment and count in environment:
            return Place(_number(environment, index), _number(environment, count))
    index, hosts = POD
    if index in environment and hosts in environment:
        return Place(_number(environment, index), len(environment[hosts].split(",")))
    return None


def _number(environment: Mapping[str, str], name: str, default: str = "") -> int:
    text = environment.get(name, default)
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"--coordinator=auto: {name}={shown(text)} is not the number of a process")
    return int(text)
