"""The place of a process among those of its launcher, as the launcher's variables say it."""

import pytest

from pcl.errors import UsageError
from pcl.runner.hosts import Place, join, place

MPI = {"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "8"}
STEP = {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "4"}
ARRAY = {
    "SLURM_ARRAY_TASK_ID": "14",
    "SLURM_ARRAY_TASK_MIN": "10",
    "SLURM_ARRAY_TASK_STEP": "2",
    "SLURM_ARRAY_TASK_COUNT": "5",
}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (MPI, Place(3, 8)),
        ({"PMI_RANK": "0", "PMI_SIZE": "2"}, Place(0, 2)),
        (STEP, Place(1, 4)),
        (MPI | {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}, Place(3, 8)),  # mpirun, whose daemons srun starts
        ({"TPU_WORKER_ID": "2", "TPU_WORKER_HOSTNAMES": "a,b,c,d"}, Place(2, 4)),
        (ARRAY, Place(2, 5)),  # jobs 10, 12, 14, 16, 18
        (ARRAY | {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, Place(2, 5)),  # in a job's script, outside srun
        (ARRAY | STEP, Place(2 * 4 + 1, 5 * 4)),
    ],
)
def test_the_launcher_numbers_the_processes(environment, expected):
    assert place(environment) == expected


def test_all_jobs_of_an_array_and_their_tasks_have_places_of_their_own():
    jobs = [ARRAY | {"SLURM_ARRAY_TASK_ID": str(job)} for job in (10, 12, 14, 16, 18)]
    places = [place(job | STEP | {"SLURM_PROCID": str(task)}) for job in jobs for task in range(4)]
    assert places == [Place(rank, 20) for rank in range(20)]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "no launcher has numbered this process .* start it by srun or mpirun, or number"),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "4"}, "no launcher"),  # every process of the script would be number 1
        (MPI | {"OMPI_COMM_WORLD_RANK": "x"}, "OMPI_COMM_WORLD_RANK=x is not the number of a process"),
        (MPI | {"OMPI_COMM_WORLD_RANK": "8"}, "process 8 of 8, as the launcher says, cannot be"),
    ],
)
def test_what_numbers_no_process_is_one_line(environment, said):
    with pytest.raises(UsageError, match=f"^--coordinator=auto: .*{said}"):
        place(environment)


def test_processes_that_cannot_be_joined_are_one_line():
    """A backend is there already, as after a computation."""
    with pytest.raises(UsageError, match=r"^--coordinator=host:1: the processes cannot be joined \(.*srun or mpirun"):
        join("host:1", Place(0, 1))
